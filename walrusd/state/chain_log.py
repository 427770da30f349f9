"""What this daemon has read of the chain: events in ledger order, and the objects they name.

All of it can be rebuilt from the chain. It is kept so that a restart continues where the daemon
stopped, and so that an envelope in an event is still available when the node has pruned it.
"""

import sqlite3
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from walrusd.state.database import LAST_CHARACTER, Database
from walrusd.units import address_bytes

Place = tuple[int, int, int]
"""Where an event is in the ledger: its checkpoint, transaction and position."""

BEFORE_ALL: Place = (-1, -1, -1)
PARTIED = frozenset({"SubmissionJoined", "SeatRegistered", "SeatWithdrawn"})
"""Events that :meth:`ChainLog.events_by` finds; the migrations know where their party is."""

TASKED = frozenset({"SubmissionJoined", "SubmissionEnded"})
"""Events that :meth:`ChainLog.events_of_task` finds."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One event: its place in the ledger, its Move name, its subject, its BCS bytes."""

    checkpoint: int
    transaction: int
    position: int
    digest: str
    name: str
    subject: str
    body: bytes

    @property
    def place(self) -> Place:
        """Where it is in the ledger."""
        return self.checkpoint, self.transaction, self.position


@dataclass(frozen=True, slots=True)
class KnownObject:
    """An object that an event named. ``parent`` is its task, or its dataset, or empty."""

    kind: str
    id: str
    parent: str
    ended: bool


