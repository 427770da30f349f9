"""A full node: the ledger as one endpoint has seen it so far.

It serves the checkpoints that have reached it. A lagging node receives them late, a frozen one
receives no new ones, and a pruning one drops the oldest.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from math import inf

import trio

from walrusd.chain.values.pysui_parts import pb
from walrusd.devnet.ledger.checks import CLOCK_ID
from walrusd.devnet.ledger.ledger import Ledger, Listener
from walrusd.devnet.ledger.store import Checkpoint, StoredTransaction
from walrusd.devnet.move.objects import LedgerObject, Owner, owned_by
from walrusd.devnet.move.packages import Packages
from walrusd.units import address_bytes


class Replica:
    """Reads of one full node.

    Args:
        ledger: what it replicates.
        lag: seconds after which a sealed checkpoint reaches it.
        keep: how many checkpoints it keeps; None for all.
        now: time in seconds, for the lag.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        lag: float = 0.0,
        keep: int | None = None,
        now: Callable[[], float] = trio.current_time,
    ) -> None:
        self.ledger = ledger
        self.lag, self.keep = lag, keep
        self.lowest = 0
        self.listeners: list[Listener] = []
        self._now = now
        self._frozen = False
        self._tip = ledger.tip
        self._arriving: deque[tuple[float, Checkpoint]] = deque()
        self._shown_ms = 0
        ledger.listeners.append(self._on_sealed)
        ledger.history.add_reader(lambda: self._tip.end_number)

    # --- what has arrived -----------------------------------------------------------------------

    def _on_sealed(self, sealed: Checkpoint) -> None:
        if self.lag or self._frozen or self._arriving:
            self._arriving.append((self._now() + self.lag if self.lag else 0.0, sealed))
            for listener in list(self.listeners):
                listener(self._tip)  # there is a checkpoint to wait for
        else:
            self._show(sealed)

    def _show(self, sealed: Checkpoint) -> None:
        self._tip = sealed
        self.ledger.history.trim()
        if self.keep is not None:
            self.prune(sealed.sequence - self.keep + 1)
        for listener in list(self.listeners):
            listener(sealed)

    @property
    def tip(self) -> Checkpoint:
        """The newest checkpoint that has arrived."""
        while (
            self._arriving
            and not self._frozen
            and (not self._arriving[0][0] or self._arriving[0][0] <= self._now())
        ):
            self._show(self._arriving.popleft()[1])
        return self._tip

    def next_arrival(self) -> float:
        """Return when the next checkpoint arrives, in the time of ``now``; infinity if never."""
        return inf if self._frozen or not self._arriving else self._arriving[0][0]

    @property
    def frozen(self) -> bool:
        """Whether nothing new reaches it."""
        return self._frozen

    def freeze(self, frozen: bool) -> None:
        """Disconnect it from the network, or let it catch up."""
        self._frozen = frozen
        tip = self.tip
        for listener in list(self.listeners):
            listener(tip)

    def prune(self, lowest: int) -> None:
        """Drop every checkpoint below ``lowest``, with its transactions and events."""
        self.lowest = max(self.lowest, min(lowest, self._tip.sequence))

    # --- reads ----------------------------------------------------------------------------------

    @property
    def packages(self) -> Packages:
        """The packages that it has seen, which can be called."""
        everything = self.ledger.packages
        made = {oid for oid, before in self._unseen().items() if before is None}
        if made.isdisjoint(everything.by_id):
            return everything
        known = {oid: p for oid, p in everything.by_id.items() if oid not in made}
        return replace(everything, by_id=known)

    @property
    def epoch(self) -> int:
        """The epoch of its tip."""
        return self.tip.epoch

    @property
    def gas_price(self) -> int:
        """The reference gas price of its epoch."""
        return self.ledger.epochs.price_at(self.epoch)

    def now_ms(self) -> int:
        """Return its time: the ledger's, or its tip's while it is behind; it never goes back."""
        behind = self.tip.sequence < self.ledger.tip.sequence
        now = self.tip.timestamp_ms if behind else self.ledger.now_ms()
        self._shown_ms = max(self._shown_ms, now)
        return self._shown_ms

    def _unseen(self) -> dict[str, LedgerObject | None]:
        """Return the objects that changed after the tip, as they were at the tip."""
        return self.ledger.history.before(self.tip.end_number)

    def get_object(self, oid: str, version: int | None = None) -> LedgerObject | None:
        """Return the current or a past version of an object (canonical id)."""
        unseen = self._unseen()
        current = unseen[oid] if oid in unseen else self.ledger.get_object(oid)
        if version is None or (current is not None and current.version == version):
            if current is not None and oid == CLOCK_ID:
                stamp = self.now_ms().to_bytes(8, "little")
                return replace(current, contents=address_bytes(CLOCK_ID) + stamp)
            return current
        found = self.ledger.store.object_version(oid, version)
        if found is None or self.get_transaction(found.previous) is None:
            return None  # written after the tip, or pruned
        return found

    def list_owned(self, address: str, move_type: str | None = None) -> list[LedgerObject]:
        """Return what an address owns, by id; ``move_type`` may leave type arguments out."""
        return self.list_held(owned_by(address), move_type)

    def list_held(self, owner: Owner, move_type: str | None = None) -> list[LedgerObject]:
        """Return what an address or an object owns; else as ``list_owned``."""
        unseen = self._unseen()
        now = [o for o in self.ledger.list_held(owner, move_type) if o.id not in unseen]
        then = [
            o
            for o in unseen.values()
            if o is not None and o.owner == owner and o.has_type(move_type)
        ]
        return sorted([*now, *then], key=lambda obj: obj.id)

    def checkpoint(self, sequence: int) -> Checkpoint | None:
        """Return a checkpoint that has arrived and is kept."""
        if not self.lowest <= sequence <= self.tip.sequence:
            return None
        return self.ledger.store.checkpoint(sequence)

    def checkpoint_by_digest(self, digest: bytes) -> Checkpoint | None:
        """Return a checkpoint that has arrived and is kept."""
        found = self.ledger.store.checkpoint_by_digest(digest)
        return None if found is None else self.checkpoint(found.sequence)

    def get_transaction(self, digest: bytes) -> pb.ExecutedTransaction | None:
        """Return a transaction of a checkpoint that has arrived and is kept."""
        stored = self.ledger.store.transaction(digest)
        if stored is None or not self._has(stored):
            return None
        return self.ledger.place(stored)

    def _has(self, stored: StoredTransaction) -> bool:
        at = stored.checkpoint
        return at is not None and self.lowest <= at <= self.tip.sequence

    def list_changed_objects(self, executed: pb.ExecutedTransaction) -> list[LedgerObject]:
        """Return the input and output versions of what a transaction changed."""
        out = []
        changes = [] if executed.effects is None else executed.effects.changed_objects
        for change in changes:
            for version in (change.input_version, change.output_version):
                if version is not None and change.object_id is not None:
                    obj = self.ledger.store.object_version(change.object_id, version)
                    out += [] if obj is None else [obj]
        return out
