"""The devnet's SQLite file: every object version, transaction, event and checkpoint.

Each executed transaction is one database transaction, so a killed devnet resumes after the last
transaction that it answered.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from walrusd.devnet.move.objects import LedgerObject, Owner, OwnerKind
from walrusd.runtime.savepoint import joining

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (
    id TEXT NOT NULL, version INTEGER NOT NULL, owner_kind TEXT NOT NULL, owner TEXT NOT NULL,
    start_version INTEGER NOT NULL, type TEXT NOT NULL, contents BLOB NOT NULL,
    previous BLOB NOT NULL, storage_rebate TEXT NOT NULL, public_transfer INTEGER NOT NULL,
    PRIMARY KEY (id, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS live (id TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS transactions (
    number INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, executed BLOB NOT NULL,
    checkpoint INTEGER, position INTEGER);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER NOT NULL, position INTEGER NOT NULL, event BLOB NOT NULL,
    PRIMARY KEY (number, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoints (
    sequence INTEGER PRIMARY KEY, digest BLOB NOT NULL, timestamp_ms INTEGER NOT NULL,
    epoch INTEGER NOT NULL, first_number INTEGER NOT NULL, end_number INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS checkpoints_by_digest ON checkpoints (digest);
"""


@dataclass(frozen=True)
class Checkpoint:
    """A sealed range of transactions, ``first_number`` up to ``end_number``, exclusive."""

    sequence: int
    digest: bytes
    timestamp_ms: int
    epoch: int
    first_number: int
    end_number: int


@dataclass(frozen=True)
class StoredTransaction:
    """An executed transaction (protobuf bytes) and its position, if it is in a checkpoint."""

    number: int
    executed: bytes
    checkpoint: int | None
    position: int | None


@dataclass(frozen=True)
class StoredEvent:
    """An event (protobuf bytes) of a sealed transaction and its position in the ledger."""

    number: int
    position: int
    event: bytes
    digest: bytes
    checkpoint: int
    transaction_position: int


@dataclass
class Batch:
    """What one step of the ledger writes."""

    written: list[LedgerObject] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    transaction: tuple[int, bytes, bytes] | None = None
    events: list[bytes] = field(default_factory=list)
    meta: dict[str, bytes] = field(default_factory=dict)
    sealed: Checkpoint | None = None


