"""The watcher finds each way of writing that a power cut undoes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .crashes import MOST, Crash, Disk, Unfinished

OLD, NEW = b"old content", b"new, and longer content"


def flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def write_rightly(path: Path) -> None:
    part = path.with_name("part")
    part.write_bytes(NEW)
    flush(part)
    part.replace(path)
    flush(path.parent)


def write_in_place(path: Path) -> None:
    path.write_bytes(NEW)
    flush(path)
    flush(path.parent)


def name_before_flushing(path: Path) -> None:
    part = path.with_name("part")
    part.write_bytes(NEW)
    part.replace(path)
    flush(path)
    flush(path.parent)


def never_flush_the_content(path: Path) -> None:
    part = path.with_name("part")
    part.write_bytes(NEW)
    part.replace(path)
    flush(path.parent)


def flush_before_writing(path: Path) -> None:
    """As with a buffer that was not emptied before."""
    part = path.with_name("part")
    part.touch()
    flush(part)
    part.write_bytes(NEW)
    part.replace(path)
    flush(path.parent)


def never_flush_the_name(path: Path) -> None:
    part = path.with_name("part")
    part.write_bytes(NEW)
    flush(part)
    part.replace(path)


def remove_the_old_one_first(path: Path) -> None:
    part = path.with_name("part")
    part.write_bytes(NEW)
    flush(part)
    path.unlink()
    part.replace(path)
    flush(path.parent)


def crash(tmp_path: Path, monkeypatch, write: Callable[[Path], None]) -> list[Crash]:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    disk = Disk(tmp_path)
    with disk.watch(monkeypatch):
        write(path)
        disk.say_done("written")
    return disk.crashes()


def find_mistakes(crashes: list[Crash]) -> set[str]:
    """Return what is wrong in any state: a torn file, none, or an old one that was replaced."""
    found = set()
    for each in crashes:
        content = each.files.get("file")
        if content not in {OLD, NEW}:
            found.add("none" if content is None else "torn")
        elif content == OLD and each.done:
            found.add("old")
    return found


@pytest.mark.parametrize(
    ("write", "mistakes"),
    [
        (write_rightly, set()),
        (write_in_place, {"torn"}),
        (name_before_flushing, {"torn"}),
        (never_flush_the_content, {"torn"}),
        (flush_before_writing, {"torn"}),
        (never_flush_the_name, {"old"}),
        (remove_the_old_one_first, {"none"}),
    ],
)
def test_each_wrong_way_of_writing_is_found(tmp_path, monkeypatch, write, mistakes) -> None:
    assert find_mistakes(crash(tmp_path, monkeypatch, write)) == mistakes


def test_a_cut_may_come_at_any_moment(tmp_path, monkeypatch) -> None:
    found = crash(tmp_path, monkeypatch, write_rightly)
    assert {each.files["file"] for each in found} == {OLD, NEW}
    parts = {each.files.get("part") for each in found}
    assert {None, b"", NEW, NEW[: len(NEW) // 2], bytes(len(NEW))} <= parts


def test_a_name_may_be_lost_although_its_file_was_flushed(tmp_path, monkeypatch) -> None:
    disk = Disk(tmp_path)
    with disk.watch(monkeypatch):
        (tmp_path / "new").write_bytes(NEW)
        flush(tmp_path / "new")
        disk.say_done("written")
    done = [each.files for each in disk.crashes() if each.done]
    assert done == [{}, {"new": NEW}]


def test_changes_of_names_are_lost_one_by_one(tmp_path, monkeypatch) -> None:
    disk = Disk(tmp_path)
    with disk.watch(monkeypatch):
        for name in ("a", "b"):
            (tmp_path / name).touch()
    found = [set(each.files) for each in disk.crashes()]
    assert sorted(map(sorted, found)) == [[], ["a"], ["a", "b"], ["b"]]


def test_a_folder_that_is_lost_takes_its_files_with_it(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "folder"
    disk = Disk(tmp_path)
    with disk.watch(monkeypatch):
        folder.mkdir()
        (folder / "file").write_bytes(NEW)
        flush(folder / "file")
        flush(folder)
        disk.say_done("inside")
        flush(tmp_path)
        disk.say_done("outside")
    found = disk.crashes()
    assert {} in [each.files for each in found if each.done == ("inside",)]
    whole = {"folder": None, "folder/file": NEW}
    assert [each.files for each in found if len(each.done) == 2] == [whole]


def test_a_file_whose_number_is_used_again_is_another_one(tmp_path, monkeypatch) -> None:
    """Else the flushing of the first would count for the second."""
    path = tmp_path / "file"
    disk = Disk(tmp_path)
    with disk.watch(monkeypatch):
        for content in (OLD, NEW):
            path.unlink(missing_ok=True)
            path.write_bytes(content)
            flush(tmp_path)
            if content == OLD:
                flush(path)
        disk.say_done("written")
    assert b"" in [each.files["file"] for each in disk.crashes() if each.done]


def test_a_state_is_restored_as_it_was(tmp_path, monkeypatch) -> None:
    root = tmp_path / "root"
    (root / "left" / "over").mkdir(parents=True)
    (root / "left" / "file").touch()
    Crash({"folder": None, "folder/file": NEW, "empty": b""}, ()).restore(root)
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*")) == [
        "empty", "folder", "folder/file",
    ]  # fmt: skip
    assert (root / "folder" / "file").read_bytes() == NEW
    assert (root / "folder" / "file").stat().st_mode & 0o777 == 0o600


def test_too_many_states_are_refused(tmp_path, monkeypatch) -> None:
    disk = Disk(tmp_path)
    with disk.watch(monkeypatch):
        for number in range(8):
            (tmp_path / f"{number}").write_bytes(NEW)
        flush(tmp_path)
    with pytest.raises(Unfinished, match=str(MOST)):
        disk.crashes()
