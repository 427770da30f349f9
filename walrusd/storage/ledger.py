"""The record of uploads: what was started, what is stored, and until when.

Storing costs money and takes up to a minute, so after a crash or a timeout it is unknown whether
it happened. The ledger records that; ``publisher`` then asks the network before it pays again.
"""

import sqlite3
from dataclasses import dataclass

from walrusd.runtime.savepoint import joining
from walrusd.storage.blobid import blob_id_bytes, blob_id_from_bytes
from walrusd.units import BlobId, ObjectId

_SCHEMA = """
CREATE TABLE IF NOT EXISTS walrus_uploads (
    blob_id    BLOB PRIMARY KEY CHECK (length(blob_id) = 32),
    size       INTEGER NOT NULL,
    permanent  INTEGER NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('started', 'stored')),
    end_epoch  INTEGER,
    object_id  TEXT,
    publisher  TEXT NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 1
) STRICT
"""


@dataclass(frozen=True)
class StoredBlob:
    """A blob that Walrus keeps until ``end_epoch`` (exclusive).

    ``object_id`` is the Blob object created for us. Without one, the blob depends on another
    owner's object, and we cannot extend its lifetime.
    """

    blob_id: BlobId
    size: int
    end_epoch: int
    object_id: ObjectId | None


@dataclass(frozen=True)
class Upload:
    """One row of the ledger. ``stored`` is None while the outcome is unknown."""

    blob_id: BlobId
    size: int
    permanent: bool
    publisher: str
    attempts: int
    stored: StoredBlob | None


class UploadLedger:
    """The table ``walrus_uploads`` in a database that belongs to the caller.

    Each method is one statement, on the thread of ``connection``, and commits immediately, or
    with the transaction that is open.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        with joining(self._db):
            self._db.execute(_SCHEMA)

    def note_start(self, blob_id: BlobId, *, size: int, permanent: bool, publisher: str) -> None:
        """Record that an upload is about to be sent to ``publisher``."""
        with joining(self._db):
            self._db.execute(
                "INSERT INTO walrus_uploads (blob_id, size, permanent, state, publisher)"
                " VALUES (?, ?, ?, 'started', ?)"
                " ON CONFLICT (blob_id) DO UPDATE SET state = 'started',"
                " permanent = excluded.permanent, publisher = excluded.publisher,"
                " attempts = attempts + 1",
                (blob_id_bytes(blob_id), size, permanent, publisher),
            )

    def note_stored(self, blob: StoredBlob) -> StoredBlob:
        """Record that the network has the blob; return what is known of it now.

        An object id known from before is kept when ``blob`` brings none.
        """
        raw = blob_id_bytes(blob.blob_id)
        with joining(self._db):
            self._db.execute(
                "UPDATE walrus_uploads SET state = 'stored', end_epoch = ?,"
                " object_id = coalesce(?, object_id) WHERE blob_id = ?",
                (blob.end_epoch, blob.object_id, raw),
            )
        upload = self.find(blob.blob_id)
        return upload.stored if upload and upload.stored else blob

    def find(self, blob_id: BlobId) -> Upload | None:
        """Return what is recorded about a blob, if anything."""
        row = self._db.execute(
            "SELECT blob_id, size, permanent, publisher, attempts, state, end_epoch, object_id"
            " FROM walrus_uploads WHERE blob_id = ?",
            (blob_id_bytes(blob_id),),
        ).fetchone()
        if row is None:
            return None
        raw, size, permanent, publisher, attempts, state, end_epoch, object_id = row
        blob = blob_id_from_bytes(raw)
        stored = StoredBlob(blob, size, end_epoch, object_id) if state == "stored" else None
        return Upload(blob, size, bool(permanent), publisher, attempts, stored)
