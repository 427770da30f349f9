"""Refuse to act twice with one identity.

Two guards. A lock file per identity stops a second daemon on this machine; the kernel drops the
lock when the process dies, so a crash leaves nothing to clean up. A table of actions stops the
same daemon, restarted or restored, from doing a once-only action differently: an action is
recorded, with a digest of its exact content, *before* it is done.
"""

import fcntl
import hashlib
import json
import os
from enum import Enum
from pathlib import Path
from typing import Any, Self

from walrusd.errors import (
    ConfigError,
    DatabaseLost,
    DoubleAction,
    explain_or,
    explain_os_error,
)
from walrusd.files import write_atomically
from walrusd.state.database import Database
from walrusd.units import Address

EXPORT_FORMAT = "walrusd-protection/1"
_NO_PAYLOAD = b""


def check_not_lost(database: Path, data_dir: Path, identity: Address) -> None:
    """Check that the database of an identity that has worked in ``data_dir`` is still there.

    Raises:
        DatabaseLost: if it is gone or empty, and with it the record of once-only actions.
    """
    # A file of a single byte is a new database to SQLite too.
    if _lock_path(data_dir, identity).exists() and not (
        database.exists() and database.stat().st_size > 1
    ):
        raise DatabaseLost(
            f"{identity} has worked in {data_dir} before, but {database.name} is gone or empty"
        )


def _lock_path(data_dir: Path, identity: Address) -> Path:
    return data_dir / f"{identity}.lock"


class Begun(Enum):
    """What :meth:`Protection.begin` found."""

    FRESH = "fresh"
    """Never begun: act."""

    RESUMED = "resumed"
    """Begun with the same payload, end unknown: find out whether it happened, or send the
    identical thing again."""

    DONE = "done"
    """Done with the same payload: nothing is left to do."""


class Protection:
    """The double-action guard of one identity. Holds the lock until :meth:`close`."""

    def __init__(self, database: Database, identity: Address, lock_fd: int) -> None:
        self._database = database
        self._identity = identity
        self._lock_fd = lock_fd

    @classmethod
    def open(cls, database: Database, data_dir: Path, identity: Address) -> Self:
        """Take the lock of ``identity`` in ``data_dir``.

        Raises:
            DoubleAction: if another process holds it.
            ConfigError: if the lock file cannot be made.
            LocalFault: if it cannot be written, or the disk is full or broken.
        """
        path = _lock_path(data_dir, identity)
        try:
            lock_fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            refusal = ConfigError(
                f"cannot create the lock file {path}: {exc.strerror}",
                hint="check daemon.data_dir and its owner",
            )
            raise explain_or(exc, refusal) from exc
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            holder = os.pread(lock_fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(lock_fd)
            raise DoubleAction(
                f"another walrusd (process {holder}) already acts as {identity}",
                hint="stop it first; two daemons with one identity lose their stake",
            ) from exc
        try:
            os.ftruncate(lock_fd, 0)
            os.pwrite(lock_fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as exc:
            os.close(lock_fd)
            raise explain_os_error(exc) from exc
        return cls(database, identity, lock_fd)

    def close(self) -> None:
        """Release the lock. The file stays: removing it would race with another opener."""
        os.close(self._lock_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def begin(self, key: str, payload: bytes) -> Begun:
        """Record that ``payload`` is about to be done under ``key``, before doing it.

        Raises:
            DoubleAction: if the key was begun or done with another payload.
        """
        digest = hashlib.sha256(payload).digest()
        with self._database.transaction():
            found = self._find(key)
            if found is None:
                self._write(key, digest, done=False)
                return Begun.FRESH
        recorded, done = found
        if recorded != digest:
            raise self._refusal(key)
        return Begun.DONE if done else Begun.RESUMED

    def done(self, key: str) -> None:
        """Record that the action begun under ``key`` has happened. May be repeated."""
        with self._database.transaction():
            found = self._find(key)
            if found is None:
                raise AssertionError(f"{key} was never begun")
            self._write(key, found[0], done=True)

    def forget(self, key: str) -> None:
        """Remove an action that has *certainly* not happened, and never will.

        For example a transaction whose expiration has passed unexecuted. A done action stays.
        """
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM actions WHERE identity = ? AND key = ? AND done = 0",
                (self._identity, key),
            )

    def export(self) -> dict[str, Any]:
        """Return all actions of this identity as a JSON object, to carry to another machine."""
        rows = self._database.read(
            "SELECT key, payload, done FROM actions WHERE identity = ? ORDER BY key",
            (self._identity,),
        )
        actions = [
            {"key": row["key"], "payload": row["payload"].hex(), "done": bool(row["done"])}
            for row in rows
        ]
        return {"format": EXPORT_FORMAT, "identity": self._identity, "actions": actions}

    def merge(self, document: dict[str, Any]) -> int:
        """Add the actions of an export; of two records the stricter one stays. Return their number.

        If both machines acted under one key, every further attempt is refused.

        Raises:
            ConfigError: if the document is of another format or identity.
        """
        actions = _parse_export(document, self._identity)
        with self._database.transaction():
            for key, digest, done in actions:
                found = self._find(key)
                if found is None or found == (digest, False):
                    self._write(key, digest, done=done)
                elif found[0] != digest:
                    self._write(key, _NO_PAYLOAD, done=True)
        return len(actions)

    def _find(self, key: str) -> tuple[bytes, bool] | None:
        rows = self._database.read(
            "SELECT payload, done FROM actions WHERE identity = ? AND key = ?",
            (self._identity, key),
        )
        return (rows[0]["payload"], bool(rows[0]["done"])) if rows else None

    def _write(self, key: str, digest: bytes, *, done: bool) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO actions (identity, key, payload, done) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET payload = excluded.payload, done = excluded.done",
                (self._identity, key, digest, int(done)),
            )

    def _refusal(self, key: str) -> DoubleAction:
        return DoubleAction(
            f"{self._identity} has already acted on {key} in another way",
            hint="`walrusctl why` shows what was done; doing it again would lose the stake",
        )


def _parse_export(document: dict[str, Any], identity: Address) -> list[tuple[str, bytes, bool]]:
    if not isinstance(document, dict) or document.get("format") != EXPORT_FORMAT:
        raise ConfigError(f"not a protection export of format {EXPORT_FORMAT}")
    if document.get("identity") != identity:
        raise ConfigError(
            f"the protection export belongs to an identity other than {identity}",
            hint="export it from the machine that used this keystore",
        )
    actions = []
    for number, item in enumerate(document.get("actions", ())):
        try:
            key, payload, done = item["key"], bytes.fromhex(item["payload"]), item["done"]
        except (KeyError, TypeError, ValueError) as exc:
            raise ConfigError(f"action {number} of the protection export is malformed") from exc
        if not isinstance(key, str) or not isinstance(done, bool) or len(payload) not in {0, 32}:
            raise ConfigError(f"action {number} of the protection export is malformed")
        actions.append((key, payload, done))
    return actions


def write_export(path: Path, protection: Protection) -> None:
    """Write an export atomically to a file of mode 0600."""
    write_atomically(path, json.dumps(protection.export(), indent=1).encode())
