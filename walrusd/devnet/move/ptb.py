"""Transactions as signed: ``TransactionData`` and its programmable commands, to and from BCS."""

from dataclasses import dataclass

from walrusd.devnet.move import bcs
from walrusd.devnet.move.commands import (
    Argument,
    ArgumentKind,
    Command,
    Input,
    MakeMoveVec,
    MergeCoins,
    MoveCall,
    ObjectRef,
    OwnedInput,
    Programmable,
    Publish,
    PureInput,
    SharedInput,
    SplitCoins,
    TransferObjects,
    Upgrade,
)
from walrusd.devnet.move.objects import blake2b256
from walrusd.devnet.move.types import decode_type_tag, encode_type_tag
from walrusd.errors import MalformedData

__all__ = [
    "MAX_COMMANDS",
    "MAX_INPUTS",
    "MAX_PURE_BYTES",
    "MAX_TRANSACTION_BYTES",
    "Argument",
    "ArgumentKind",
    "Command",
    "GasData",
    "Input",
    "MakeMoveVec",
    "MergeCoins",
    "MoveCall",
    "ObjectRef",
    "OwnedInput",
    "Programmable",
    "Publish",
    "PureInput",
    "SharedInput",
    "SplitCoins",
    "TransactionData",
    "TransferObjects",
    "Upgrade",
    "compute_transaction_digest",
]

MAX_INPUTS = 2048
MAX_COMMANDS = 1024
MAX_PURE_BYTES = 16 * 1024
MAX_TRANSACTION_BYTES = 128 * 1024


# --- the envelope -------------------------------------------------------------------------------


@dataclass(frozen=True)
class GasData:
    """Who pays, with which coins; ``price`` and ``budget`` in Mist."""

    payment: tuple[ObjectRef, ...]
    owner: str
    price: int
    budget: int


@dataclass(frozen=True)
class TransactionData:
    """What a sender signs. ``expiration`` is the last epoch in which it may run, or None."""

    programmable: Programmable
    sender: str
    gas: GasData
    expiration: int | None

    def to_bcs(self) -> bytes:
        """Return the canonical bytes."""
        expiration = b"\0" if self.expiration is None else b"\1" + bcs.write_u64(self.expiration)
        return (
            b"\0\0"
            + bcs.write_sequence([_encode_input(i) for i in self.programmable.inputs])
            + bcs.write_sequence([_encode_command(c) for c in self.programmable.commands])
            + bcs.write_address(self.sender)
            + bcs.write_sequence([_encode_ref(r) for r in self.gas.payment])
            + bcs.write_address(self.gas.owner)
            + bcs.write_u64(self.gas.price)
            + bcs.write_u64(self.gas.budget)
            + expiration
        )

    @classmethod
    def from_bcs(cls, raw: bytes) -> "TransactionData":
        """Decode a version 1 programmable transaction.

        Raises:
            MalformedData: if ``raw`` is not the canonical bytes of one.
        """
        reader = bcs.Reader(raw)
        if reader.length() != 0:
            raise MalformedData("only version 1 of TransactionData is known")
        if reader.length() != 0:
            raise MalformedData("only programmable transactions may be sent")
        programmable = Programmable(
            tuple(reader.sequence(_decode_input)), tuple(reader.sequence(_decode_command))
        )
        sender = reader.address()
        gas = GasData(
            tuple(reader.sequence(_decode_ref)),
            reader.address(),
            reader.uint(8),
            reader.uint(8),
        )
        kind = reader.length()
        if kind > 1:
            raise MalformedData("only expiration by epoch is supported")
        expiration = reader.uint(8) if kind else None
        reader.finish()
        return cls(programmable, sender, gas, expiration)


def compute_transaction_digest(raw: bytes) -> bytes:
    """``blake2b256("TransactionData::" ‖ bytes)``."""
    return blake2b256(b"TransactionData::" + raw)


# --- BCS of the parts ----------------------------------------------------------------------------


def _decode_ref(reader: bcs.Reader) -> ObjectRef:
    oid, version, digest = reader.address(), reader.uint(8), reader.blob()
    if len(digest) != 32:
        raise MalformedData("an object digest has 32 bytes")
    return ObjectRef(oid, version, digest)


def _encode_ref(ref: ObjectRef) -> bytes:
    return bcs.write_address(ref.id) + bcs.write_u64(ref.version) + bcs.write_blob(ref.digest)


