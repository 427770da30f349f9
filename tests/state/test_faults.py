"""A full disk, a lock, a damaged page: typed, undone as a whole, and gone once the cause is."""

import sqlite3
from pathlib import Path

import pytest

from walrusd.chain.send.outbox import OutboxEntry, SqliteOutbox
from walrusd.errors import DatabaseCorrupt, DatabaseLocked, DiskBroken, DiskFull, ReadOnly
from walrusd.state import Database, KeyValue
from walrusd.state import database as module
from walrusd.storage.ledger import UploadLedger
from walrusd.units import BlobId


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "walrusd.sqlite"


@pytest.fixture
def database(path: Path):
    with Database.open(path) as opened:
        yield opened


def fill(database: Database, pages: int = 2) -> None:
    """Let the file grow by a few pages at most."""
    (now,) = database.connection.execute("PRAGMA page_count").fetchone()
    database.connection.execute(f"PRAGMA max_page_count = {now + pages}")


BIG = "x" * 100_000


def test_a_full_disk_is_typed_and_passes(database: Database) -> None:
    store = KeyValue(database)
    store.put("a", "before", 1)
    fill(database)
    with pytest.raises(DiskFull) as caught:
        store.put("a", "big", BIG)
    assert caught.value.code == "local.disk_full"
    assert caught.value.hint
    assert store.items("a") == {"before": 1}
    database.connection.execute("PRAGMA max_page_count = 100000")
    store.put("a", "big", BIG)
    assert set(store.items("a")) == {"before", "big"}


def test_a_full_disk_undoes_the_whole_transaction(database: Database) -> None:
    store = KeyValue(database)
    fill(database)

    def put_both() -> None:
        with database.transaction():
            store.put("a", "first", 1)
            store.put("a", "big", BIG)

    with pytest.raises(DiskFull):
        put_both()
    assert store.items("a") == {}
    store.put("a", "after", 1)
    assert store.items("a") == {"after": 1}


def test_a_commit_that_fails_leaves_a_usable_connection(database: Database) -> None:
    execute = database.connection.execute
    execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    execute("CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(sqlite3.IntegrityError), database.transaction() as connection:
        connection.execute("INSERT INTO child VALUES (7)")
    assert not database.connection.in_transaction
    KeyValue(database).put("a", "b", 1)
    assert database.read("SELECT * FROM child") == []


def test_a_lock_of_another_process_is_typed_and_passes(path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    with Database.open(path) as database:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLocked) as caught:
            KeyValue(database).put("a", "b", 1)
        assert caught.value.code == "local.locked"
        holder.execute("ROLLBACK")
        holder.close()
        KeyValue(database).put("a", "b", 1)


def damage(path: Path, page: int, pages: int) -> None:
    with path.open("r+b") as file:
        file.seek(page * 4096)
        file.write(bytes(pages * 4096))


def test_damaged_pages_are_noticed_at_the_start(path: Path) -> None:
    with Database.open(path) as database:
        for number in range(50):
            KeyValue(database).put("a", str(number), "x" * 1000)
    damage(path, 2, 10)
    with pytest.raises(DatabaseCorrupt) as caught:
        Database.open(path)
    assert caught.value.code == "local.corrupt"


def test_pages_damaged_while_it_runs_are_typed(path: Path) -> None:
    with Database.open(path) as database:
        for number in range(50):
            KeyValue(database).put("a", str(number), "x" * 1000)
        database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.connection.execute("PRAGMA cache_size = 0")
        damage(path, 2, 40)
        with pytest.raises(DatabaseCorrupt):
            KeyValue(database).items("a")


def test_a_read_only_database_is_typed(database: Database) -> None:
    database.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(ReadOnly):
        KeyValue(database).put("a", "b", 1)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_IOERR_FSYNC, DiskBroken),
        (sqlite3.SQLITE_IOERR_SHMSIZE, DiskFull),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, DatabaseLocked),
        (sqlite3.SQLITE_CORRUPT_INDEX, DatabaseCorrupt),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, None),
        (sqlite3.SQLITE_ERROR, None),
    ],
)
def test_extended_codes_are_of_their_kind(code: int, kind) -> None:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    found = module.explain_sqlite_error(error)
    assert (None if found is None else type(found)) is kind


