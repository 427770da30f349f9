"""Which transaction each owned object is locked for.

A validator signs one transaction for each version of an owned object. A transaction that reached
the validators but was not executed locks its objects. A second one with the same version splits
the votes, so that neither gets a quorum: the object stays locked until the epoch ends.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from walrusd.devnet.move.failures import EquivocatedError
from walrusd.devnet.move.objects import LedgerObject, OwnerKind

Key = tuple[str, int]


@dataclass
class _Lock:
    digest: str
    split: bool = False


class Locks:
    """The locks of one epoch."""

    def __init__(self, saved: bytes | None = None) -> None:
        self._locks: dict[Key, _Lock] = {}
        for oid, version, digest, split in json.loads(saved or b"[]"):
            self._locks[oid, version] = _Lock(digest, split)

    def to_bytes(self) -> bytes:
        """Return the locks for storage."""
        rows = [[oid, version, k.digest, k.split] for (oid, version), k in self._locks.items()]
        return json.dumps(rows).encode()

    def __len__(self) -> int:
        return len(self._locks)

    def check(self, objects: Iterable[LedgerObject], digest: str) -> list[Key]:
        """Return the versions of owned objects that a transaction is about to use up.

        Raises:
            EquivocatedError: if one of them is, or now becomes, locked until the epoch ends.
        """
        keys = [(o.id, o.version) for o in objects if o.owner.kind is OwnerKind.ADDRESS]
        for key in keys:
            lock = self._locks.get(key)
            if lock is not None and (lock.split or lock.digest != digest):
                lock.split = True
                raise EquivocatedError(
                    "Failed to sign transaction by a quorum of validators because one or more of "
                    f"its objects is equivocated until the next epoch: object {key[0]} version "
                    f"{key[1]:#x} already locked by a different transaction: {lock.digest}"
                )
        return keys

    def take(self, objects: Iterable[LedgerObject], digest: str) -> None:
        """Lock ``objects`` for a transaction.

        Raises:
            EquivocatedError: as in ``check``.
        """
        for key in self.check(objects, digest):
            self._locks.setdefault(key, _Lock(digest))

    def release(self, objects: Iterable[LedgerObject]) -> bool:
        """Drop the locks of consumed versions; return whether there were any."""
        found = [self._locks.pop((o.id, o.version), None) for o in objects]
        return any(lock is not None for lock in found)
