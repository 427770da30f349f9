"""What a power cut leaves of the daemon's state: sealed files, exports, profiles, the database."""

import json
import shutil
from pathlib import Path

import pytest

from tests.chain.send.parts import ref, sign
from tests.support.crashes import Disk
from tests.support.databases import close_after_test
from tests.support.sqlite_crashes import SqliteDisk, find_library
from walrusd.chain.send.outbox import SqliteOutbox
from walrusd.errors import ConfigError, DatabaseLost, DecryptionFailed, MalformedData
from walrusd.settings.profile import NetworkProfile, load_profile, write_profile
from walrusd.state import Database, KeyValue, Protection
from walrusd.state.checked import CheckedFiles, read_stamp
from walrusd.state.database import DATABASE_NAME
from walrusd.state.encrypted_files import decrypt_file, encrypt_file
from walrusd.state.protection import check_not_lost, write_export
from walrusd.units import normalize_address

ALICE = normalize_address("0xa11ce")
KEY, AAD = bytes(range(32)), b"what it is"
PLAIN = bytes(range(200))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


def test_an_encrypted_file_is_whole_once_it_is_done(tmp_path: Path, root, monkeypatch) -> None:
    plain, opened = tmp_path / "plain", tmp_path / "opened"
    plain.write_bytes(PLAIN)
    disk = Disk(root)
    with disk.watch(monkeypatch):
        encrypt_file(plain, root / "sealed", KEY, AAD)
        disk.say_done("sealed")
    states = 0
    for each in disk.crashes():
        each.restore(root)
        if each.done:
            decrypt_file(root / "sealed", opened, KEY, AAD)
            assert opened.read_bytes() == PLAIN
            states += 1
        elif (root / "sealed").exists() and each.files["sealed"] != b"":
            try:  # a torn one does not pass for another content
                decrypt_file(root / "sealed", opened, KEY, AAD)
            except (DecryptionFailed, MalformedData):
                assert not opened.exists()
                continue
            assert opened.read_bytes() == PLAIN
        opened.unlink(missing_ok=True)
    assert states == 1


def test_a_decrypted_file_is_whole_once_it_is_done(tmp_path: Path, root, monkeypatch) -> None:
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    plain.write_bytes(PLAIN)
    encrypt_file(plain, sealed, KEY, AAD)
    disk = Disk(root)
    with disk.watch(monkeypatch):
        decrypt_file(sealed, root / "rows", KEY, AAD)
        disk.say_done("opened")
    assert [each.files.get("rows") for each in disk.crashes() if each.done] == [PLAIN]


def test_an_export_is_the_old_one_or_the_new_one(tmp_path: Path, root, monkeypatch) -> None:
    database = close_after_test(Database.open(tmp_path / "db"))
    with Protection.open(database, tmp_path, ALICE) as protection:
        write_export(root / "export", protection)
        old = json.loads((root / "export").read_text())
        protection.begin("join:1", b"a")
        disk = Disk(root)
        with disk.watch(monkeypatch):
            write_export(root / "export", protection)
            disk.say_done("exported")
        new = protection.export()
    assert old != new
    for each in disk.crashes():
        found = json.loads(each.files["export"] or b"")
        assert found in ([new] if each.done else [old, new])


def make_profile() -> NetworkProfile:
    urls = ("http://localhost",)
    return NetworkProfile("net", urls, "4c78adac", urls, urls, shards=10)


def test_a_profile_is_there_once_its_contract_was_published(root, monkeypatch) -> None:
    """Publishing is paid for, and the profile is where its ids are."""
    path = root / "config" / "networks" / "net.toml"
    disk = Disk(root)
    with disk.watch(monkeypatch):
        write_profile(path, make_profile())
        disk.say_done("written")
    seen = set()
    for each in disk.crashes():
        each.restore(root)
        seen.add(path.exists())
        assert path.exists() or not each.done
        if path.exists():
            assert load_profile(str(path)) == make_profile()
            with pytest.raises(ConfigError):
                write_profile(path, make_profile())
        else:
            write_profile(path, make_profile())
    assert seen == {True, False}


def test_the_record_of_a_check_is_right_or_not_there(root, monkeypatch) -> None:
    """A restored file has another stamp: so the record is read here as it is."""
    path = root / "weights"
    path.write_bytes(PLAIN)
    stamp = read_stamp(path)
    disk = Disk(root)
    with disk.watch(monkeypatch):
        CheckedFiles().note(path, "sound", stamp)
        disk.say_done("noted")
    record = {"stamp": list(stamp or ()), "claims": ["sound"]}
    for each in disk.crashes():
        found = each.files.get("weights.checked")
        assert found is None or json.loads(found) == record
        assert found is not None or not each.done
        each.restore(root)
        assert not CheckedFiles().holds(path, "sound")


