"""The ledger's objects, events, transactions and JSON values as sui.rpc.v2 messages."""

import datetime as dt
from typing import Any

from walrusd.chain.values.pysui_parts import pb, protobuf
from walrusd.devnet.ledger.effects import owner_message
from walrusd.devnet.ledger.run import TransactionRun
from walrusd.devnet.move import bcs, ptb
from walrusd.devnet.move.calls import EmittedEvent
from walrusd.devnet.move.objects import PACKAGE_TYPE, LedgerObject, OwnerKind, to_base58
from walrusd.devnet.move.packages import Packages
from walrusd.devnet.move.types import COIN, encode_struct_tag

_COMMAND_ARGUMENTS = {
    ptb.ArgumentKind.GAS: pb.ArgumentArgumentKind.GAS,
    ptb.ArgumentKind.INPUT: pb.ArgumentArgumentKind.INPUT,
    ptb.ArgumentKind.RESULT: pb.ArgumentArgumentKind.RESULT,
    ptb.ArgumentKind.NESTED: pb.ArgumentArgumentKind.RESULT,
}


def to_datetime(ms: int) -> dt.datetime:
    """Return milliseconds since the epoch as a datetime in UTC."""
    return dt.datetime.fromtimestamp(ms // 1000, dt.UTC) + dt.timedelta(milliseconds=ms % 1000)


def to_value(item: Any) -> protobuf.Value:
    """Return a JSON value as ``google.protobuf.Value``."""
    if item is None:
        return protobuf.Value(null_value=protobuf.NullValue(0))
    if isinstance(item, bool):
        return protobuf.Value(bool_value=item)
    if isinstance(item, int | float):
        return protobuf.Value(number_value=float(item))
    if isinstance(item, str):
        return protobuf.Value(string_value=item)
    if isinstance(item, dict):
        return protobuf.Value(
            struct_value=protobuf.Struct(fields={k: to_value(v) for k, v in item.items()})
        )
    return protobuf.Value(list_value=protobuf.ListValue(values=[to_value(v) for v in item]))


def object_message(obj: LedgerObject, packages: Packages) -> pb.Object:
    """Return one version of an object with everything a node returns."""
    out = pb.Object(
        bcs=pb.Bcs(name="Object", value=obj.envelope),
        object_id=obj.id,
        version=obj.version,
        digest=obj.digest,
        owner=owner_message(obj.owner),
        object_type=obj.type,
        previous_transaction=to_base58(obj.previous),
        storage_rebate=obj.storage_rebate,
    )
    if obj.type == PACKAGE_TYPE:
        return out
    out.has_public_transfer = obj.public_transfer
    out.contents = pb.Bcs(name=obj.type, value=obj.contents)
    out.balance = obj.coin_balance
    shown = packages.json_of(obj.type, obj.contents)
    out.json = None if shown is None else to_value(shown)
    return out


def event_message(event: EmittedEvent, sender: str) -> pb.Event:
    """Return an event without its position in the ledger."""
    value = event.value
    move_type = f"{event.package}::{value.MODULE}::{type(value).__name__}"
    return pb.Event(
        package_id=event.package,
        module=event.module,
        sender=sender,
        event_type=move_type,
        contents=pb.Bcs(name=move_type, value=value.to_bcs()),
        json=to_value(value.to_json()),
    )


def encode_events(events: list[pb.Event]) -> bytes:
    """Return Sui's BCS ``TransactionEvents``."""
    out = []
    for event in events:
        assert event.contents is not None
        assert event.contents.value is not None
        out.append(
            bcs.write_address(event.package_id or "")
            + bcs.write_text(event.module or "")
            + bcs.write_address(event.sender or "")
            + encode_struct_tag(event.event_type or "")
            + bcs.write_blob(event.contents.value)
        )
    return bcs.write_sequence(out)


def balance_changes(run: TransactionRun) -> list[pb.BalanceChange]:
    """Return what each address gained or lost, by coin type."""
    deltas: dict[tuple[str, str], int] = {}
    for change in run.changes:
        for obj, sign in ((change.before, -1), (change.after, 1)):
            if obj is None or obj.coin_balance is None or obj.owner.kind is not OwnerKind.ADDRESS:
                continue
            key = (obj.owner.address, obj.type[len(COIN) + 1 : -1])
            deltas[key] = deltas.get(key, 0) + sign * obj.coin_balance
    return [
        pb.BalanceChange(address=address, coin_type=coin_type, amount=str(amount))
        for (address, coin_type), amount in sorted(deltas.items())
        if amount
    ]


# --- transactions --------------------------------------------------------------------------------


def transaction_message(data: ptb.TransactionData, raw: bytes, digest: bytes) -> pb.Transaction:
    """Return a transaction as it was signed."""
    kinds = pb.TransactionExpirationTransactionExpirationKind
    expiration = pb.TransactionExpiration(kind=kinds.NONE)
    if data.expiration is not None:
        expiration = pb.TransactionExpiration(kind=kinds.EPOCH, epoch=data.expiration)
    return pb.Transaction(
        bcs=pb.Bcs(name="TransactionData", value=raw),
        digest=to_base58(digest),
        version=1,
        kind=pb.TransactionKind(
            kind=pb.TransactionKindKind.PROGRAMMABLE_TRANSACTION,
            programmable_transaction=pb.ProgrammableTransaction(
                inputs=[_input_message(i) for i in data.programmable.inputs],
                commands=[_command_message(c) for c in data.programmable.commands],
            ),
        ),
        sender=data.sender,
        gas_payment=pb.GasPayment(
            objects=[
                pb.ObjectReference(object_id=r.id, version=r.version, digest=to_base58(r.digest))
                for r in data.gas.payment
            ],
            owner=data.gas.owner,
            price=data.gas.price,
            budget=data.gas.budget,
        ),
        expiration=expiration,
    )


def _input_message(item: ptb.Input) -> pb.Input:
    if isinstance(item, ptb.PureInput):
        return pb.Input(kind=pb.InputInputKind.PURE, pure=item.raw)
    if isinstance(item, ptb.OwnedInput):
        return pb.Input(
            kind=pb.InputInputKind.IMMUTABLE_OR_OWNED,
            object_id=item.ref.id,
            version=item.ref.version,
            digest=to_base58(item.ref.digest),
        )
    return pb.Input(
        kind=pb.InputInputKind.SHARED,
        object_id=item.id,
        version=item.start_version,
        mutable=item.mutable,
        mutability=pb.InputMutability.MUTABLE if item.mutable else pb.InputMutability.IMMUTABLE,
    )


def _argument_message(argument: ptb.Argument) -> pb.Argument:
    out = pb.Argument(kind=_COMMAND_ARGUMENTS[argument.kind])
    if argument.kind is ptb.ArgumentKind.INPUT:
        out.input = argument.index
    elif argument.kind is not ptb.ArgumentKind.GAS:
        out.result = argument.index
        if argument.kind is ptb.ArgumentKind.NESTED:
            out.subresult = argument.sub
    return out


def _arguments(arguments: tuple[ptb.Argument, ...]) -> list[pb.Argument]:
    return [_argument_message(a) for a in arguments]


def _command_message(command: ptb.Command) -> pb.Command:
    if isinstance(command, ptb.MoveCall):
        return pb.Command(
            move_call=pb.MoveCall(
                package=command.package,
                module=command.module,
                function=command.function,
                type_arguments=list(command.type_arguments),
                arguments=_arguments(command.arguments),
            )
        )
    if isinstance(command, ptb.TransferObjects):
        return pb.Command(
            transfer_objects=pb.TransferObjects(
                objects=_arguments(command.objects), address=_argument_message(command.address)
            )
        )
    if isinstance(command, ptb.SplitCoins):
        return pb.Command(
            split_coins=pb.SplitCoins(
                coin=_argument_message(command.coin), amounts=_arguments(command.amounts)
            )
        )
    if isinstance(command, ptb.MergeCoins):
        return pb.Command(
            merge_coins=pb.MergeCoins(
                coin=_argument_message(command.into), coins_to_merge=_arguments(command.coins)
            )
        )
    if isinstance(command, ptb.Publish):
        return pb.Command(
            publish=pb.Publish(
                modules=list(command.modules), dependencies=list(command.dependencies)
            )
        )
    if isinstance(command, ptb.Upgrade):
        return pb.Command(
            upgrade=pb.Upgrade(
                modules=list(command.modules),
                dependencies=list(command.dependencies),
                package=command.package,
                ticket=_argument_message(command.ticket),
            )
        )
    return pb.Command(
        make_move_vector=pb.MakeMoveVector(
            element_type=command.element_type, elements=_arguments(command.elements)
        )
    )
