"""Translates protobuf messages of sui.rpc.v2 into our own types.

Source: the proto files of sui.rpc.v2 (https://github.com/MystenLabs/sui-apis).
"""

from typing import TypeVar

from walrusd.chain.values.pysui_parts import pb
from walrusd.chain.values.types import (
    Abort,
    ChainEvent,
    Change,
    ChangedObject,
    Event,
    ExecutedTransaction,
    FunctionInfo,
    GasUsed,
    ObjectData,
    ObjectRef,
    Owner,
    OwnerKind,
    ServiceInfo,
)
from walrusd.errors import ChainUnreachable
from walrusd.units import Address, Mist, ObjectId, normalize_address

T = TypeVar("T")

OBJECT_FIELDS = [
    "object_id",
    "version",
    "digest",
    "owner",
    "object_type",
    "contents",
    "previous_transaction",
    "balance",
]
TRANSACTION_FIELDS = ["digest", "effects", "events", "checkpoint"]
EVENT_FIELDS = [
    "package_id",
    "module",
    "sender",
    "event_type",
    "contents",
    "checkpoint",
    "transaction_digest",
    "transaction_index",
    "event_index",
]

_OWNERS = {
    pb.OwnerOwnerKind.ADDRESS: OwnerKind.ADDRESS,
    pb.OwnerOwnerKind.OBJECT: OwnerKind.OBJECT,
    pb.OwnerOwnerKind.SHARED: OwnerKind.SHARED,
    pb.OwnerOwnerKind.IMMUTABLE: OwnerKind.IMMUTABLE,
    pb.OwnerOwnerKind.CONSENSUS_ADDRESS: OwnerKind.CONSENSUS_ADDRESS,
}


def need(value: T | None, field: str) -> T:
    """Return ``value``, a field that every healthy node sets.

    Raises:
        ChainUnreachable: if it is missing.
    """
    if value is None:
        raise ChainUnreachable(f"the node's answer lacks {field}", hint="use another Sui node")
    return value


def need_address(text: str) -> Address:
    """Return an address or object id in a node's answer.

    Raises:
        ChainUnreachable: if it is not one.
    """
    try:
        return normalize_address(text)
    except ValueError as error:
        raise ChainUnreachable(
            f"the node's answer is garbled: {error}", hint="use another Sui node"
        ) from error


def read_owner(owner: pb.Owner | None) -> Owner:
    """Return who owns an object."""
    if owner is None:
        return Owner(OwnerKind.UNKNOWN)
    kind = OwnerKind.UNKNOWN if owner.kind is None else _OWNERS.get(owner.kind, OwnerKind.UNKNOWN)
    address = need_address(owner.address) if owner.address else None
    return Owner(kind, address, owner.version)


def read_object(message: pb.Object) -> ObjectData:
    """Return an object."""
    contents = message.contents.value if message.contents else None
    return ObjectData(
        id=_object_id(need(message.object_id, "object_id")),
        version=need(message.version, "version"),
        digest=need(message.digest, "digest"),
        owner=read_owner(message.owner),
        type=message.object_type or "",
        contents=contents or b"",
        previous_transaction=message.previous_transaction,
        balance=None if message.balance is None else Mist(message.balance),
    )


def read_coin_balance(message: pb.Balance | None) -> Mist:
    """Return the part of a balance that is in coins, the only part that walrusd pays with.

    The rest is an address balance. Nodes without address balances return only the total.
    """
    if message is None:
        return Mist(0)
    if message.coin_balance is not None:
        return Mist(message.coin_balance)
    return Mist(0 if message.address_balance else message.balance or 0)


def read_service_info(message: pb.GetServiceInfoResponse) -> ServiceInfo:
    """Return what a node says about itself."""
    return ServiceInfo(
        chain_id=need(message.chain_id, "chain_id"),
        chain=message.chain or "",
        epoch=message.epoch or 0,
        checkpoint=message.checkpoint_height or 0,
        lowest_checkpoint=message.lowest_available_checkpoint or 0,
        server=message.server or "",
        timestamp_ms=0
        if message.timestamp is None
        else round(message.timestamp.timestamp() * 1000),
    )


