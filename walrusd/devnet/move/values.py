"""The values of a running transaction, and where its commands find them."""

from dataclasses import dataclass, field
from typing import Any

from walrusd.chain.values.bcs import Layout
from walrusd.devnet.move import ptb
from walrusd.devnet.move.context import ClockObject, Random
from walrusd.devnet.move.failures import ArgumentFailure as Arg
from walrusd.devnet.move.failures import fail_argument
from walrusd.devnet.move.objects import LedgerObject, OwnerKind
from walrusd.devnet.move.packages import has_id
from walrusd.devnet.move.ptb import ArgumentKind
from walrusd.devnet.move.types import decode_pure
from walrusd.errors import MalformedData


@dataclass
class PureValue:
    """Bytes of a primitive; ``type`` is None until a command determines it."""

    raw: bytes
    type: str | None = None


@dataclass
class StructValue:
    """An object or another struct. ``source`` is the ledger object it was read from."""

    type: str
    value: Layout
    source: LedgerObject | None = None
    mutable: bool = True

    @property
    def is_object(self) -> bool:
        """Whether it has an id (and so must not be lost)."""
        return has_id(type(self.value))


@dataclass
class HandleValue:
    """The clock or the random object, by immutable reference only."""

    handle: ClockObject | Random


Value = PureValue | StructValue | HandleValue
Output = tuple[str | None, bytes]
"""Type and BCS of what a command returned."""


def read_output(value: Value) -> Output:
    """Return a value as it is now; later commands may change it, or move it away."""
    if isinstance(value, PureValue):
        return value.type, value.raw
    assert isinstance(value, StructValue)  # no function returns a clock
    return value.type, value.value.to_bcs()


@dataclass
class Slots:
    """The values a command may use; an entry is None once its value was moved out.

    Every method raises ``ExecutionFailure`` for argument ``number`` if its use is not allowed.
    """

    gas: StructValue | None
    inputs: list[Value | None]
    results: list[list[Value | None]] = field(default_factory=list)

    def place(self, argument: ptb.Argument, number: int) -> tuple[list[Value | None], int]:
        """Return the list and index of an argument's value (not for the gas coin)."""
        if argument.kind is ArgumentKind.INPUT:
            if argument.index >= len(self.inputs):
                raise fail_argument(number, Arg.INDEX_OUT_OF_BOUNDS, index=(argument.index, 0))
            return self.inputs, argument.index
        if argument.index >= len(self.results):
            raise fail_argument(number, Arg.INDEX_OUT_OF_BOUNDS, index=(argument.index, 0))
        row = self.results[argument.index]
        if argument.kind is ArgumentKind.RESULT and len(row) != 1:
            raise fail_argument(number, Arg.INVALID_RESULT_ARITY, index=(argument.index, 0))
        if argument.sub >= len(row):
            raise fail_argument(
                number, Arg.SECONDARY_INDEX_OUT_OF_BOUNDS, index=(argument.index, argument.sub)
            )
        return row, argument.sub

    def read(self, argument: ptb.Argument, number: int) -> Value:
        """Return a value without moving it."""
        if argument.kind is ArgumentKind.GAS:
            if self.gas is None:
                raise fail_argument(number, Arg.INVALID_VALUE_USAGE)
            return self.gas
        row, at = self.place(argument, number)
        found = row[at]
        if found is None:
            raise fail_argument(number, Arg.INVALID_VALUE_USAGE)
        return found

    def move(self, argument: ptb.Argument, number: int, *, gas: bool = False) -> Value:
        """Take a value out; ``gas`` says whether the gas coin may be moved by this command."""
        found = self.read(argument, number)
        if argument.kind is ArgumentKind.GAS:
            if not gas:
                raise fail_argument(number, Arg.INVALID_GAS_COIN_USAGE)
            self.gas = None
            return found
        if isinstance(found, HandleValue):
            raise fail_argument(number, Arg.INVALID_OBJECT_BY_VALUE)
        if isinstance(found, StructValue):
            source = found.source
            if source is not None and (
                source.owner.kind is OwnerKind.IMMUTABLE or not found.mutable
            ):
                raise fail_argument(number, Arg.INVALID_OBJECT_BY_VALUE)
            if not getattr(found.value, "COPY", False):
                row, at = self.place(argument, number)
                row[at] = None
        return found

    def borrow_mut(self, argument: ptb.Argument, number: int) -> Value:
        """Return a value that the command may change."""
        found = self.read(argument, number)
        if isinstance(found, HandleValue) or (isinstance(found, StructValue) and not found.mutable):
            raise fail_argument(number, Arg.INVALID_OBJECT_BY_MUT_REF)
        return found

    def read_pure(self, argument: ptb.Argument, number: int, move_type: str) -> Any:
        """Decode an argument as a primitive of ``move_type``."""
        found = self.read(argument, number)
        if not isinstance(found, PureValue) or found.type not in (None, move_type):
            raise fail_argument(number, Arg.TYPE_MISMATCH)
        try:
            return decode_pure(move_type, found.raw)
        except (MalformedData, UnicodeDecodeError):
            raise fail_argument(number, Arg.INVALID_BCS_BYTES) from None
