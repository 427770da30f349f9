"""Transactions as protobuf, in which the client may leave versions, digests and gas open."""

from dataclasses import dataclass
from typing import Any

import base58

from walrusd.chain.values.pysui_parts import pb, protobuf
from walrusd.devnet.ledger.checks import decode_transaction
from walrusd.devnet.move import ptb
from walrusd.devnet.move.failures import TransactionRejectedError
from walrusd.devnet.move.objects import OwnerKind
from walrusd.devnet.move.signatures import CoinKind, Mode, ParamKind, PureKind, StructKind
from walrusd.devnet.move.types import encode_pure, normalize_type
from walrusd.devnet.rpc.replica import Replica
from walrusd.units import address_from_bytes, normalize_address


@dataclass(frozen=True)
class TransactionRequest:
    """A transaction to simulate; ``budget`` is 0 if the node chooses it."""

    programmable: ptb.Programmable
    sender: str
    payment: tuple[ptb.ObjectRef, ...]
    owner: str
    price: int
    budget: int
    expiration: int | None

    def with_gas(self, payment: tuple[ptb.ObjectRef, ...], budget: int) -> ptb.TransactionData:
        """Return the transaction paid by ``payment``."""
        gas = ptb.GasData(payment, self.owner, self.price, budget)
        return ptb.TransactionData(self.programmable, self.sender, gas, self.expiration)


def resolve_request(message: pb.Transaction, node: Replica) -> TransactionRequest:
    """Fill in what a client left open, from the node's view of the chain.

    Raises:
        TransactionRejectedError: if a named object does not exist or a field is malformed.
    """
    if message.bcs is not None and message.bcs.value:
        data = decode_transaction(message.bcs.value)
        gas = data.gas
        return TransactionRequest(
            data.programmable,
            data.sender,
            gas.payment,
            gas.owner,
            gas.price,
            gas.budget,
            data.expiration,
        )
    block = None if message.kind is None else message.kind.programmable_transaction
    if block is None:
        raise TransactionRejectedError("only programmable transactions may be sent")
    sender = _address(message.sender or address_from_bytes(bytes(32)))
    payment = message.gas_payment or pb.GasPayment()
    expiration = message.expiration
    return TransactionRequest(
        programmable=_Resolver(block, node).resolve(),
        sender=sender,
        payment=tuple(
            ptb.ObjectRef(_address(r.object_id), r.version or 0, _digest(r.digest))
            for r in payment.objects
        ),
        owner=_address(payment.owner) if payment.owner else sender,
        price=payment.price or node.gas_price,
        budget=payment.budget or 0,
        expiration=None if expiration is None else expiration.epoch,
    )


def _address(text: str | None) -> str:
    try:
        return normalize_address(text or "")
    except ValueError as e:
        raise TransactionRejectedError(str(e)) from e


def _digest(text: str | None) -> bytes:
    try:
        raw = base58.b58decode(text or "")
    except ValueError as e:
        raise TransactionRejectedError(f"not a digest: {text!r}") from e
    if len(raw) != 32:
        raise TransactionRejectedError(f"not a digest: {text!r}")
    return bytes(raw)


