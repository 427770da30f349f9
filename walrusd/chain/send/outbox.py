"""The journal of signed transactions: written before sending, settled after.

A transaction whose fate is unknown may still be executed. So its bytes are kept, only these bytes
are sent again, and nothing else is signed with its gas coin until its fate is known.
"""

import json
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from walrusd.chain.values import typetags as _typetags  # noqa: F401 - corrects pysui before it reads
from walrusd.chain.values.pysui_parts import bcs
from walrusd.chain.values.types import ExecutedTransaction, ObjectRef
from walrusd.runtime.savepoint import joining
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
    effects    TEXT,
    sender     TEXT NOT NULL DEFAULT ''
) STRICT;
"""
_INDEXES = (
    "DROP INDEX IF EXISTS outbox_key",
    """
    CREATE UNIQUE INDEX IF NOT EXISTS outbox_sender_key ON outbox (sender, key)
        WHERE key IS NOT NULL AND outcome IN ('pending', 'succeeded')
    """,
    "CREATE INDEX IF NOT EXISTS outbox_pending ON outbox (sequence) WHERE outcome = 'pending'",
)


class SendingOutcome(StrEnum):
    """What became of a transaction."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Executed without effect; gas was paid."""
    DROPPED = "dropped"
    """Refused, expired, or superseded: it was not and will not be executed."""


@dataclass(frozen=True)
class OutboxEntry:
    """A signed transaction: exactly these bytes may be sent, any number of times."""

    digest: str
    tx_bytes: bytes
    signature: bytes
    label: str
    key: str | None = None
    sender: str = ""


class Outbox(Protocol):
    """Where signed transactions are kept. Every method is durable when it returns."""

    def save(self, entry: OutboxEntry) -> None:
        """Keep ``entry`` as pending."""
        ...

    def mark(
        self, digest: str, outcome: SendingOutcome, effects: ExecutedTransaction | None = None
    ) -> None:
        """Settle the entry ``digest``."""
        ...

    def pending(self, sender: Address | None = None) -> list[OutboxEntry]:
        """Return what is not settled, oldest first: of one sender, or of all."""
        ...

    def succeeded(self, key: str, sender: Address) -> ExecutedTransaction | None:
        """Return the transaction of ``sender`` that succeeded under ``key``, if one did."""
        ...


class SqliteOutbox:
    """An outbox in one table of a SQLite database, which several senders may share."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Create or migrate the table, if needed.

        Every change commits immediately, or with the transaction that is open.
        """
        self._connection = connection
        with joining(connection):
            connection.execute(DDL)
            columns = [row[1] for row in connection.execute("PRAGMA table_info(outbox)")]
            if "sender" not in columns:
                # The first version served one sender only.
                connection.execute("ALTER TABLE outbox ADD COLUMN sender TEXT NOT NULL DEFAULT ''")
            self._name_senders()
            for statement in _INDEXES:
                connection.execute(statement)

    def _name_senders(self) -> None:
        """Fill in the sender of entries without one, which would never be settled."""
        rows = self._connection.execute("SELECT digest, tx FROM outbox WHERE sender = ''")
        for digest, tx in rows.fetchall():
            self._connection.execute(
                "UPDATE outbox SET sender = ? WHERE digest = ?",
                (parse_transaction(tx).sender, digest),
            )

    def save(self, entry: OutboxEntry) -> None:
        """Keep ``entry`` as pending, also if the same bytes were dropped before."""
        with joining(self._connection):
            self._connection.execute(
                "INSERT INTO outbox (digest, label, key, tx, signature, sender, outcome)"
                " VALUES (?, ?, ?, ?, ?, ?, 'pending')"
                " ON CONFLICT (digest) DO UPDATE SET outcome = 'pending', effects = NULL,"
                " label = excluded.label, key = excluded.key",
                (
                    entry.digest,
                    entry.label,
                    entry.key,
                    entry.tx_bytes,
                    entry.signature,
                    entry.sender,
                ),
            )

    def mark(
        self, digest: str, outcome: SendingOutcome, effects: ExecutedTransaction | None = None
    ) -> None:
        """Settle the entry ``digest``."""
        text = None if effects is None else json.dumps(effects.to_json())
        with joining(self._connection):
            self._connection.execute(
                "UPDATE outbox SET outcome = ?, effects = ? WHERE digest = ?",
                (outcome.value, text, digest),
            )

    def pending(self, sender: Address | None = None) -> list[OutboxEntry]:
        """Return what is not settled, oldest first: of one sender, or of all."""
        rows = self._connection.execute(
            "SELECT digest, tx, signature, label, key, sender FROM outbox"
            " WHERE outcome = 'pending' AND (:sender IS NULL OR sender = :sender)"
            " ORDER BY sequence",
            {"sender": sender},
        )
        return [OutboxEntry(*row) for row in rows]

    def succeeded(self, key: str, sender: Address) -> ExecutedTransaction | None:
        """Return the transaction of ``sender`` that succeeded under ``key``, if one did."""
        row = self._connection.execute(
            "SELECT effects FROM outbox WHERE key = ? AND sender = ? AND outcome = 'succeeded'",
            (key, sender),
        ).fetchone()
        return None if row is None else ExecutedTransaction.from_json(json.loads(row[0]))


@dataclass(frozen=True)
class SentTransaction:
    """What transaction bytes contain: who pays, with which coins, and the last epoch.

    ``owned`` are the owned inputs besides the gas: only one transaction may use each version.
    """

    sender: Address
    gas: tuple[ObjectRef, ...]
    expiration_epoch: int | None
    owned: tuple[ObjectRef, ...] = ()


def parse_transaction(tx_bytes: bytes) -> SentTransaction:
    """Return the sender, gas coins and expiration of bytes that ``Ptb.build`` made."""
    data = bcs.TransactionData.deserialize(tx_bytes).value
    expiration = data.TransactionExpiration
    objects = [i.value for i in data.TransactionKind.value.Inputs if i.enum_name == "Object"]
    return SentTransaction(
        sender=normalize_address(data.Sender.to_address_str()),
        gas=tuple(map(_read_ref, data.GasData.Payment)),
        expiration_epoch=expiration.value if expiration.enum_name == "Epoch" else None,
        owned=tuple(_read_ref(o.value) for o in objects if o.enum_name == "ImmOrOwnedObject"),
    )


def _read_ref(ref: bcs.ObjectReference) -> ObjectRef:
    return ObjectRef(
        ObjectId(normalize_address(ref.ObjectID.to_address_str())),
        ref.SequenceNumber,
        ref.ObjectDigest.to_digest_str(),
    )
