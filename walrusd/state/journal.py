"""Why the daemon did what it did: an append-only list of decisions.

Decide, save, then act: a decision is written in the transaction that saves its effects, before
anything leaves the machine. ``walrusctl why ID`` shows these entries.
"""

import json
from dataclasses import dataclass
from typing import Any

from walrusd.runtime.clock import Clock
from walrusd.runtime.redact import redact
from walrusd.state.database import LAST_CHARACTER, Database, parse_json
from walrusd.units import Millis

SHORTEST_PREFIX = 6
"""An id may be abbreviated to this many characters, ``0x`` included, when asking why."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One decision about ``subject_id``: who made it (``kind``), what it was, and its reason."""

    id: int
    at_ms: Millis
    subject_id: str
    kind: str
    decision: str
    reason: str
    fields: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the entry as a JSON object."""
        return {
            "id": self.id,
            "at_ms": self.at_ms,
            "subject": self.subject_id,
            "kind": self.kind,
            "decision": self.decision,
            "reason": self.reason,
            "fields": self.fields,
        }


class Journal:
    """The decisions table. Entries are added and read, never changed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def record(
        self, subject_id: str, kind: str, decision: str, reason: str, **fields: Any
    ) -> JournalEntry:
        """Append a decision. Inside ``database.transaction()`` it commits with the effects.

        ``fields`` are JSON values; those with secret-looking names are masked.
        """
        entry_fields = redact(fields)
        at_ms = self._clock.now_ms()
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO journal (at_ms, subject, kind, decision, reason, fields)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (at_ms, subject_id, kind, decision, reason, json.dumps(entry_fields)),
            )
        assert cursor.lastrowid is not None
        return JournalEntry(
            cursor.lastrowid, at_ms, subject_id, kind, decision, reason, entry_fields
        )

    def record_once(
        self, subject_id: str, kind: str, decision: str, reason: str, **fields: Any
    ) -> None:
        """Append a decision that is made again at every attempt, but only if it has changed.

        Failures in between, which the journal notes as ``failed``, do not count as a change.
        """
        with self._database.transaction():
            rows = self._database.read(
                "SELECT * FROM journal WHERE subject = ? AND kind = ? AND decision != 'failed'"
                " ORDER BY id DESC LIMIT 1",
                (subject_id, kind),
            )
            # As JSON returns them: a tuple becomes a list.
            told = json.loads(json.dumps([decision, reason, redact(fields)]))
            last = [_entry(row) for row in rows]
            if told not in [[entry.decision, entry.reason, entry.fields] for entry in last]:
                self.record(subject_id, kind, decision, reason, **fields)

    def why(self, subject_id: str, *, limit: int = 200) -> list[JournalEntry]:
        """Return the newest ``limit`` entries about a subject, oldest first.

        ``subject_id`` may be the beginning of an id, of :data:`SHORTEST_PREFIX` characters or more.
        """
        is_prefix = len(subject_id) >= SHORTEST_PREFIX
        last = subject_id + LAST_CHARACTER if is_prefix else subject_id
        rows = self._database.read(
            "SELECT * FROM journal WHERE subject BETWEEN ? AND ? ORDER BY +id DESC LIMIT ?",
            (subject_id, last, limit),
        )
        return [_entry(row) for row in reversed(rows)]

    def find(self, head: str, tail: str = "") -> list[str]:
        """Return the subjects that begin with ``head`` and end with ``tail``."""
        rows = self._database.read(
            "SELECT DISTINCT subject FROM journal WHERE substr(subject, 1, length(:head)) = :head"
            " AND (:tail = '' OR substr(subject, -length(:tail)) = :tail)"
            " AND length(subject) >= length(:head) + length(:tail)",
            {"head": head, "tail": tail},
        )
        return [row["subject"] for row in rows]

    def count(self) -> int:
        """Return the number of decisions ever made."""
        return int(self._database.read("SELECT count(*) AS n FROM journal")[0]["n"])


def _entry(row: Any) -> JournalEntry:
    return JournalEntry(
        id=row["id"],
        at_ms=Millis(row["at_ms"]),
        subject_id=row["subject"],
        kind=row["kind"],
        decision=row["decision"],
        reason=row["reason"],
        fields=parse_json(row["fields"]),
    )
