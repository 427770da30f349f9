"""What the network keeps: blobs as files, Blob objects and quilt patches in SQLite.

A blob exists once its row is committed; its files are flushed to the disk before that. A crash
leaves at worst a file without a row, which the next store of the same blob uses.
"""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from walrusd.files import move_durably, write_atomically
from walrusd.storage.blobid import blob_id_bytes, blob_id_from_bytes, format_blob_id
from walrusd.storage.codec import Encoding
from walrusd.storage.geometry import Geometry
from walrusd.storage.quilt import Patch
from walrusd.units import BlobId

_SCHEMA = """
CREATE TABLE IF NOT EXISTS network (shards INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS objects (
    sequence     INTEGER PRIMARY KEY,
    object_id    TEXT NOT NULL UNIQUE,
    storage_id   TEXT NOT NULL,
    shared_id    TEXT UNIQUE,
    blob_id      BLOB NOT NULL,
    size         INTEGER NOT NULL,
    deletable    INTEGER NOT NULL,
    start_epoch  INTEGER NOT NULL,
    end_epoch    INTEGER NOT NULL,
    owner        TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS objects_by_blob ON objects (blob_id);
CREATE TABLE IF NOT EXISTS patches (
    blob_id      BLOB NOT NULL,
    start_column INTEGER NOT NULL,
    end_column   INTEGER NOT NULL,
    identifier   TEXT NOT NULL,
    tags         TEXT NOT NULL,
    PRIMARY KEY (blob_id, start_column)
) STRICT;
"""
_COLUMNS = (
    "sequence, object_id, storage_id, shared_id, blob_id, size, deletable, start_epoch, end_epoch"
)


@dataclass(frozen=True)
class BlobObject:
    """One registration of a blob; ``end_epoch`` is exclusive."""

    sequence: int
    object_id: str
    storage_id: str
    shared_id: str | None
    blob_id: BlobId
    size: int
    deletable: bool
    start_epoch: int
    end_epoch: int

    @property
    def event_digest(self) -> bytes:
        """A made-up digest of the transaction that certified it, 32 bytes."""
        return _derive("event", self.sequence)


