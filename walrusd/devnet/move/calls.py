"""Calls contract functions and checks what they did with their arguments."""

from dataclasses import dataclass, field
from typing import Any

from walrusd.chain.values.bcs import Layout
from walrusd.devnet.move import ptb
from walrusd.devnet.move.aborts import ContractDefectError
from walrusd.devnet.move.context import ClockObject, Coin, Fate, MoveContext, Random
from walrusd.devnet.move.failures import ArgumentFailure as Arg
from walrusd.devnet.move.failures import ExecutionFailure, FailureKind, fail_argument
from walrusd.devnet.move.packages import Packages, has_id
from walrusd.devnet.move.signatures import (
    RANDOM,
    ClockKind,
    CoinKind,
    ContractFunction,
    Mode,
    ParamKind,
    PureKind,
    RandomKind,
    StructKind,
)
from walrusd.devnet.move.types import encode_pure
from walrusd.devnet.move.values import HandleValue, PureValue, Slots, StructValue, Value


@dataclass(frozen=True)
class EmittedEvent:
    """An event and the package and module of the call that emitted it."""

    package: str
    module: str
    value: Layout


def call_function(
    packages: Packages, context: MoveContext, slots: Slots, call: ptb.MoveCall
) -> tuple[list[Value], list[EmittedEvent]]:
    """Run one Move call and return its results and its events.

    Raises:
        MoveAbort: if the function aborted.
        ExecutionFailure: if the call is malformed.
        ContractDefectError: if the function lost, duplicated or wrongly changed an object.
    """
    package = packages.by_id.get(call.package)
    if package is None:
        raise ExecutionFailure(FailureKind.VM_VERIFICATION_OR_DESERIALIZATION_ERROR)
    function = package.functions.get((call.module, call.function))
    if function is None:
        raise ExecutionFailure(FailureKind.FUNCTION_NOT_FOUND)
    if call.type_arguments:
        raise ExecutionFailure(FailureKind.TYPE_ARITY_MISMATCH)
    if len(call.arguments) != len(function.params):
        raise ExecutionFailure(FailureKind.ARITY_MISMATCH)
    # Types carry the id of the package that defined them: its first version.
    origin = package.original_id
    return _Call(packages, context, slots, origin, function, call.arguments).run()


@dataclass
class _Call:
    packages: Packages
    context: MoveContext
    slots: Slots
    package: str
    function: ContractFunction
    arguments: tuple[ptb.Argument, ...]
    moved: list[Layout] = field(default_factory=list)
    frozen: list[tuple[Layout, bytes]] = field(default_factory=list)
    borrowed: list[Layout] = field(default_factory=list)

    def run(self) -> tuple[list[Value], list[EmittedEvent]]:
        context = self.context
        self._check_aliases()
        values = [
            self._argument(kind, argument, number)
            for number, (kind, argument) in enumerate(
                zip(self.function.params, self.arguments, strict=True)
            )
        ]
        events, placed = len(context.events), set(context.placements)
        context.package = self.package
        context.random_allowed = RANDOM in self.function.params
        returned = self.function.impl(context, *values)
        emitted = [
            EmittedEvent(self.package, self.function.module, e) for e in context.events[events:]
        ]
        results = self._results(returned)
        self._check_objects(results, set(context.placements) - placed)
        return results, emitted

    def _check_aliases(self) -> None:
        """Check that a value that is moved or borrowed mutably is used by one argument only."""
        uses: dict[ptb.Argument, list[int]] = {}
        for number, argument in enumerate(self.arguments):
            uses.setdefault(argument, []).append(number)
        for numbers in uses.values():
            exclusive = [n for n in numbers if _is_exclusive(self.function.params[n])]
            if len(numbers) > 1 and exclusive:
                raise fail_argument(numbers[1], Arg.INVALID_VALUE_USAGE)

    def _argument(self, kind: ParamKind, argument: ptb.Argument, number: int) -> Any:
        if isinstance(kind, PureKind):
            return self.slots.read_pure(argument, number, kind.move_type)
        if isinstance(kind, (ClockKind, RandomKind)):
            found = self.slots.read(argument, number)
            wanted = ClockObject if isinstance(kind, ClockKind) else Random
            if not isinstance(found, HandleValue) or not isinstance(found.handle, wanted):
                raise fail_argument(number, Arg.TYPE_MISMATCH)
            return found.handle
        layout = Coin if isinstance(kind, CoinKind) else kind.layout
        found = self.slots.read(argument, number)
        wanted_type = self.packages.type_of(self.package, layout)
        if not isinstance(found, StructValue) or found.type != wanted_type:
            raise fail_argument(number, Arg.TYPE_MISMATCH)
        if kind.mode is Mode.VALUE:
            self.slots.move(argument, number)
            self.moved.append(found.value)
        elif kind.mode is Mode.MUT:
            self.slots.borrow_mut(argument, number)
            self.borrowed.append(found.value)
        else:
            self.frozen.append((found.value, found.value.to_bcs()))
        return found.value

    def _results(self, returned: Any) -> list[Value]:
        kinds = self.function.returns
        values = returned if isinstance(returned, tuple) else (returned,)
        if not kinds:
            values = () if returned is None else values
        if len(values) != len(kinds):
            raise ContractDefectError(
                f"{self.function.name} returned {len(values)} values, not {len(kinds)}"
            )
        return [self._result(kind, v) for kind, v in zip(kinds, values, strict=True)]

    def _result(self, kind: ParamKind, value: Any) -> Value:
        if isinstance(kind, PureKind):
            return PureValue(encode_pure(kind.move_type, value), kind.move_type)
        if isinstance(kind, (StructKind, CoinKind)):
            layout = Coin if isinstance(kind, CoinKind) else kind.layout
            if not isinstance(value, layout):
                raise ContractDefectError(f"{self.function.name} returned no {layout.__name__}")
            return StructValue(self.packages.type_of(self.package, layout), value)
        raise ContractDefectError(f"{self.function.name} cannot return a handle")

    def _check_objects(self, results: list[Value], placed: set[str]) -> None:
        """Check, after the call, what Move's type system proves before it."""
        name = f"{self.function.module}::{self.function.name}"
        out = {r.value.id for r in results if isinstance(r, StructValue) and r.is_object}  # type: ignore[attr-defined]  # objects have an id
        for obj in self.moved:
            if has_id(type(obj)) and (obj.id in placed) == (obj.id in out):  # type: ignore[attr-defined]  # objects have an id
                raise ContractDefectError(f"{name} lost or duplicated {type(obj).__name__}")
        for obj in self.borrowed:
            if has_id(type(obj)) and (obj.id in placed or obj.id in out):  # type: ignore[attr-defined]  # objects have an id
                raise ContractDefectError(f"{name} moved a borrowed {type(obj).__name__}")
        for obj, before in self.frozen:
            if obj.to_bcs() != before:
                raise ContractDefectError(f"{name} changed a read-only {type(obj).__name__}")
        if doubled := placed & out:
            raise ContractDefectError(f"{name} placed and returned {sorted(doubled)}")
        context = self.context
        for oid in placed:
            placement = context.placements[oid]
            if placement.fate is Fate.ADDRESS and placement.owner is None:
                raise ContractDefectError(f"{name} transferred {oid} to nobody")


def _is_exclusive(kind: ParamKind) -> bool:
    return isinstance(kind, (StructKind, CoinKind)) and kind.mode is not Mode.REF
