"""A download that is interrupted goes on where it was, and is durable when it has its name."""

import errno
import os
from pathlib import Path

import pytest

from tests.support.disk import record_disk
from walrusd.storage.part_file import PartFile

TAG = "0123"


def left(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_finished_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = record_disk(monkeypatch)
    part = PartFile(tmp_path / "out", TAG, 8)
    part.write(4, b"last")
    part.write(0, b"half")
    part.finish()
    assert calls == [
        ("fsync", f".out.{TAG}.part"),
        ("replace", "out"),
        ("fsync", tmp_path.name),
    ]
    assert (tmp_path / "out").read_bytes() == b"halflast"
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600
    assert left(tmp_path) == ["out"]


def test_a_part_is_resumed_and_another_content_is_not(tmp_path: Path) -> None:
    first = PartFile(tmp_path / "out", TAG, 8)
    assert not first.resumed
    first.write(0, b"half")
    first.close()
    again = PartFile(tmp_path / "out", TAG, 8)
    assert again.resumed
    assert again.read(0, 8) == b"half" + bytes(4)
    again.close()
    other = PartFile(tmp_path / "out", "4567", 8)
    assert not other.resumed
    other.discard()
    assert left(tmp_path) == [f".out.{TAG}.part"]


def test_a_part_of_another_size_is_not_resumed(tmp_path: Path) -> None:
    PartFile(tmp_path / "out", TAG, 8).close()
    other = PartFile(tmp_path / "out", TAG, 9)
    assert not other.resumed
    other.discard()
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "keeps"),
    [
        (errno.ENOSPC, False),
        (errno.EDQUOT, False),
        (errno.EFBIG, False),
        (errno.EIO, True),
        (errno.EROFS, True),
    ],
)
def test_a_part_that_fills_the_disk_is_removed(tmp_path: Path, monkeypatch, number, keeps) -> None:
    """Any other could be resumed."""
    part = PartFile(tmp_path / "out", TAG, 8)

    def fail(*_arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(OSError, match=r"."):
        part.write(0, b"half")
    part.close()
    part.close()
    assert left(tmp_path) == ([f".out.{TAG}.part"] if keeps else [])


def test_a_write_may_take_several_calls(tmp_path: Path, monkeypatch) -> None:
    part, pwrite = PartFile(tmp_path / "out", TAG, 8), os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, bytes(data)[:3], at))
    part.write(0, b"half")
    part.write(4, b"last")
    part.finish()
    assert (tmp_path / "out").read_bytes() == b"halflast"


def test_a_part_that_cannot_get_its_size_is_removed(tmp_path: Path, monkeypatch) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))

    def fail(*_arguments: object) -> None:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    monkeypatch.setattr(os, "ftruncate", fail)
    with pytest.raises(OSError, match=r"."):
        PartFile(tmp_path / "out", TAG, 8)
    assert left(tmp_path) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_part_is_cut_to_the_size_of_what_was_received(tmp_path: Path) -> None:
    """A whole blob, whose size is not known before."""
    part = PartFile(tmp_path / "out", TAG, 0)
    part.write(0, b"any")
    part.finish()
    assert (tmp_path / "out").read_bytes() == b"any"
    again = PartFile(tmp_path / "next", TAG, 0)
    again.write(0, b"left over")
    again.close()
    other = PartFile(tmp_path / "next", TAG, 0)
    assert not other.resumed
    assert other.read(0, 9) == b""
    other.discard()