def _decode_input(reader: bcs.Reader) -> Input:
    kind = reader.length()
    if kind == 0:
        return PureInput(reader.blob())
    if kind == 1:
        how = reader.length()
        if how == 0:
            return OwnedInput(_decode_ref(reader))
        if how == 1:
            return SharedInput(reader.address(), reader.uint(8), reader.boolean())
    raise MalformedData("only pure, owned and shared inputs are supported")


def _encode_input(item: Input) -> bytes:
    if isinstance(item, PureInput):
        return b"\0" + bcs.write_blob(item.raw)
    if isinstance(item, OwnedInput):
        return b"\1\0" + _encode_ref(item.ref)
    return (
        b"\1\1"
        + bcs.write_address(item.id)
        + bcs.write_u64(item.start_version)
        + bytes([item.mutable])
    )


def _decode_argument(reader: bcs.Reader) -> Argument:
    kind = reader.length()
    if kind > 3:
        raise MalformedData(f"unknown argument kind {kind}")
    index = reader.uint(2) if kind else 0
    return Argument(ArgumentKind(kind), index, reader.uint(2) if kind == 3 else 0)


def _encode_argument(argument: Argument) -> bytes:
    out = bytes([argument.kind.value])
    if argument.kind is not ArgumentKind.GAS:
        out += argument.index.to_bytes(2, "little")
    if argument.kind is ArgumentKind.NESTED:
        out += argument.sub.to_bytes(2, "little")
    return out


def _decode_arguments(reader: bcs.Reader) -> tuple[Argument, ...]:
    return tuple(reader.sequence(_decode_argument))


def _encode_arguments(arguments: tuple[Argument, ...]) -> bytes:
    return bcs.write_sequence([_encode_argument(a) for a in arguments])


def _decode_command(reader: bcs.Reader) -> Command:
    kind = reader.length()
    if kind == 0:
        return MoveCall(
            reader.address(),
            reader.text(),
            reader.text(),
            tuple(reader.sequence(decode_type_tag)),
            _decode_arguments(reader),
        )
    if kind == 1:
        return TransferObjects(_decode_arguments(reader), _decode_argument(reader))
    if kind == 2:
        return SplitCoins(_decode_argument(reader), _decode_arguments(reader))
    if kind == 3:
        return MergeCoins(_decode_argument(reader), _decode_arguments(reader))
    if kind == 4:
        modules = tuple(reader.sequence(bcs.Reader.blob))
        return Publish(modules, tuple(reader.sequence(bcs.Reader.address)))
    if kind == 5:
        element_type = decode_type_tag(reader) if reader.boolean() else None
        return MakeMoveVec(element_type, _decode_arguments(reader))
    if kind == 6:
        modules = tuple(reader.sequence(bcs.Reader.blob))
        dependencies = tuple(reader.sequence(bcs.Reader.address))
        return Upgrade(modules, dependencies, reader.address(), _decode_argument(reader))
    raise MalformedData(f"unknown command kind {kind}")


def _encode_command(command: Command) -> bytes:
    if isinstance(command, MoveCall):
        return (
            b"\0"
            + bcs.write_address(command.package)
            + bcs.write_text(command.module)
            + bcs.write_text(command.function)
            + bcs.write_sequence([encode_type_tag(t) for t in command.type_arguments])
            + _encode_arguments(command.arguments)
        )
    if isinstance(command, TransferObjects):
        return b"\1" + _encode_arguments(command.objects) + _encode_argument(command.address)
    if isinstance(command, SplitCoins):
        return b"\2" + _encode_argument(command.coin) + _encode_arguments(command.amounts)
    if isinstance(command, MergeCoins):
        return b"\3" + _encode_argument(command.into) + _encode_arguments(command.coins)
    if isinstance(command, Publish):
        return (
            b"\4"
            + bcs.write_sequence([bcs.write_blob(m) for m in command.modules])
            + bcs.write_sequence([bcs.write_address(d) for d in command.dependencies])
        )
    if isinstance(command, Upgrade):
        return (
            b"\6"
            + bcs.write_sequence([bcs.write_blob(m) for m in command.modules])
            + bcs.write_sequence([bcs.write_address(d) for d in command.dependencies])
            + bcs.write_address(command.package)
            + _encode_argument(command.ticket)
        )
    element = None if command.element_type is None else encode_type_tag(command.element_type)
    return b"\5" + bcs.write_option(element) + _encode_arguments(command.elements)
