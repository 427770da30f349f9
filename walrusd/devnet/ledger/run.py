"""Runs a checked transaction: execution, gas, new versions, as a list of changes."""

from dataclasses import dataclass, field, replace

from walrusd.chain.values.bcs import Layout
from walrusd.devnet.ledger.checks import MIN_COMPUTATION_UNITS, Resolved
from walrusd.devnet.move import ptb
from walrusd.devnet.move.aborts import ContractDefectError
from walrusd.devnet.move.calls import EmittedEvent
from walrusd.devnet.move.context import Coin, Fate, MoveContext, Placement
from walrusd.devnet.move.executor import Execution
from walrusd.devnet.move.failures import ExecutionFailure, FailureKind
from walrusd.devnet.move.objects import (
    IMMUTABLE,
    LedgerObject,
    Owner,
    OwnerKind,
    compute_storage_cost,
    owned_by,
    shared_since,
)
from walrusd.devnet.move.package_objects import build_package_object
from walrusd.devnet.move.packages import Packages
from walrusd.devnet.move.types import SUI_COIN
from walrusd.devnet.move.values import Output, StructValue

MAX_OBJECT_BYTES = 250 * 1024
_REBATE_PERCENT = 99


@dataclass(frozen=True)
class GasUsed:
    """What a transaction costs, in Mist."""

    computation: int
    storage: int
    rebate: int
    non_refundable: int

    @property
    def net(self) -> int:
        """What leaves the gas coin; negative when the rebate is larger."""
        return self.computation + self.storage - self.rebate


@dataclass(frozen=True)
class ObjectChange:
    """One object before and after. ``operation`` is Sui's: ``none``, ``created``, ``deleted``."""

    id: str
    before: LedgerObject | None
    after: LedgerObject | None
    operation: str


@dataclass
class TransactionRun:
    """The outcome of one transaction, not yet applied."""

    version: int
    changes: list[ObjectChange]
    gas: GasUsed
    failure: ExecutionFailure | None
    events: list[EmittedEvent]
    outputs: list[list[Output]]
    reading: dict[str, LedgerObject]
    gas_object: str | None


@dataclass
class _Written:
    type: str
    value: Layout
    owner: Owner
    public_transfer: bool


@dataclass
class _Effects:
    written: dict[str, _Written] = field(default_factory=dict)
    published: list[LedgerObject] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    wrapped: set[str] = field(default_factory=set)


def run_transaction(
    packages: Packages, context: MoveContext, data: ptb.TransactionData, resolved: Resolved
) -> TransactionRun:
    """Execute a checked transaction; nothing is applied.

    Without gas coins (a simulation without payment), a made-up coin pays.

    Raises:
        ContractDefectError: if a contract function broke Move's rules; nothing may be applied.
    """
    version = resolved.lamport_version
    gas_source = resolved.gas[0] if resolved.gas else None
    total = sum(coin.sui_balance for coin in resolved.gas)
    gas_id = gas_source.id if gas_source else "0x" + "0" * 64
    spendable = total - data.gas.budget if gas_source else 10**18
    gas = StructValue(SUI_COIN, Coin(gas_id, spendable), gas_source)
    execution = Execution(packages, context, gas, resolved.values)
    failure: ExecutionFailure | None = None
    try:
        execution.run(data.programmable.commands)
        outcome = _collect(execution, version)
        events = execution.events
    except ExecutionFailure as e:
        failure, events = e, []
        outcome = _unchanged(resolved)
    if gas_source is not None:
        coin = _gas_coin(outcome, gas_id)
        coin.balance = total if failure else coin.balance + data.gas.budget
    outcome.deleted |= {coin.id for coin in resolved.gas[1:]}
    used = _compute_gas(data, resolved, outcome)
    if gas_source is not None and used.computation + used.storage > data.gas.budget:
        if failure is None:
            failure, events = ExecutionFailure(FailureKind.INSUFFICIENT_GAS), []
            outcome = _unchanged(resolved)
            outcome.deleted |= {coin.id for coin in resolved.gas[1:]}
            _gas_coin(outcome, gas_id).balance = total
        used = GasUsed(data.gas.budget, 0, 0, 0)
    if gas_source is not None:
        _gas_coin(outcome, gas_id).balance -= used.net
    else:
        outcome.written.pop(gas_id, None)
    return TransactionRun(
        version=version,
        changes=_list_changes(context, resolved, outcome, version, free=used.storage == 0),
        gas=used,
        failure=failure,
        events=events,
        outputs=execution.outputs if failure is None else [],
        reading=resolved.reading,
        gas_object=gas_source.id if gas_source else None,
    )


def _gas_coin(outcome: _Effects, gas_id: str) -> Coin:
    coin = outcome.written[gas_id].value
    assert isinstance(coin, Coin)
    return coin


