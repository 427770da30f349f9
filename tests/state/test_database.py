"""Transactions are whole, nest, and never span an await."""

import sqlite3
from pathlib import Path

import pytest
import trio

from walrusd.errors import ConfigError, DatabaseCorrupt, DatabaseLocked, LocalFault
from walrusd.state import Database, KeyValue
from walrusd.state.database import parse_json


@pytest.fixture
def database(tmp_path: Path):
    with Database.open(tmp_path / "walrusd.sqlite") as opened:
        yield opened


def test_the_file_is_private_durable_and_at_its_last_layout(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with Database.open(path) as database:
        assert path.stat().st_mode & 0o777 == 0o600
        assert database.read("PRAGMA journal_mode")[0][0] == "wal"
        assert database.read("PRAGMA synchronous")[0][0] == 2
        KeyValue(database).put("a", "b", 1)
    with Database.open(path) as database:
        assert KeyValue(database).get("a", "b") == 1


def put_and_fail(database: Database, key: str) -> None:
    with database.transaction():
        KeyValue(database).put("ns", key, 1)
        raise KeyError


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    store = KeyValue(database)
    with pytest.raises(KeyError):
        put_and_fail(database, "key")
    assert store.get("ns", "key") is None


def test_an_inner_failure_undoes_only_the_inner_part(database: Database) -> None:
    store = KeyValue(database)
    with database.transaction():
        store.put("ns", "outer", 1)
        with pytest.raises(KeyError):
            put_and_fail(database, "inner")
        store.put("ns", "after", 1)
    assert set(store.items("ns")) == {"outer", "after"}


async def test_another_task_cannot_write_into_an_open_transaction(database: Database) -> None:
    """What would happen if somebody awaited inside a transaction."""
    store = KeyValue(database)

    async def intruder() -> None:
        with pytest.raises(AssertionError, match="across an await"):
            store.put("ns", "intruder", 1)

    with database.transaction():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(intruder)
    assert store.items("ns") == {}


def test_a_file_of_a_newer_walrusd_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "db"
    Database.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(ConfigError, match="newer walrusd"):
        Database.open(path)


def test_files_that_are_no_database(tmp_path: Path) -> None:
    path = tmp_path / "db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(ConfigError, match="cannot open the database"):
        Database.open(path)
    with pytest.raises(ConfigError, match="cannot open the database"):
        Database.open(tmp_path / "no" / "such" / "directory")


def test_a_file_that_another_process_writes(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "db"
    Database.open(path).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda p, **kw: connect(p, **kw | {"timeout": 0.01}))
    with pytest.raises(DatabaseLocked, match="in use by another process"):
        Database.open(path)
    holder.close()


def test_a_transaction_that_sqlite_has_rolled_back_is_no_success(database: Database) -> None:
    with pytest.raises(LocalFault, match="by itself"), database.transaction() as connection:
        connection.execute("ROLLBACK")
    KeyValue(database).put("ns", "after", 1)
    assert KeyValue(database).items("ns") == {"after": 1}


def test_a_damaged_text_is_typed_wherever_it_is_read(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("CREATE TABLE notes (body TEXT)")
        connection.executemany("INSERT INTO notes VALUES (CAST(? AS TEXT))", [(b"\xff",), (b"a",)])
    cursor = database.connection.execute("SELECT body FROM notes")
    with pytest.raises(DatabaseCorrupt):
        next(cursor)
    with pytest.raises(DatabaseCorrupt):
        database.connection.execute("SELECT body FROM notes").fetchone()
    with pytest.raises(DatabaseCorrupt):
        parse_json("{")
    assert parse_json("[1]") == [1]