class Store:
    """One open database; ``path`` None keeps it in memory."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.touch(mode=0o600)  # it holds the seed of every key
        self._db = sqlite3.connect(
            ":memory:" if path is None else path, isolation_level=None, check_same_thread=False
        )
        with ExitStack() as on_error:
            on_error.callback(self.close)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
            on_error.pop_all()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with joining(self._db):
            yield self._db

    # --- writing ------------------------------------------------------------------------------

    def commit(self, batch: Batch) -> None:
        """Write one batch atomically."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO versions VALUES (?,?,?,?,?,?,?,?,?,?)",
                [_object_row(o) for o in batch.written],
            )
            db.executemany(
                "INSERT OR REPLACE INTO live VALUES (?, ?)",
                [(o.id, o.version) for o in batch.written],
            )
            db.executemany("DELETE FROM live WHERE id = ?", [(oid,) for oid in batch.removed])
            if batch.transaction is not None:
                number = batch.transaction[0]
                db.execute(
                    "INSERT INTO transactions (number, digest, executed) VALUES (?, ?, ?)",
                    batch.transaction,
                )
                db.executemany(
                    "INSERT INTO events VALUES (?, ?, ?)",
                    [(number, n, event) for n, event in enumerate(batch.events)],
                )
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", batch.meta.items())
            if batch.sealed is not None:
                self._seal(batch.sealed)

    def _seal(self, c: Checkpoint) -> None:
        self._db.execute(
            "INSERT INTO checkpoints VALUES (?,?,?,?,?,?)",
            (c.sequence, c.digest, c.timestamp_ms, c.epoch, c.first_number, c.end_number),
        )
        self._db.execute(
            "UPDATE transactions SET checkpoint = ?, position = number - ? "
            "WHERE number >= ? AND number < ?",
            (c.sequence, c.first_number, c.first_number, c.end_number),
        )

    # --- reading ------------------------------------------------------------------------------

    def meta(self, key: str) -> bytes | None:
        """Return a saved value."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def live_objects(self) -> Iterator[LedgerObject]:
        """Yield the current version of every object."""
        rows = self._db.execute("SELECT v.* FROM live JOIN versions v USING (id, version)")
        return (_object_of(row) for row in rows)

    def object_version(self, oid: str, version: int) -> LedgerObject | None:
        """Return one version of an object."""
        row = self._db.execute(
            "SELECT * FROM versions WHERE id = ? AND version = ?", (oid, version)
        ).fetchone()
        return None if row is None else _object_of(row)

    def next_number(self) -> int:
        """Return the number of the next transaction."""
        (number,) = self._db.execute("SELECT max(number) FROM transactions").fetchone()
        return 0 if number is None else int(number) + 1

    def transaction(self, digest: bytes) -> StoredTransaction | None:
        """Return an executed transaction."""
        row = self._db.execute(
            "SELECT number, executed, checkpoint, position FROM transactions WHERE digest = ?",
            (digest,),
        ).fetchone()
        return None if row is None else StoredTransaction(*row)

    def transactions_between(self, first: int, end: int) -> list[StoredTransaction]:
        """Return the transactions with numbers from ``first`` up to ``end``."""
        rows = self._db.execute(
            "SELECT number, executed, checkpoint, position FROM transactions "
            "WHERE number >= ? AND number < ? ORDER BY number",
            (first, end),
        )
        return [StoredTransaction(*row) for row in rows]

    def last_checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint."""
        row = self._db.execute(
            "SELECT * FROM checkpoints ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
        return None if row is None else Checkpoint(*row)

    def checkpoint(self, sequence: int) -> Checkpoint | None:
        """Return a checkpoint by its number."""
        row = self._db.execute(
            "SELECT * FROM checkpoints WHERE sequence = ?", (sequence,)
        ).fetchone()
        return None if row is None else Checkpoint(*row)

    def checkpoint_by_digest(self, digest: bytes) -> Checkpoint | None:
        """Return a checkpoint by its digest."""
        row = self._db.execute("SELECT * FROM checkpoints WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else Checkpoint(*row)

    def first_checkpoint_of(self, epoch: int) -> Checkpoint | None:
        """Return the first checkpoint of an epoch."""
        row = self._db.execute(
            "SELECT * FROM checkpoints WHERE epoch = ? ORDER BY sequence LIMIT 1", (epoch,)
        ).fetchone()
        return None if row is None else Checkpoint(*row)

    def events_after(
        self, after: tuple[int, int], first_number: int, end_number: int, limit: int
    ) -> list[StoredEvent]:
        """Return sealed events after position ``after``, in ledger order."""
        rows = self._db.execute(
            "SELECT e.number, e.position, e.event, t.digest, t.checkpoint, t.position "
            "FROM events e JOIN transactions t USING (number) "
            "WHERE (e.number, e.position) > (?, ?) AND e.number >= ? AND e.number < ? "
            "AND t.checkpoint IS NOT NULL ORDER BY e.number, e.position LIMIT ?",
            (*after, first_number, end_number, limit),
        )
        return [StoredEvent(*row) for row in rows]

    def events_before(
        self, before: tuple[int, int], first_number: int, end_number: int, limit: int
    ) -> list[StoredEvent]:
        """Return sealed events before position ``before``, newest first."""
        rows = self._db.execute(
            "SELECT e.number, e.position, e.event, t.digest, t.checkpoint, t.position "
            "FROM events e JOIN transactions t USING (number) "
            "WHERE (e.number, e.position) < (?, ?) AND e.number >= ? AND e.number < ? "
            "AND t.checkpoint IS NOT NULL ORDER BY e.number DESC, e.position DESC LIMIT ?",
            (*before, first_number, end_number, limit),
        )
        return [StoredEvent(*row) for row in rows]


def _object_row(obj: LedgerObject) -> tuple[object, ...]:
    return (
        obj.id,
        obj.version,
        obj.owner.kind.value,
        obj.owner.address,
        obj.owner.start_version,
        obj.type,
        obj.contents,
        obj.previous,
        str(obj.storage_rebate),
        obj.public_transfer,
    )


def _object_of(row: tuple[object, ...]) -> LedgerObject:
    oid, version, kind, owner, start, move_type, contents, previous, rebate, transfer = row
    return LedgerObject(
        id=str(oid),
        version=int(str(version)),
        owner=Owner(OwnerKind(kind), str(owner), int(str(start))),
        type=str(move_type),
        contents=bytes(contents),  # type: ignore[call-overload]  # a BLOB column
        previous=bytes(previous),  # type: ignore[call-overload]  # a BLOB column
        storage_rebate=int(str(rebate)),
        public_transfer=bool(transfer),
    )
