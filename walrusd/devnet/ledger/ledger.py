"""The ledger: current objects, execution, checkpoints. Synchronous, without trio or gRPC."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from walrusd.chain.values.pysui_parts import pb
from walrusd.devnet.ledger.accounts import Seed
from walrusd.devnet.ledger.checks import CLOCK_ID
from walrusd.devnet.ledger.current_objects import CurrentObjects
from walrusd.devnet.ledger.epochs import Epochs
from walrusd.devnet.ledger.history import UndoLog
from walrusd.devnet.ledger.locks import Locks
from walrusd.devnet.ledger.messages import to_datetime
from walrusd.devnet.ledger.run import TransactionRun
from walrusd.devnet.ledger.runner import LedgerState, Runner
from walrusd.devnet.ledger.store import Batch, Checkpoint, Store, StoredTransaction
from walrusd.devnet.ledger.supply import Supply
from walrusd.devnet.move import ptb
from walrusd.devnet.move.failures import EquivocatedError
from walrusd.devnet.move.framework import bind_framework
from walrusd.devnet.move.objects import (
    PACKAGE_TYPE,
    LedgerObject,
    Owner,
    blake2b256,
    owned_by,
    to_base58,
)
from walrusd.devnet.move.package_objects import find_contract, read_original_id
from walrusd.devnet.move.packages import Contract, Packages
from walrusd.devnet.move.types import FRAMEWORK
from walrusd.units import address_bytes

Listener = Callable[[Checkpoint], None]


class Ledger:
    """State of one chain, written through to its store.

    Args:
        store: holds a chain (``genesis.start_chain`` makes one).
        contracts: what packages may be published or upgraded to; genesis published the first.
        wall_ms: real, or virtual, time in milliseconds since the epoch.
        seal_at_once: whether each transaction is a checkpoint of its own; otherwise
            ``seal`` is called periodically.
    """

    def __init__(
        self,
        store: Store,
        contracts: Sequence[Contract],
        wall_ms: Callable[[], int],
        *,
        seal_at_once: bool = True,
    ) -> None:
        tip, seed = store.last_checkpoint(), store.meta("seed")
        if tip is None or seed is None:
            raise ValueError("the store holds no chain")
        self.store = store
        self.packages = Packages({FRAMEWORK: bind_framework()}, contracts)
        self.seed = Seed(seed)
        self.tip = tip
        self.listeners: list[Listener] = []
        self._wall_ms = wall_ms
        self._seal_at_once = seal_at_once
        self._offset_ms = self._number("clock_offset_ms")
        self._last_ms = tip.timestamp_ms
        self.epochs = Epochs(store)
        self.history = UndoLog()
        self.locks = Locks(store.meta("locks"))
        self.runner = Runner(self.seed)
        self.gas_collected = self._number("gas_collected")
        self.minted = self._number("minted")
        self._next = store.next_number()
        self._objects = CurrentObjects()
        for obj in store.live_objects():
            self._put(obj)
        if self.has_unsealed:
            self.seal()

    def _number(self, key: str) -> int:
        return int((self.store.meta(key) or b"0").decode())

    # --- time -----------------------------------------------------------------------------------

    @property
    def chain_id(self) -> str:
        """The digest of the genesis checkpoint, which names the chain."""
        return to_base58(self.seed.derive("chain"))

    def now_ms(self) -> int:
        """Return the ledger's time: real time plus the added offset; it never goes back."""
        self._last_ms = max(self._last_ms, self._wall_ms() + self._offset_ms)
        return self._last_ms

    def advance_clock(self, ms: int) -> int:
        """Move the clock forward and return the new time.

        Raises:
            ValueError: if ``ms`` is negative.
        """
        if ms < 0:
            raise ValueError("the clock cannot go back")
        self._offset_ms += ms
        self.seal(Batch(meta={"clock_offset_ms": str(self._offset_ms).encode()}))
        return self.now_ms()

    @property
    def epoch(self) -> int:
        """The number of the current epoch."""
        return self.epochs.number

    @property
    def gas_price(self) -> int:
        """The reference gas price of the current epoch, in Mist per unit of gas."""
        return self.epochs.gas_price

    def advance_epoch(self, gas_price: int | None = None) -> int:
        """Begin the next epoch, perhaps with another gas price, and return its number.

        Raises:
            ValueError: if the price is not positive.
        """
        self.seal()
        meta = self.epochs.advance(self.now_ms(), gas_price)
        self.locks = Locks()
        self.seal(Batch(meta={**meta, "locks": self.locks.to_bytes()}))
        return self.epoch

    # --- objects --------------------------------------------------------------------------------

    def _put(self, obj: LedgerObject) -> None:
        self._objects.put(obj)
        if obj.type == PACKAGE_TYPE and (contract := find_contract(self.packages, obj)):
            self.packages.add(contract.bind(obj.id, read_original_id(obj), obj.version))

    def get_object(self, oid: str, version: int | None = None) -> LedgerObject | None:
        """Return the current or a past version of an object (canonical id)."""
        obj = self._objects.get(oid)
        if version is not None and (obj is None or obj.version != version):
            return self.store.object_version(oid, version)
        if obj is not None and oid == CLOCK_ID:
            stamp = self.now_ms().to_bytes(8, "little")
            return replace(obj, contents=address_bytes(CLOCK_ID) + stamp)
        return obj

    def list_owned(self, address: str, move_type: str | None = None) -> list[LedgerObject]:
        """Return what an address owns, by id; ``move_type`` may leave type arguments out."""
        return self.list_held(owned_by(address), move_type)

    def list_held(self, owner: Owner, move_type: str | None = None) -> list[LedgerObject]:
        """Return what an address or an object owns; else as ``list_owned``."""
        return self._objects.held_by(owner, move_type)

    def list_objects(self) -> Iterable[LedgerObject]:
        """Return every current object."""
        return self._objects.list_all()

    def count_supply(self) -> Supply:
        """Count every Mist of the chain."""
        coins = held = 0
        for obj in self._objects.list_all():
            if obj.sui_balance:
                coins += obj.sui_balance
            else:
                held += self.packages.held_sui(obj.type, obj.contents)
        return Supply(self.minted, coins, held, self.gas_collected)

    # --- transactions ---------------------------------------------------------------------------

    def execute(self, raw: bytes, signatures: list[bytes]) -> pb.ExecutedTransaction:
        """Check, run and record a transaction; repeating the same bytes returns the same result.

        The reply may lack the checkpoint, as a node's may; ``get_transaction`` returns it later.

        Raises:
            TransactionRejectedError: if it was refused before running; nothing changed.
            ContractDefectError: if the contract broke Move's rules; nothing changed.
        """
        digest = ptb.compute_transaction_digest(raw)
        if (done := self.store.transaction(digest)) is not None:
            return pb.ExecutedTransaction.FromString(done.executed)
        data, resolved = self.runner.admit(raw, signatures, self)
        try:
            self.locks.check(resolved.changing.values(), to_base58(digest))
        except EquivocatedError:
            self._save_locks()
            raise
        run = self.runner.run(data, resolved, digest, self)
        executed = self.runner.describe(run, data, raw, digest, self)
        executed.signatures = [
            pb.UserSignature(bcs=pb.Bcs(name="UserSignature", value=s)) for s in signatures
        ]
        self._apply(run, executed, digest)
        return executed

    def hold(self, raw: bytes, signatures: list[bytes]) -> None:
        """Lock a transaction's objects, as validators do before it has a quorum.

        Raises:
            TransactionRejectedError: as in ``execute``.
        """
        digest = ptb.compute_transaction_digest(raw)
        if self.store.transaction(digest) is None:
            _, resolved = self.runner.admit(raw, signatures, self)
            try:
                self.locks.take(resolved.changing.values(), to_base58(digest))
            finally:
                self._save_locks()

    def _save_locks(self) -> None:
        self.store.commit(Batch(meta={"locks": self.locks.to_bytes()}))

    def simulate(
        self, data: ptb.TransactionData, state: LedgerState | None = None
    ) -> tuple[pb.ExecutedTransaction, TransactionRun]:
        """Run a transaction on ``state``, as a node has seen it, without effect; see ``Runner``."""
        return self.runner.simulate(data, state or self)

    def _apply(self, run: TransactionRun, executed: pb.ExecutedTransaction, digest: bytes) -> None:
        collected = self.gas_collected + run.gas.net
        events = [] if executed.events is None else executed.events.events
        batch = Batch(
            written=[c.after for c in run.changes if c.after is not None],
            removed=[c.id for c in run.changes if c.after is None],
            transaction=(self._next, digest, executed.SerializeToString()),
            events=[e.SerializeToString() for e in events],
            meta={"gas_collected": str(collected).encode()},
        )
        before = {c.id: c.before for c in run.changes}
        if self.locks.release([o for o in before.values() if o is not None]):
            batch.meta["locks"] = self.locks.to_bytes()
        self.history.record(self._next, before)
        end = self._next + 1
        if self._seal_at_once:
            self.seal(batch, end)
        else:
            self.store.commit(batch)
        self._next = end
        self.gas_collected = collected
        for oid in batch.removed:
            self._objects.drop(oid)
        for obj in batch.written:
            self._put(obj)
        if self._seal_at_once:
            self._announce()

    # --- checkpoints ----------------------------------------------------------------------------

    @property
    def has_unsealed(self) -> bool:
        """Whether a transaction is not in a checkpoint yet."""
        return self._next > self.tip.end_number

    def seal(self, batch: Batch | None = None, end: int | None = None) -> None:
        """Seal what was executed since the last checkpoint into a new one, in one commit.

        Called without arguments, it also announces the checkpoint to the listeners.
        """
        batch = batch or Batch()
        stop = self._next if end is None else end
        sequence = self.tip.sequence + 1
        preimage = self.tip.digest + sequence.to_bytes(8, "little") + stop.to_bytes(8, "little")
        sealed = Checkpoint(
            sequence=sequence,
            digest=blake2b256(b"CheckpointSummary::" + preimage),
            timestamp_ms=self.now_ms(),
            epoch=self.epoch,
            first_number=self.tip.end_number,
            end_number=stop,
        )
        batch.sealed = sealed
        self.store.commit(batch)
        self.tip = sealed
        if end is None:
            self._announce()

    def _announce(self) -> None:
        for listener in list(self.listeners):
            listener(self.tip)

    # --- history --------------------------------------------------------------------------------

    def get_transaction(self, digest: bytes) -> pb.ExecutedTransaction | None:
        """Return an executed transaction, with its checkpoint if it is in one."""
        stored = self.store.transaction(digest)
        return None if stored is None else self.place(stored)

    def place(self, stored: StoredTransaction) -> pb.ExecutedTransaction:
        """Return a stored transaction with its position in the ledger."""
        executed = pb.ExecutedTransaction.FromString(stored.executed)
        if stored.checkpoint is not None:
            sealed = self.store.checkpoint(stored.checkpoint)
            assert sealed is not None
            executed.checkpoint = stored.checkpoint
            executed.transaction_index = stored.position
            executed.timestamp = to_datetime(sealed.timestamp_ms)
        return executed
