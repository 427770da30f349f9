"""Small durable records of services: values by key, and work items with their progress.

Values are JSON. Inside ``database.transaction()`` a write commits with the caller's other effects.
"""

import json
from dataclasses import dataclass
from typing import Any

from walrusd.state.database import Database, parse_json


class KeyValue:
    """JSON values by namespace and key: cursors, caches of chain facts, service records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, namespace: str, key: str) -> Any | None:
        """Return the value, or None where there is none."""
        rows = self._database.read(
            "SELECT value FROM key_value WHERE namespace = ? AND key = ?", (namespace, key)
        )
        return parse_json(rows[0]["value"]) if rows else None

    def put(self, namespace: str, key: str, value: Any) -> None:
        """Set a value."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO key_value (namespace, key, value) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET value = excluded.value",
                (namespace, key, _dump(value)),
            )

    def delete(self, namespace: str, key: str) -> None:
        """Remove a value, if it is there."""
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM key_value WHERE namespace = ? AND key = ?", (namespace, key)
            )

    def items(self, namespace: str) -> dict[str, Any]:
        """Return all values of a namespace, ordered by key."""
        rows = self._database.read(
            "SELECT key, value FROM key_value WHERE namespace = ? ORDER BY key", (namespace,)
        )
        return {row["key"]: parse_json(row["value"]) for row in rows}


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A service's unit of work, which survives a crash with its progress."""

    service: str
    key: str
    state: dict[str, Any]


class Work:
    """Durable work items, in the order in which they were first put."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, service: str, key: str, state: dict[str, Any]) -> None:
        """Add an item, or replace its state; its place in the order stays."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO work (service, key, added, state) VALUES (:service, :key,"
                " (SELECT coalesce(max(added), 0) + 1 FROM work WHERE service = :service), :state)"
                " ON CONFLICT DO UPDATE SET state = excluded.state",
                {"service": service, "key": key, "state": _dump(state)},
            )

    def get(self, service: str, key: str) -> dict[str, Any] | None:
        """Return an item's state, or None where there is no such item."""
        rows = self._database.read(
            "SELECT state FROM work WHERE service = ? AND key = ?", (service, key)
        )
        if not rows:
            return None
        state: dict[str, Any] = parse_json(rows[0]["state"])
        return state

    def items(self, service: str) -> list[WorkItem]:
        """Return all items of a service, first put first."""
        rows = self._database.read(
            "SELECT key, state FROM work WHERE service = ? ORDER BY added", (service,)
        )
        return [WorkItem(service, row["key"], parse_json(row["state"])) for row in rows]

    def delete(self, service: str, key: str) -> None:
        """Remove an item, if it is there."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM work WHERE service = ? AND key = ?", (service, key))


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
