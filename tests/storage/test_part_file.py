"""A download that is interrupted goes on where it was, and is durable when it has its name."""

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