# --- tables of others in the same file -----------------------------------------------------------


def entry(number: int) -> OutboxEntry:
    return OutboxEntry(f"digest-{number}", b"tx", b"sig", "label", f"key-{number}", "0xa")


def test_what_adapters_write_in_a_transaction_goes_with_it(database: Database) -> None:
    outbox = SqliteOutbox(database.connection)
    ledger = UploadLedger(database.connection)

    def break_off() -> None:
        with database.transaction():
            KeyValue(database).put("a", "b", 1)
            outbox.save(entry(1))
            ledger.note_start(BlobId(7), size=1, permanent=True, publisher="p")
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert KeyValue(database).items("a") == {}
    assert outbox.pending() == []
    assert ledger.find(BlobId(7)) is None
    with database.transaction():
        outbox.save(entry(1))
    assert outbox.pending() == [entry(1)]


def test_adapters_raise_typed_errors_too(database: Database) -> None:
    outbox = SqliteOutbox(database.connection)
    fill(database)
    big = OutboxEntry("d", BIG.encode(), b"sig", "label", None, "0xa")
    with pytest.raises(DiskFull):
        outbox.save(big)
    outbox.save(entry(2))
    assert outbox.pending() == [entry(2)]


OLD_OUTBOX = """
CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL UNIQUE, label TEXT NOT NULL,
    key TEXT, tx BLOB NOT NULL, signature BLOB NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('pending', 'succeeded', 'failed', 'dropped')),
    effects TEXT
) STRICT
"""


def test_a_migration_that_is_cut_off_is_made_again(database: Database, monkeypatch) -> None:
    connection = database.connection
    connection.execute(OLD_OUTBOX)
    connection.execute(
        "INSERT INTO outbox (digest, label, tx, signature, outcome)"
        " VALUES ('d', 'l', x'00', x'00', 'pending')"
    )

    class Sent:
        sender = "0xa"

    def crash(_tx: bytes) -> Sent:
        raise KeyboardInterrupt

    monkeypatch.setattr("walrusd.chain.send.outbox.parse_transaction", crash)
    with pytest.raises(KeyboardInterrupt):
        SqliteOutbox(connection)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(outbox)")]
    assert "sender" not in columns
    monkeypatch.setattr("walrusd.chain.send.outbox.parse_transaction", lambda _tx: Sent)
    assert [e.sender for e in SqliteOutbox(connection).pending("0xa")] == ["0xa"]


def test_entries_that_an_earlier_crash_left_without_a_sender_get_one(database, monkeypatch) -> None:
    outbox = SqliteOutbox(database.connection)
    outbox.save(OutboxEntry("d", b"tx", b"sig", "label", None, ""))

    class Sent:
        sender = "0xb"

    monkeypatch.setattr("walrusd.chain.send.outbox.parse_transaction", lambda _tx: Sent)
    assert SqliteOutbox(database.connection).pending("0xb")


@pytest.mark.parametrize("rot", [b'"x\xff"', b'{"half', b"\x00\x00\x00\x00"])
def test_a_rotten_value_is_typed(path: Path, rot: bytes) -> None:
    """SQLite's look at the pages shows only what breaks its own structure."""
    with Database.open(path) as database:
        KeyValue(database).put("a", "b", "value")
        database.connection.execute("UPDATE key_value SET value = CAST(? AS TEXT)", (rot,))
    with Database.open(path) as database:
        store = KeyValue(database)
        for read in (lambda: store.get("a", "b"), lambda: store.items("a")):
            with pytest.raises(DatabaseCorrupt) as caught:
                read()
            assert caught.value.hint
