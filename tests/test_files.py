"""Writing files: private, atomic, durable; and nobody else does it."""

import ast
import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.disk import record_disk
from walrusd.files import (
    move_durably,
    new_file,
    open_atomically,
    remove_parts,
    write_atomically,
)

ROOT = Path(__file__).resolve().parent.parent


class Trouble(Exception):
    """Raised in the middle of a write."""


def left(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "target"
    path.parent.mkdir()
    return path


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """The daemon's own start, which other tests call, sets a stricter one."""
    former = os.umask(0o022)
    yield
    os.umask(former)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    return record_disk(monkeypatch)


def test_a_file_is_private_and_replaces_another(target: Path) -> None:
    write_atomically(target, b"old")
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert mode_of(target) == 0o600
    assert left(target.parent) == ["target"]


def test_a_file_may_be_given_another_mode(target: Path, usual_umask: None) -> None:
    target.touch(mode=0o600)
    write_atomically(target, b"new", mode=0o644)
    assert mode_of(target) == 0o644


def test_a_file_may_be_refused_the_place_of_another(target: Path) -> None:
    write_atomically(target, b"first", overwrite=False)
    with pytest.raises(FileExistsError) as caught:
        write_atomically(target, b"second", overwrite=False)
    assert caught.value.filename2 == str(target)
    assert target.read_bytes() == b"first"
    assert mode_of(target) == 0o600
    assert left(target.parent) == ["target"]


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("overwrite", [True, False])
def test_trouble_in_the_middle_leaves_what_was_there(
    target: Path, old: bytes | None, overwrite: bool
) -> None:
    if old is not None:
        target.write_bytes(old)

    def write() -> None:
        with open_atomically(target, overwrite=overwrite) as file:
            file.write(b"half")
            file.flush()
            assert len(left(target.parent)) == 1 + (old is not None)
            raise Trouble

    with pytest.raises(Trouble):
        write()
    assert left(target.parent) == ([] if old is None else ["target"])
    assert old is None or target.read_bytes() == old


@pytest.mark.parametrize("failing", ["fsync", "replace", "hardlink_to"])
def test_a_disk_that_refuses_keeps_the_old_file(
    target: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if replaced := failing != "hardlink_to":
        target.write_bytes(b"old")

    def refuse(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if failing == "fsync" else Path, failing, refuse)
    with pytest.raises(OSError, match="No space"):
        write_atomically(target, b"new", overwrite=replaced)
    assert left(target.parent) == (["target"] if replaced else [])
    assert not replaced or target.read_bytes() == b"old"


def test_a_file_is_on_the_disk_before_it_has_its_name(
    target: Path, calls: list[tuple[str, str]]
) -> None:
    part = ".target.0.part"
    write_atomically(target, b"new")
    assert calls == [("fsync", part), ("replace", "target"), ("fsync", "home")]
    target.unlink()
    calls.clear()
    write_atomically(target, b"new", overwrite=False)
    assert calls == [("fsync", part), ("link", "target"), ("fsync", "home")]
    calls.clear()
    move_durably(target, target.with_name("other"))
    assert calls == [("replace", "other"), ("fsync", "home")]


@pytest.mark.parametrize("durable", [True, False])
def test_a_new_file_is_private_and_flushed_if_asked(
    target: Path, calls: list[tuple[str, str]], durable: bool
) -> None:
    with new_file(target, durable=durable) as file:
        file.write(b"new")
    assert target.read_bytes() == b"new"
    assert mode_of(target) == 0o600
    assert calls == [("fsync", "target"), ("fsync", "home")] * durable


def test_a_new_file_that_breaks_off_is_removed(target: Path) -> None:
    def write() -> None:
        with new_file(target) as file:
            file.write(b"half")
            raise Trouble

    with pytest.raises(Trouble):
        write()
    assert left(target.parent) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from walrusd.files import open_atomically

with open_atomically(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_write_removes_what_a_killed_one_left(target: Path) -> None:
    target.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", KILLED, target], check=False)
    assert done.returncode == -signal.SIGKILL
    assert left(target.parent) == [".target.0.part", "target"]
    assert target.read_bytes() == b"old"
    write_atomically(target, b"new")
    assert left(target.parent) == ["target"]
    assert target.read_bytes() == b"new"


def test_leftovers_of_others_are_never_written_to(target: Path, tmp_path: Path) -> None:
    """Neither through a link that leads elsewhere nor into a file that all may read."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"theirs")
    target.with_name(".target.0.part").symlink_to(elsewhere)
    target.with_name(".target.1.part").touch(mode=0o644)
    write_atomically(target, b"ours")
    assert elsewhere.read_bytes() == b"theirs"
    assert mode_of(target) == 0o600
    assert left(target.parent) == [".target.0.part", "target"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_does(
    target: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of others are left alone then: nothing shows whether they are still written."""

    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    write_atomically(target, b"old")
    with open_atomically(target) as first:
        first.write(b"first")
        write_atomically(target, b"second")
        assert left(target.parent) == [".target.0.part", "target"]
    assert target.read_bytes() == b"first"
    assert left(target.parent) == ["target"]


def test_a_lock_that_fails_otherwise_leaves_nothing(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="Input/output"):
        write_atomically(target, b"new")
    assert left(target.parent) == []


def test_a_leftover_that_cannot_be_removed_is_passed_over(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another user's in a folder such as /tmp."""
    leftover, unlink = target.with_name(".target.0.part"), Path.unlink
    leftover.touch()

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == leftover:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert left(target.parent) == [".target.0.part", "target"]


def test_writers_of_one_file_do_not_mix(target: Path) -> None:
    with open_atomically(target) as first:
        first.write(b"first")
        with open_atomically(target) as second:
            second.write(b"second")
        assert target.read_bytes() == b"second"
    assert target.read_bytes() == b"first"
    assert left(target.parent) == ["target"]


def test_many_writers_of_one_file_do_not_mix(target: Path) -> None:
    contents = [bytes([number]) * 4096 for number in range(8)]
    seen = []

    def write(content: bytes) -> None:
        for _ in range(20):
            write_atomically(target, content)
            seen.append(target.read_bytes())

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 160
    assert set(seen) <= set(contents)
    assert left(target.parent) == ["target"]


def test_parts_are_removed_where_nobody_writes(target: Path) -> None:
    target.touch()
    for name in (".target.0.part", ".other.abc.part"):
        target.with_name(name).touch()
    remove_parts(target.parent)
    assert left(target.parent) == ["target"]


# Who else gives a file its name, or flushes one, and why.
WRITERS = {
    "walrusd/files.py": {"O_CREAT", "O_EXCL", "fsync", "hardlink_to", "replace"},
    # A lock is a file without content.
    "walrusd/state/protection.py": {"O_CREAT"},
    "walrusd/devnet/app.py": {"O_CREAT"},
    # Downloads that are resumed: written in any order by one descriptor.
    "walrusd/storage/part_file.py": {"O_CREAT", "fsync"},
    # Decrypted rows get their name after they were checked, and can be had again.
    "walrusd/market/fetch.py": {"replace"},
    # The same for sealed pieces of an opening.
    "walrusd/market/opened.py": {"replace"},
    # What `verify aggregate` downloads goes with the command.
    "walrusd/verify/aggregate.py": {"tempfile"},
}
_NAMES = {"O_CREAT", "O_EXCL", "fsync", "fdatasync", "link", "hardlink_to", "rename", "tempfile"}


def _find_writing(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in _NAMES:
            found.add(node.attr)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & {"tempfile"}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(alias.name for alias in node.names)} & _NAMES
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "replace"
            and len(node.args) == 1
            and not node.keywords
        ):
            found.add("replace")  # of a path: that of a text takes two arguments
    return found


def test_nobody_else_writes_files_atomically() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): _find_writing(path)
        for top in ("walrusd", "walrusctl")
        for path in sorted((ROOT / top).rglob("*.py"))
    }
    assert {path: names for path, names in found.items() if names} == WRITERS