def read_transaction(message: pb.ExecutedTransaction) -> ExecutedTransaction:
    """Return a transaction with its effects, read from the message's own fields."""
    effects = need(message.effects, "effects")
    status = need(effects.status, "effects.status")
    gas_object = None
    if effects.gas_object is not None and effects.gas_object.output_version is not None:
        gas_object = ObjectRef(
            _object_id(need(effects.gas_object.object_id, "gas_object.object_id")),
            effects.gas_object.output_version,
            need(effects.gas_object.output_digest, "gas_object.output_digest"),
        )
    success = bool(status.success)
    return ExecutedTransaction(
        digest=message.digest or effects.transaction_digest or "",
        success=success,
        error="" if success else _describe_error(status.error),
        abort=None if status.error is None else _read_abort(status.error),
        gas_used=_read_gas(effects.gas_used),
        gas_object=gas_object,
        changed=tuple(_read_change(item) for item in effects.changed_objects if _is_object(item)),
        events=tuple(map(read_event, message.events.events)) if message.events else (),
        checkpoint=message.checkpoint,
    )


def _is_object(item: pb.ChangedObject) -> bool:
    # Accumulator writes change address balances, which have no object version.
    return item.output_state is not pb.ChangedObjectOutputObjectState.ACCUMULATOR_WRITE


def _read_gas(gas: pb.GasCostSummary | None) -> GasUsed:
    if gas is None:
        return GasUsed(Mist(0), Mist(0), Mist(0))
    return GasUsed(
        Mist(gas.computation_cost or 0), Mist(gas.storage_cost or 0), Mist(gas.storage_rebate or 0)
    )


def _describe_error(error: pb.ExecutionError | None) -> str:
    if error is None:
        return "failed for an unnamed reason"
    kind = error.kind.name if error.kind is not None and error.kind.name else "UNKNOWN"
    return f"{kind}: {error.description}" if error.description else kind


def _read_abort(error: pb.ExecutionError) -> Abort | None:
    abort = error.abort
    if abort is None:
        return None
    location = abort.location or pb.MoveLocation()
    clever = abort.clever_error
    return Abort(
        package=need_address(location.package) if location.package else "",
        module=location.module or "",
        function=location.function_name or "",
        code=abort.abort_code or 0,
        name=(clever.constant_name or "") if clever else "",
        sentence=(clever.rendered or "") if clever else "",
    )


def _read_change(item: pb.ChangedObject) -> ChangedObject:
    gone = item.output_state in (
        None,
        pb.ChangedObjectOutputObjectState.DOES_NOT_EXIST,
        pb.ChangedObjectOutputObjectState.UNKNOWN,
    )
    created = item.id_operation is pb.ChangedObjectIdOperation.CREATED
    return ChangedObject(
        id=_object_id(need(item.object_id, "changed_objects.object_id")),
        version=item.output_version or item.input_version or 0,
        digest=item.output_digest or "",
        owner=None if gone else read_owner(item.output_owner),
        type=item.object_type or "",
        change=Change.DELETED if gone else Change.CREATED if created else Change.MUTATED,
    )


def read_event(message: pb.Event) -> Event:
    """Return an event without its position."""
    return Event(
        type=need(message.event_type, "event_type"),
        contents=(message.contents.value if message.contents else None) or b"",
        sender=need_address(message.sender or "0x0"),
        package=need_address(message.package_id or "0x0"),
        module=message.module or "",
    )


def read_chain_event(message: pb.Event) -> ChainEvent:
    """Return an event with its position in the ledger."""
    return ChainEvent(
        **vars(read_event(message)),
        # The position tells whether an event was handled before; without it, events would be lost.
        checkpoint=need(message.checkpoint, "event.checkpoint"),
        transaction_index=need(message.transaction_index, "event.transaction_index"),
        event_index=need(message.event_index, "event.event_index"),
        transaction=message.transaction_digest or "",
    )


def read_function(message: pb.FunctionDescriptor) -> FunctionInfo:
    """Return the signature of a Move function."""
    return FunctionInfo(
        name=message.name or "",
        is_public=message.visibility is pb.FunctionDescriptorVisibility.PUBLIC,
        is_entry=bool(message.is_entry),
        type_parameters=len(message.type_parameters),
        parameters=len(message.parameters),
        returns=len(message.returns),
    )


def _object_id(text: str) -> ObjectId:
    return ObjectId(need_address(text))
