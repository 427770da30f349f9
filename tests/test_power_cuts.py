"""Files survive a power cut at any moment: the old content or the new one, and what was done stays.

Every writer of files that must last goes through ``walrusd/files.py``; tests of the same name in
other folders are about writers of several files, and about recovery.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.crashes import Crash, Disk
from walrusd.chain.send.signer import Signer
from walrusd.cli.init import initialize
from walrusd.errors import ConfigError
from walrusd.files import (
    make_directory,
    move_durably,
    new_file,
    open_atomically,
    remove_parts,
    write_atomically,
)
from walrusd.settings.keystore import read_keystore
from walrusd.settings.load import load_settings

OLD, NEW = b"old content", b"new, and longer content"


def crash(root: Path, monkeypatch, act: Callable[[Disk], None]) -> list[Crash]:
    disk = Disk(root)
    with disk.watch(monkeypatch):
        act(disk)
    return disk.crashes()


@pytest.mark.parametrize("old", [None, OLD])
def test_an_atomic_write_leaves_the_old_content_or_the_new(tmp_path, monkeypatch, old) -> None:
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)

    def act(disk: Disk) -> None:
        write_atomically(path, NEW)
        disk.say_done("written")

    found = crash(tmp_path, monkeypatch, act)
    assert {each.files.get("file") for each in found} == {old, NEW}
    assert {each.files.get("file") for each in found if each.done} == {NEW}


def test_a_long_atomic_write_is_not_seen_before_its_end(tmp_path, monkeypatch) -> None:
    def act(disk: Disk) -> None:
        with open_atomically(tmp_path / "file") as file:
            for piece in (OLD, NEW):
                file.write(piece)
                file.flush()
        disk.say_done("written")

    found = crash(tmp_path, monkeypatch, act)
    assert {each.files.get("file") for each in found} == {None, OLD + NEW}
    assert {each.files.get("file") for each in found if each.done} == {OLD + NEW}


def test_a_file_that_replaces_none_is_whole_or_not_there(tmp_path, monkeypatch) -> None:
    def act(disk: Disk) -> None:
        write_atomically(tmp_path / "file", NEW, overwrite=False)
        disk.say_done("written")
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    found = crash(tmp_path, monkeypatch, act)
    assert {each.files.get("file") for each in found} == {None, NEW}
    assert {each.files.get("file") for each in found if each.done} == {NEW}


def test_of_two_writes_the_second_is_there_once_it_is_done(tmp_path, monkeypatch) -> None:
    def act(disk: Disk) -> None:
        for content in (OLD, NEW):
            write_atomically(tmp_path / "file", content)
            disk.say_done(content.decode())

    expected = {(): {None, OLD}, (OLD.decode(),): {OLD, NEW}, (OLD.decode(), NEW.decode()): {NEW}}
    found = crash(tmp_path, monkeypatch, act)
    for done, contents in expected.items():
        assert {each.files.get("file") for each in found if each.done == done} == contents


def test_the_next_write_works_in_every_state_and_parts_can_be_removed(
    tmp_path, monkeypatch
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    write_atomically(root / "file", OLD)

    def act(_disk: Disk) -> None:
        write_atomically(root / "file", NEW)

    for each in crash(root, monkeypatch, act):
        each.restore(root)
        write_atomically(root / "file", b"next")
        assert {path.name: path.read_bytes() for path in root.iterdir()} == {"file": b"next"}
        each.restore(root)
        remove_parts(root)
        assert [path.name for path in root.iterdir()] == ["file"]


def test_a_durable_new_file_is_there_with_its_name(tmp_path, monkeypatch) -> None:
    def act(disk: Disk) -> None:
        with new_file(tmp_path / "file", durable=True) as file:
            file.write(NEW)
        disk.say_done("written")

    found = crash(tmp_path, monkeypatch, act)
    assert {each.files.get("file") for each in found if each.done} == {NEW}


def test_another_new_file_may_be_lost(tmp_path, monkeypatch) -> None:
    """It is for what can be made again; whoever wants more says so."""

    def act(disk: Disk) -> None:
        with new_file(tmp_path / "file") as file:
            file.write(NEW)
        disk.say_done("written")

    found = crash(tmp_path, monkeypatch, act)
    assert {None, b""} <= {each.files.get("file") for each in found if each.done}


def test_a_moved_file_is_in_its_place_and_whole(tmp_path, monkeypatch) -> None:
    source, target = tmp_path / "from" / "file", tmp_path / "to" / "file"
    for path, content in ((source, NEW), (target, OLD)):
        path.parent.mkdir()
        path.write_bytes(content)

    def act(disk: Disk) -> None:
        move_durably(source, target)
        disk.say_done("moved")

    found = crash(tmp_path, monkeypatch, act)
    assert {each.files["to/file"] for each in found} == {OLD, NEW}
    assert {each.files["to/file"] for each in found if each.done} == {NEW}


def test_a_directory_lasts_with_those_above_it(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "a" / "b" / "c"

    def act(disk: Disk) -> None:
        make_directory(folder)
        disk.say_done("made")
        make_directory(folder)
        write_atomically(folder / "file", NEW)
        disk.say_done("written")

    found = crash(tmp_path, monkeypatch, act)
    assert all("a/b/c" in each.files for each in found if each.done)
    assert {each.files.get("a/b/c/file") for each in found if len(each.done) == 2} == {NEW}


def test_a_directory_is_private_and_those_above_it_are_the_users(tmp_path) -> None:
    make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    (tmp_path / "a" / "b").chmod(0o750)
    make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o750


DOCUMENT = {
    "daemon": {"data_dir": "data", "socket": "socket", "roles": ["verifier"]},
    "sui": {"urls": ["http://localhost"], "chain_id": "4c78adac"},
    "walrus": {"aggregators": ["http://localhost"], "publishers": ["http://localhost"]},
}


def test_a_new_daemon_has_its_keys_or_no_configuration(tmp_path, monkeypatch) -> None:
    """Whoever sends money to the address that was shown must find its key again."""
    home = tmp_path / "new" / "home"

    def act(disk: Disk) -> None:
        made = initialize(home, DOCUMENT, None)
        disk.say_done(made.address)

    found = crash(tmp_path, monkeypatch, act)
    seen = set()
    for each in found:
        each.restore(tmp_path)
        names = {name for name in ("kek", "keystore", "walrusd.toml") if (home / name).exists()}
        seen.add(frozenset(names))
        if "walrusd.toml" in names:
            assert names == {"kek", "keystore", "walrusd.toml"}
            keys = read_keystore(load_settings(home / "walrusd.toml").keys)
            assert not each.done or Signer(keys.sui_seed).address == each.done[0]
        assert "walrusd.toml" in names or not each.done
        if names:  # nothing is overwritten: the owner decides what becomes of it
            with pytest.raises(ConfigError):
                initialize(home, DOCUMENT, None)
    assert len(seen) == 4