class BlobStore:
    """The network's state under ``directory``. Methods block and may run in any thread."""

    def __init__(self, directory: Path, shards: int, epoch: Callable[[], int]) -> None:
        """Open or create the state.

        Raises:
            ValueError: if the directory was made for another number of shards.
        """
        self.shards = shards
        self.epoch = epoch
        self.spool = directory / "spool"
        self._blobs = directory / "blobs"
        for place in (self.spool, self._blobs):
            place.mkdir(parents=True, exist_ok=True)
        for stale in self.spool.iterdir():
            stale.unlink()
        self._lock = threading.Lock()
        self._db = sqlite3.connect(
            directory / "index.sqlite3", check_same_thread=False, isolation_level=None
        )
        with ExitStack() as on_error:
            on_error.callback(self.close)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
            row = self._db.execute("SELECT shards FROM network").fetchone()
            if row is None:
                self._db.execute("INSERT INTO network VALUES (?)", (shards,))
            elif row[0] != shards:
                raise ValueError(f"{directory} holds a network of {row[0]} shards, not {shards}")
            on_error.pop_all()

    def close(self) -> None:
        """Close the index."""
        self._db.close()

    def content_path(self, blob_id: BlobId) -> Path:
        """Return where a blob's bytes are."""
        return self._blobs / format_blob_id(blob_id)

    def read_metadata(self, blob_id: BlobId) -> bytes:
        """Return ``BlobMetadataWithId`` of a stored blob."""
        return self._metadata_path(blob_id).read_bytes()

    def register(
        self,
        spooled: Path,
        encoding: Encoding,
        *,
        epochs: int,
        permanent: bool,
        force: bool,
        share: bool,
        owner: str | None,
        patches: Sequence[Patch] = (),
    ) -> tuple[BlobObject, bool]:
        """Store a spooled blob that has been flushed; return its object and whether it is new.

        It is not new if a permanent object already lives as long, unless ``force``.
        """
        blob_id = encoding.blob_id
        end = self.epoch() + epochs
        if not force and (known := self._find_lasting(blob_id, end)):
            spooled.unlink()
            return known, False
        write_atomically(self._metadata_path(blob_id), encoding.metadata)
        move_durably(spooled, self.content_path(blob_id))
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            # Checked again under the lock: another request may have stored it.
            if not force and (known := self._select_lasting(blob_id, end)):
                return known, False
            blob = self._insert(encoding, end, permanent=permanent, share=share, owner=owner)
            self._db.executemany(
                "INSERT OR REPLACE INTO patches VALUES (?, ?, ?, ?, ?)",
                [
                    (blob_id_bytes(blob_id), p.start, p.end, p.identifier, json.dumps(dict(p.tags)))
                    for p in patches
                ],
            )
        return blob, True

    def find_live(self, blob_id: BlobId) -> list[BlobObject]:
        """Return the objects of a blob that have not expired, oldest first."""
        with self._lock:
            return self._select(
                "blob_id = ? AND end_epoch > ?", blob_id_bytes(blob_id), self.epoch()
            )

    def find_object(self, object_id: str) -> BlobObject | None:
        """Return a live object by its own id or that of the shared object around it."""
        with self._lock:
            found = self._select(
                "(object_id = ? OR shared_id = ?) AND end_epoch > ?",
                object_id,
                object_id,
                self.epoch(),
            )
        return found[0] if found else None

    def find_patches(self, blob_id: BlobId) -> list[Patch]:
        """Return the patches of a quilt in order; none if the blob is not a quilt."""
        with self._lock:
            rows = self._db.execute(
                "SELECT identifier, tags, start_column, end_column FROM patches"
                " WHERE blob_id = ? ORDER BY start_column",
                (blob_id_bytes(blob_id),),
            ).fetchall()
        return [Patch(name, json.loads(tags), start, end) for name, tags, start, end in rows]

    def count_objects(self) -> int:
        """Return how many objects were ever created: each one was paid for."""
        with self._lock:
            count: int = self._db.execute("SELECT count(*) FROM objects").fetchone()[0]
        return count

    def _metadata_path(self, blob_id: BlobId) -> Path:
        return self._blobs / f"{format_blob_id(blob_id)}.meta"

    def _find_lasting(self, blob_id: BlobId, end: int) -> BlobObject | None:
        with self._lock:
            return self._select_lasting(blob_id, end)

    def _select_lasting(self, blob_id: BlobId, end: int) -> BlobObject | None:
        found = self._select(
            "blob_id = ? AND NOT deletable AND end_epoch >= ?", blob_id_bytes(blob_id), end
        )
        return max(found, key=lambda blob: blob.end_epoch, default=None)

    def _select(self, condition: str, *values: object) -> list[BlobObject]:
        query = f"SELECT {_COLUMNS} FROM objects WHERE {condition} ORDER BY sequence"  # noqa: S608  (conditions are literals above)
        rows = self._db.execute(query, values).fetchall()
        return [_to_object(row) for row in rows]

    def _insert(
        self, encoding: Encoding, end: int, *, permanent: bool, share: bool, owner: str | None
    ) -> BlobObject:
        highest = self._db.execute("SELECT max(sequence) FROM objects").fetchone()[0]
        sequence = (highest or 0) + 1
        blob = BlobObject(
            sequence,
            "0x" + _derive("object", sequence).hex(),
            "0x" + _derive("storage", sequence).hex(),
            "0x" + _derive("shared", sequence).hex() if share else None,
            encoding.blob_id,
            encoding.size,
            not permanent,
            self.epoch(),
            end,
        )
        self._db.execute(
            f"INSERT INTO objects ({_COLUMNS}, owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  (a constant)
            (
                sequence,
                blob.object_id,
                blob.storage_id,
                blob.shared_id,
                blob_id_bytes(blob.blob_id),
                blob.size,
                blob.deletable,
                blob.start_epoch,
                blob.end_epoch,
                owner,
            ),
        )
        return blob

    def geometry(self, size: int) -> Geometry:
        """Return the shape of a blob of ``size`` bytes on this network."""
        return Geometry(size, self.shards)


def _to_object(row: Sequence[Any]) -> BlobObject:
    sequence, object_id, storage_id, shared_id, raw, size, deletable, start, end = row
    blob_id = blob_id_from_bytes(raw)
    return BlobObject(
        sequence, object_id, storage_id, shared_id, blob_id, size, bool(deletable), start, end
    )


def _derive(kind: str, sequence: int) -> bytes:
    """Return an id that depends only on the order of events, so that runs are reproducible."""
    return hashlib.sha256(f"walrusd devnet {kind} {sequence}".encode()).digest()