class ChainLog:
    """The tables ``chain_events`` and ``known_objects``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, event: LoggedEvent) -> bool:
        """Add an event; return False if it is there already, so a repeated one has no effect."""
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT OR IGNORE INTO chain_events"
                " (checkpoint, tx, position, digest, name, subject, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    event.checkpoint,
                    event.transaction,
                    event.position,
                    event.digest,
                    event.name,
                    event.subject,
                    event.body,
                ),
            )
            return cursor.rowcount == 1

    def events(self, name: str, subject: str | None = None) -> list[LoggedEvent]:
        """Return the events of one name, about one subject if given, in ledger order."""
        rows = self._database.read(
            "SELECT * FROM chain_events WHERE name = :name"
            " AND (:subject IS NULL OR subject = :subject) ORDER BY checkpoint, tx, position",
            {"name": name, "subject": subject},
        )
        return [_logged(row) for row in rows]

    def events_by(self, name: str, party: str, *, after: Place = BEFORE_ALL) -> list[LoggedEvent]:
        """Return one party's events of one name that come after a place, in ledger order.

        The party is the contributor or the verifier; strangers' events are not even read.

        Raises:
            ValueError: if events of this name are not indexed by party.
        """
        if name not in PARTIED:
            raise ValueError(f"{name} is not indexed by party")
        rows = self._database.read(
            "SELECT * FROM chain_events WHERE name = ? AND party = ?"
            " AND (checkpoint, tx, position) > (?, ?, ?) ORDER BY checkpoint, tx, position",
            (name, address_bytes(party), *after),
        )
        return [_logged(row) for row in rows]

    def events_of_task(self, name: str, task: str) -> list[LoggedEvent]:
        """Return the events of one name about a task's submissions, in ledger order.

        Raises:
            ValueError: if events of this name are not indexed by task.
        """
        if name not in TASKED:
            raise ValueError(f"{name} is not indexed by task")
        rows = self._database.read(
            "SELECT * FROM chain_events WHERE name = ? AND task = ?"
            " ORDER BY checkpoint, tx, position",
            (name, address_bytes(task)),
        )
        return [_logged(row) for row in rows]

    def events_holding(self, name: str, content: bytes) -> list[LoggedEvent]:
        """Return the events of one name whose bytes hold ``content`` anywhere, in ledger order.

        For fields without an index: the caller must decode the result, as some of it may not match.
        """
        rows = self._database.read(
            "SELECT * FROM chain_events WHERE name = ? AND instr(body, ?)"
            " ORDER BY checkpoint, tx, position",
            (name, content),
        )
        return [_logged(row) for row in rows]

    def about(self, subject: str, *, others: tuple[str, ...] = ()) -> list[LoggedEvent]:
        """Return every event about a subject, or about ids that begin with it, in ledger order.

        Events named in ``others`` are added if their transaction has one of the found events: they
        happened to another object for the same reason.
        """
        rows = self._database.read(
            "SELECT * FROM chain_events WHERE subject BETWEEN ? AND ?",
            (subject, subject + LAST_CHARACTER),
        )
        found = {event.place: event for event in map(_logged, rows)}
        if others:
            together = self.in_transactions({event.digest for event in found.values()})
            found |= {event.place: event for event in together if event.name in others}
        return [found[place] for place in sorted(found)]

    def in_transactions(self, digests: Collection[str]) -> list[LoggedEvent]:
        """Return every event of some transactions, in ledger order."""
        found: list[LoggedEvent] = []
        for digest in sorted(digests):
            rows = self._database.read("SELECT * FROM chain_events WHERE digest = ?", (digest,))
            found += [_logged(row) for row in rows]
        return sorted(found, key=lambda event: event.place)

    def note(self, kind: str, object_id: str, parent: str = "") -> None:
        """Remember that an object exists."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO known_objects (kind, id, parent) VALUES (?, ?, ?)",
                (kind, object_id, parent),
            )

    def mark_ended(self, object_id: str) -> None:
        """Remember that nothing more will happen to an object."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE known_objects SET ended = 1 WHERE id = ?", (object_id,))

    def known(
        self, kind: str, *, parent: str | None = None, with_ended: bool = False
    ) -> list[KnownObject]:
        """Return the known objects of a kind, oldest first."""
        rows = self._database.read(
            "SELECT * FROM known_objects WHERE kind = :kind"
            " AND (:parent IS NULL OR parent = :parent) AND (:with_ended OR NOT ended)"
            " ORDER BY rowid",
            {"kind": kind, "parent": parent, "with_ended": with_ended},
        )
        return [
            KnownObject(row["kind"], row["id"], row["parent"], bool(row["ended"])) for row in rows
        ]

    def find(self, head: str, tail: str = "", *, kind: str | None = None) -> list[str]:
        """Return the ids with this beginning and end: of known objects of a kind, ended ones too.

        Without a kind, of all known objects, and of all that events are about.
        """
        rows = self._database.read(_FIND, {"head": head, "tail": tail, "kind": kind})
        found = [row["id"] for row in rows]
        if kind is None:
            rows = self._database.read(_FIND_SUBJECTS, {"head": head, "tail": tail})
            found += [row["subject"] for row in rows]
        return list(dict.fromkeys(found))


_MATCHES = (
    "substr({0}, 1, length(:head)) = :head AND (:tail = '' OR substr({0}, -length(:tail)) = :tail)"
    " AND length({0}) >= length(:head) + length(:tail)"
)
_FIND = (
    "SELECT DISTINCT id FROM known_objects WHERE (:kind IS NULL OR kind = :kind) AND "  # noqa: S608  # constants
    + _MATCHES.format("id")
)
_FIND_SUBJECTS = "SELECT DISTINCT subject FROM chain_events WHERE " + _MATCHES.format("subject")  # noqa: S608  # constants


def find_in_file(path: Path, head: str, tail: str, *, kind: str) -> list[str]:
    """Return as :meth:`ChainLog.find`, from the file of a daemon that may be running.

    Nothing is written. From a file that cannot be read nothing is returned.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            wanted = {"head": head, "tail": tail, "kind": kind}
            return [row[0] for row in database.execute(_FIND, wanted)]
    except sqlite3.Error:
        return []


def _logged(row: Any) -> LoggedEvent:
    return LoggedEvent(
        row["checkpoint"],
        row["tx"],
        row["position"],
        row["digest"],
        row["name"],
        row["subject"],
        row["body"],
    )
