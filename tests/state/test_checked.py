"""A file that passed is not read again until it is another file."""

import os
from pathlib import Path

import pytest

from walrusd.state import checked as module
from walrusd.state.checked import CheckedFiles, read_stamp


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "model"
    found.write_bytes(b"abc")
    CheckedFiles().note(found, "root", read_stamp(found))
    return found


def test_it_is_remembered_also_by_the_next_process(path: Path) -> None:
    for _restart in range(2):
        checked = CheckedFiles()
        assert checked.holds(path, "root")
        assert not checked.holds(path, "another root")


def test_several_checks_of_one_file_are_remembered(path: Path) -> None:
    CheckedFiles().note(path, "another root", read_stamp(path))
    assert CheckedFiles().holds(path, "root")
    assert CheckedFiles().holds(path, "another root")


def _rewrite(path: Path) -> None:
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # the kernel's clock ticks coarsely
        path.write_bytes(b"abd")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"abc")
    other.replace(path)


def _grow(path: Path) -> None:
    path.write_bytes(b"abcd")


@pytest.mark.parametrize("change", [_rewrite, _replace, _grow, Path.unlink])
def test_another_file_in_its_place_is_not(path: Path, change) -> None:
    checked = CheckedFiles()
    assert checked.holds(path, "root")
    change(path)
    assert not checked.holds(path, "root")
    assert not CheckedFiles().holds(path, "root")


def test_what_changed_while_it_was_checked_has_not_passed(path: Path) -> None:
    checked, stamp = CheckedFiles(), read_stamp(path)
    _grow(path)
    checked.note(path, "root", stamp)
    assert not checked.holds(path, "root")
    assert not CheckedFiles().holds(path, "root")


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b'{"stamp": 5, "claims": []}'])
def test_a_damaged_record_says_nothing(path: Path, record: bytes) -> None:
    path.with_name("model.checked").write_bytes(record)
    assert not CheckedFiles().holds(path, "root")


def test_a_full_disk_costs_the_memory_and_not_the_check(path: Path, monkeypatch) -> None:
    def refuse(_path: Path, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("walrusd.state.checked.write_atomically", refuse)
    checked = CheckedFiles()
    checked.note(path, "another root", read_stamp(path))
    assert checked.holds(path, "another root")
    assert not CheckedFiles().holds(path, "another root")


def test_only_the_checks_used_last_are_kept_in_memory(path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    checked = CheckedFiles()
    for claim in ("a", "b", "c"):
        checked.note(path, claim, read_stamp(path))
    path.with_name("model.checked").unlink()
    assert [checked.holds(path, claim) for claim in ("a", "b", "c")] == [False, True, True]