def _collect(execution: Execution, version: int) -> _Effects:
    """Collect where every object is after a successful run."""
    out = _Effects(published=_packages(execution))
    sources: dict[str, LedgerObject] = {}
    for found in execution.initial():
        if found.source is not None:
            sources[found.source.id] = found.source
    for found in execution.remaining():
        if found.source is not None and found.mutable:
            out.written[found.source.id] = _Written(
                found.type, found.value, found.source.owner, found.source.public_transfer
            )
        elif found.source is None and found is execution.slots.gas:
            out.written[execution.slots.gas.value.id] = _Written(  # type: ignore[attr-defined]  # a coin
                found.type, found.value, IMMUTABLE, True
            )
    for oid, placement in execution.context.placements.items():
        source = sources.get(oid)
        if (
            source is not None
            and source.owner.kind is OwnerKind.SHARED
            and placement.fate not in (Fate.SHARED, Fate.DELETED)
        ):
            raise ExecutionFailure(FailureKind.CONSENSUS_OBJECT_OPERATION_NOT_ALLOWED)
        if placement.fate is Fate.DELETED:
            out.deleted.add(oid)
        elif placement.fate is Fate.WRAPPED:
            out.wrapped.add(oid)
        else:
            layout = type(placement.value)
            out.written[oid] = _Written(
                execution.packages.type_of(placement.package, layout),
                placement.value,
                _owner_of(placement, source, version),
                execution.packages.is_transferable(placement.package, layout),
            )
    for written in out.written.values():
        _check_size(written)
    return out


def _packages(execution: Execution) -> list[LedgerObject]:
    """Return the objects of what was published; a package's storage is never refunded."""
    made = []
    for published in execution.published:
        built = build_package_object(published, execution.context.digest)
        made.append(replace(built, storage_rebate=compute_storage_cost(built.contents)))
    return made


def _check_size(written: _Written) -> None:
    try:
        size = len(written.value.to_bcs())
    except OverflowError as e:
        raise ContractDefectError(f"a field of {written.type} is out of range") from e
    if size > MAX_OBJECT_BYTES:
        raise ExecutionFailure(FailureKind.OBJECT_TOO_BIG, index=(size, MAX_OBJECT_BYTES))


def _owner_of(placement: Placement, source: LedgerObject | None, version: int) -> Owner:
    if placement.fate is Fate.IMMUTABLE:
        return IMMUTABLE
    if placement.fate is Fate.SHARED:
        return source.owner if source is not None else shared_since(version)
    assert placement.owner is not None
    return owned_by(placement.owner)


def _unchanged(resolved: Resolved) -> _Effects:
    """After a failure, every mutable input gets a new version with its old contents."""
    out = _Effects()
    sources = {v.source.id: v for v in resolved.values if isinstance(v, StructValue) and v.source}
    for oid, obj in resolved.changing.items():
        layout = type(sources[oid].value) if oid in sources else Coin
        out.written[oid] = _Written(
            obj.type, layout.from_bcs(obj.contents), obj.owner, obj.public_transfer
        )
    for coin in resolved.gas[1:]:
        del out.written[coin.id]
    return out


def _compute_gas(data: ptb.TransactionData, resolved: Resolved, outcome: _Effects) -> GasUsed:
    """A constant for computation; Sui's price per byte for storage, 99 % of it refundable."""
    storage = sum(compute_storage_cost(w.value.to_bcs()) for w in outcome.written.values())
    storage += sum(package.storage_rebate for package in outcome.published)
    paid = sum(o.storage_rebate for o in resolved.changing.values())
    rebate = paid * _REBATE_PERCENT // 100
    return GasUsed(MIN_COMPUTATION_UNITS * data.gas.price, storage, rebate, paid - rebate)


def _list_changes(
    context: MoveContext, resolved: Resolved, outcome: _Effects, version: int, *, free: bool
) -> list[ObjectChange]:
    made = context.compute_fresh_ids()
    changes = [ObjectChange(package.id, None, package, "created") for package in outcome.published]
    for oid in sorted({*outcome.written, *outcome.deleted, *outcome.wrapped}):
        before = resolved.changing.get(oid)
        if oid in outcome.written:
            written = outcome.written[oid]
            contents = written.value.to_bcs()
            after = LedgerObject(
                id=oid,
                version=version,
                owner=written.owner,
                type=written.type,
                contents=contents,
                previous=context.digest,
                storage_rebate=compute_storage_cost(contents),
                public_transfer=written.public_transfer,
            )
            if free:
                after = replace(after, storage_rebate=before.storage_rebate if before else 0)
            created = before is None and oid in made
            changes.append(ObjectChange(oid, before, after, "created" if created else "none"))
        elif before is None and oid in made:
            continue
        else:
            deleted = oid in outcome.deleted
            changes.append(ObjectChange(oid, before, None, "deleted" if deleted else "none"))
    return sorted(changes, key=lambda change: change.id)
