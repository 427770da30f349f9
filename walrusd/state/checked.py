"""Files of ours that are made by one task at a time, and which of them have passed a check.

A model may take minutes to hash. What is remembered is a file's identity, size and times; a file
that was replaced, written to or removed has others, and is checked again. A bit that flips on the
disk changes none of them: what reads a file to compute with it checks its bytes again.
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
"""How many checks are also kept in memory, where a look at many tasks finds them at once."""


def read_stamp(path: Path) -> Stamp | None:
    """Return what tells a file from another one in its place; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class CheckedFiles:
    """What files have passed: in memory, and beside each file so that a restart knows too."""

    def __init__(self) -> None:
        self._turns: dict[Path, tuple[trio.Lock, int]] = {}
        self._passed: OrderedDict[tuple[Path, str], Stamp] = OrderedDict()

    @asynccontextmanager
    async def turn_on(self, path: Path) -> AsyncIterator[None]:
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
        """Remember that a file has passed; ``stamp`` is what it had before the check began.

        If that cannot be written down, a restart checks again, and nothing else is lost.
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
    """Return what is written down about exactly this file; a damaged record says nothing."""
    try:
        record = json.loads(_record_path(path).read_bytes())
        if tuple(record["stamp"]) == stamp:
            return [str(claim) for claim in record["claims"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return []