# --- the database, which flushes by itself ----------------------------------------------------


SQLITE = find_library()


def work_of_a_daemon(path: Path, disk: SqliteDisk) -> None:
    """Commit a few things, one after the other; the log is folded into the file now and then."""
    with Database.open(path) as database, Protection.open(database, path.parent, ALICE) as kept:
        store, outbox = KeyValue(database), SqliteOutbox(database.connection)
        disk.say_done("opened")
        for number in range(3):
            with database.transaction():
                kept.begin(f"join:{number}", b"payload")
                store.put("n", f"{number}", PLAIN.hex() * 10)
                outbox.save(sign(ref(number), key=f"{number}"))
            disk.say_done(f"{number}")
            if number == 0:
                database.read("PRAGMA wal_checkpoint(TRUNCATE)")
            if number == 1:
                database.read("PRAGMA wal_checkpoint(PASSIVE)")


@pytest.mark.skipif(SQLITE is None, reason="SQLite is linked into Python: it cannot be watched")
def test_what_was_committed_is_there_and_nothing_in_halves(root) -> None:
    """So an act that a commit announces cannot be forgotten, and no stake is made twice."""
    path = root / DATABASE_NAME
    disk = SqliteDisk(root)
    with disk.watch(SQLITE):
        work_of_a_daemon(path, disk)
    assert {each.name for each in root.iterdir()} == {DATABASE_NAME, f"{ALICE}.lock"}
    found = disk.crashes()
    assert {len(each.done) for each in found} == set(range(5))
    seen = set()
    for each in found:
        each.restore(root)
        committed = max(len(each.done) - 1, 0)
        if not each.done:
            path.touch()
        with Database.open(path) as database:
            outbox = SqliteOutbox(database.connection)
            values = sorted(KeyValue(database).items("n"))
            rows = database.read("SELECT key FROM actions ORDER BY key")
            assert [f"join:{value}" for value in values] == [row["key"] for row in rows]
            assert values == [entry.key for entry in outbox.pending()]
            assert values == [str(number) for number in range(len(values))]
            assert len(values) in {committed, committed + 1}
        seen.add((committed, len(values)))
    # The last commit is found before it was reported, and always after.
    assert {(2, 2), (2, 3), (3, 3)} <= seen


def test_every_commit_is_flushed_before_it_returns(tmp_path: Path) -> None:
    """SQLite promises that for these settings: https://sqlite.org/pragma.html#pragma_synchronous"""
    with Database.open(tmp_path / DATABASE_NAME) as database:
        assert database.read("PRAGMA synchronous")[0][0] == 2, "FULL"
        assert database.read("PRAGMA journal_mode")[0][0] == "wal"


def test_a_torn_log_holds_the_commits_before(tmp_path: Path) -> None:
    """The log as a power cut may leave it while the last of three commits is written."""
    home, logs = tmp_path / "home", []
    home.mkdir()
    path = home / DATABASE_NAME
    log = path.with_name(f"{DATABASE_NAME}-wal")
    with Database.open(path) as database:
        store = KeyValue(database)
        for number in range(3):
            with database.transaction():
                store.put("n", "one", number)
                store.put("n", "two", number)
            logs.append(log.read_bytes())
        kept = path.read_bytes()
    before, after = logs[1], logs[2]
    assert after[: len(before)] == before
    added = len(after) - len(before)
    cuts = [0, 1, added // 3, added // 2, added - 1]
    torn = [after[: len(before) + cut] for cut in cuts]
    torn += [found + bytes(len(after) - len(found)) for found in torn]
    for number, content in enumerate([*torn, after]):
        place = tmp_path / f"cut-{number}"
        place.mkdir()
        (place / DATABASE_NAME).write_bytes(kept)
        (place / log.name).write_bytes(content)
        with Database.open(place / DATABASE_NAME) as database:
            expected = 2 if content == after else 1
            assert KeyValue(database).items("n") == {"one": expected, "two": expected}
        shutil.rmtree(place)


def test_a_database_that_is_gone_or_empty_is_not_replaced(tmp_path: Path) -> None:
    """The lock of an identity shows that it has worked here, and once-only acts are forgotten."""
    path = tmp_path / DATABASE_NAME
    check_not_lost(path, tmp_path, ALICE)
    with Database.open(path) as database, Protection.open(database, tmp_path, ALICE):
        check_not_lost(path, tmp_path, ALICE)
    check_not_lost(path, tmp_path, ALICE)
    for content in (b"", b"x", None):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DatabaseLost):
            check_not_lost(path, tmp_path, ALICE)
        path.touch()
    path.write_bytes(b"xy")
    check_not_lost(path, tmp_path, ALICE)
