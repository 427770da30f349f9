"""Our own files, each made by one trio task at a time, and the checks that they have passed.

A model may take minutes to hash, so a file's identity, size and times are remembered; a file that
was replaced, written to or removed has others, and is checked again. A bit that flips on the disk
changes none of them: code that computes with a file checks its bytes again.
"""

import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trio

from walrusd.files import write_atomically

Stamp = tuple[int, int, int, int]
"""A file's inode, size, and times of its last write and change."""

KEPT = 4096
"""How many checks are also kept in memory, so that many tasks are reviewed quickly."""


def read_stamp(path: Path) -> Stamp | None:
    """Return what distinguishes a file from any other at its path; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class CheckedFiles:
    """The checks that files have passed: in memory, and beside each file for the next start."""

    def __init__(self) -> None:
        self._turns: dict[Path, tuple[trio.Lock, int]] = {}
        self._passed: OrderedDict[tuple[Path, str], Stamp] = OrderedDict()

    @asynccontextmanager
    async def exclusive(self, path: Path) -> AsyncIterator[None]:
        """Let one task at a time make a file; the next one finds it made."""
        lock, users = self._turns.get(path, (trio.Lock(), 0))
        self._turns[path] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._turns.pop(path)
            if users > 1:
                self._turns[path] = lock, users - 1

    def holds(self, path: Path, claim: str) -> bool:
        """Return whether the file that is there now has passed the check named ``claim``."""
        stamp = read_stamp(path)
        if stamp is None:
            return False
        if (path, claim) not in self._passed:
            if claim not in _read_claims(path, stamp):
                return False
            self._keep(path, claim, stamp)
        return self._passed[path, claim] == stamp

    def note(self, path: Path, claim: str, stamp: Stamp | None) -> None:
        """Remember that a file has passed; ``stamp`` was read before the check began.

        If that cannot be written, the file is only checked again after a restart.
        """
        if stamp is None or self.holds(path, claim):
            return
        self._keep(path, claim, stamp)
        claims = sorted({*_read_claims(path, stamp), claim})
        record = {"stamp": stamp, "claims": claims}
        with suppress(OSError):
            write_atomically(_record_path(path), json.dumps(record).encode())

    def _keep(self, path: Path, claim: str, stamp: Stamp) -> None:
        self._passed[path, claim] = stamp
        self._passed.move_to_end((path, claim))
        if len(self._passed) > KEPT:
            self._passed.popitem(last=False)


def _record_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.checked")


def _read_claims(path: Path, stamp: Stamp) -> list[str]:
    """Return the checks recorded for exactly this file; none from a damaged record."""
    try:
        record = json.loads(_record_path(path).read_bytes())
        if tuple(record["stamp"]) == stamp:
            return [str(claim) for claim in record["claims"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return []
