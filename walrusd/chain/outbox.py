"""The journal of signed transactions: written before sending, settled after.

A transaction whose fate is unknown may still be executed. Its bytes are therefore kept, and only
these bytes are ever sent again; nothing else is signed with its gas coin until its fate is known.
"""

import json
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pysui.sui.sui_bcs import bcs

from walrusd.chain.types import ExecutedTransaction, ObjectRef
from walrusd.units import Address, ObjectId, normalize_address

DDL = """
CREATE TABLE IF NOT EXISTS outbox (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    digest     TEXT NOT NULL UNIQUE,
    label      TEXT NOT NULL,
    key        TEXT,
    tx         BLOB NOT NULL,
    signature  BLOB NOT NULL,
    outcome    TEXT NOT NULL CHECK (outcome IN ('pending', 'succeeded', 'failed', 'dropped')),
    effects    TEXT
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS outbox_key ON outbox (key)
    WHERE key IS NOT NULL AND outcome IN ('pending', 'succeeded');
CREATE INDEX IF NOT EXISTS outbox_pending ON outbox (sequence) WHERE outcome = 'pending';
"""


class Outcome(StrEnum):
    """What became of a transaction."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Executed without effect; it cost gas."""
    DROPPED = "dropped"
    """Refused, expired, or overtaken: it was not and will not be executed."""


@dataclass(frozen=True)
class OutboxEntry:
    """A signed transaction: exactly these bytes may be sent, any number of times."""

    digest: str
    tx_bytes: bytes
    signature: bytes
    label: str
    key: str | None = None


class Outbox(Protocol):
    """Where signed transactions are kept. Every method is durable when it returns."""

    def save(self, entry: OutboxEntry) -> None:
        """Keep ``entry`` as pending."""
        ...

    def mark(
        self, digest: str, outcome: Outcome, effects: ExecutedTransaction | None = None
    ) -> None:
        """Settle the entry ``digest``."""
        ...

    def pending(self) -> list[OutboxEntry]:
        """Return what is not settled, oldest first."""
        ...

    def succeeded(self, key: str) -> ExecutedTransaction | None:
        """Return the transaction that succeeded under ``key``, if one did."""
        ...


class SqliteOutbox:
    """An outbox in one table of a SQLite database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Create the table if needed. Every change commits, with whatever is open before it."""
        self._connection = connection
        connection.executescript(DDL)

    def save(self, entry: OutboxEntry) -> None:
        """Keep ``entry`` as pending; also one that was dropped and is tried again unchanged."""
        with self._connection:
            self._connection.execute(
                "INSERT INTO outbox (digest, label, key, tx, signature, outcome)"
                " VALUES (?, ?, ?, ?, ?, 'pending')"
                " ON CONFLICT (digest) DO UPDATE SET outcome = 'pending', effects = NULL,"
                " label = excluded.label, key = excluded.key",
                (entry.digest, entry.label, entry.key, entry.tx_bytes, entry.signature),
            )

    def mark(
        self, digest: str, outcome: Outcome, effects: ExecutedTransaction | None = None
    ) -> None:
        """Settle the entry ``digest``."""
        text = None if effects is None else json.dumps(effects.to_json())
        with self._connection:
            self._connection.execute(
                "UPDATE outbox SET outcome = ?, effects = ? WHERE digest = ?",
                (outcome.value, text, digest),
            )

    def pending(self) -> list[OutboxEntry]:
        """Return what is not settled, oldest first."""
        rows = self._connection.execute(
            "SELECT digest, tx, signature, label, key FROM outbox"
            " WHERE outcome = 'pending' ORDER BY sequence"
        )
        return [OutboxEntry(*row) for row in rows]

    def succeeded(self, key: str) -> ExecutedTransaction | None:
        """Return the transaction that succeeded under ``key``, if one did."""
        row = self._connection.execute(
            "SELECT effects FROM outbox WHERE key = ? AND outcome = 'succeeded'", (key,)
        ).fetchone()
        return None if row is None else ExecutedTransaction.from_json(json.loads(row[0]))


@dataclass(frozen=True)
class SentTransaction:
    """What can be read back from transaction bytes: who pays, with what, and until when."""

    sender: Address
    gas: tuple[ObjectRef, ...]
    expiration_epoch: int | None


def parse_transaction(tx_bytes: bytes) -> SentTransaction:
    """Return the sender, gas coins and expiration of bytes that ``Ptb.build`` made."""
    data = bcs.TransactionData.deserialize(tx_bytes).value
    expiration = data.TransactionExpiration
    return SentTransaction(
        sender=normalize_address(data.Sender.to_address_str()),
        gas=tuple(
            ObjectRef(
                ObjectId(normalize_address(ref.ObjectID.to_address_str())),
                ref.SequenceNumber,
                ref.ObjectDigest.to_digest_str(),
            )
            for ref in data.GasData.Payment
        ),
        expiration_epoch=expiration.value if expiration.enum_name == "Epoch" else None,
    )