class _Resolver:
    def __init__(self, block: pb.ProgrammableTransaction, node: Replica) -> None:
        self.block = block
        self.node = node
        self.kinds: dict[int, list[ParamKind]] = {}
        for command in block.commands:
            self._note_uses(command)

    def resolve(self) -> ptb.Programmable:
        inputs = tuple(self._input(n, item) for n, item in enumerate(self.block.inputs))
        return ptb.Programmable(inputs, tuple(_command(c) for c in self.block.commands))

    def _note_uses(self, command: pb.Command) -> None:
        """Remember how each input is used, to know its type and whether it changes."""
        if (split := command.split_coins) is not None:
            for argument in split.amounts:
                self._note(argument, PureKind("u64"))
        elif (transfer := command.transfer_objects) is not None:
            self._note(transfer.address, PureKind("address"))
        elif (call := command.move_call) is not None:
            package = self.node.packages.by_id.get(_address(call.package))
            function = package and package.functions.get((call.module or "", call.function or ""))
            for argument, kind in zip(
                call.arguments, function.params if function else (), strict=False
            ):
                self._note(argument, kind)

    def _note(self, argument: pb.Argument | None, kind: ParamKind) -> None:
        if argument is not None and argument.kind is pb.ArgumentArgumentKind.INPUT:
            self.kinds.setdefault(argument.input or 0, []).append(kind)

    def _input(self, number: int, item: pb.Input) -> ptb.Input:
        if item.object_id:
            return self._object(number, item)
        if item.literal is not None:
            return ptb.PureInput(self._literal(number, item.literal))
        if item.pure is not None:
            return ptb.PureInput(item.pure)
        raise TransactionRejectedError(f"input {number} cannot be understood")

    def _object(self, number: int, item: pb.Input) -> ptb.Input:
        oid = _address(item.object_id)
        obj = self.node.get_object(oid)
        if obj is None:
            raise TransactionRejectedError(f"unable to find object {oid}")
        if obj.owner.kind is OwnerKind.SHARED:
            mutable = item.mutable
            if mutable is None:
                mutable = any(
                    isinstance(k, StructKind | CoinKind) and k.mode is not Mode.REF
                    for k in self.kinds.get(number, ())
                )
            return ptb.SharedInput(oid, item.version or obj.owner.start_version, mutable)
        digest = _digest(item.digest) if item.digest else obj.digest_bytes
        return ptb.OwnedInput(ptb.ObjectRef(oid, item.version or obj.version, digest))

    def _literal(self, number: int, literal: protobuf.Value) -> bytes:
        for kind in self.kinds.get(number, ()):
            if isinstance(kind, PureKind):
                try:
                    return encode_pure(kind.move_type, _json(literal))
                except (ValueError, TypeError, OverflowError) as e:
                    raise TransactionRejectedError(
                        f"input {number} is not a {kind.move_type}: {e}"
                    ) from e
        raise TransactionRejectedError(f"the type of input {number} cannot be inferred")


def _json(value: protobuf.Value) -> Any:
    if value.bool_value is not None:
        return value.bool_value
    if value.number_value is not None:
        return int(value.number_value)
    if value.string_value is not None:
        return value.string_value
    if value.list_value is not None:
        return [_json(item) for item in value.list_value.values]
    return None


def _argument(message: pb.Argument | None) -> ptb.Argument:
    kinds = pb.ArgumentArgumentKind
    if message is None or message.kind is None:
        raise TransactionRejectedError("a command lacks an argument")
    if message.kind is kinds.GAS:
        return ptb.Argument(ptb.ArgumentKind.GAS)
    if message.kind is kinds.INPUT:
        return ptb.Argument(ptb.ArgumentKind.INPUT, message.input or 0)
    if message.subresult is None:
        return ptb.Argument(ptb.ArgumentKind.RESULT, message.result or 0)
    return ptb.Argument(ptb.ArgumentKind.NESTED, message.result or 0, message.subresult)


def _arguments(messages: list[pb.Argument]) -> tuple[ptb.Argument, ...]:
    return tuple(_argument(m) for m in messages)


def _command(message: pb.Command) -> ptb.Command:
    if (call := message.move_call) is not None:
        return ptb.MoveCall(
            _address(call.package),
            call.module or "",
            call.function or "",
            tuple(normalize_type(t) for t in call.type_arguments),
            _arguments(call.arguments),
        )
    if (transfer := message.transfer_objects) is not None:
        return ptb.TransferObjects(_arguments(transfer.objects), _argument(transfer.address))
    if (split := message.split_coins) is not None:
        return ptb.SplitCoins(_argument(split.coin), _arguments(split.amounts))
    if (merge := message.merge_coins) is not None:
        return ptb.MergeCoins(_argument(merge.coin), _arguments(merge.coins_to_merge))
    if (vector := message.make_move_vector) is not None:
        element = normalize_type(vector.element_type) if vector.element_type else None
        return ptb.MakeMoveVec(element, _arguments(vector.elements))
    raise TransactionRejectedError("the devnet does not know this command")
