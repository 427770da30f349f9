"""Records what the executable specification does, call by call."""

import struct
from dataclasses import dataclass, field
from typing import Any

from tests.contract.market import Bazaar
from tests.contract.watch import list_moves
from tests.contract.world import PACKAGE, address, has_object_id
from walrusd.chain.values.bcs import Layout
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.devnet.move.context import Coin, MoveContext, RandomGenerator
from walrusd.devnet.move.signatures import ClockKind, CoinKind, Mode, PureKind, RandomKind
from walrusd.devnet.move.types import encode_pure

SEED = bytes(range(32))
NOBODY = "0x" + "00" * 32
FIRST = 1
"""The number of the transaction that sets the randomness; the specification's follow."""


class Context(MoveContext):
    """The context of a transaction as the unit tests' VM makes it."""

    def new_generator(self) -> RandomGenerator:
        """The framework counts the blocks of a generator from one."""
        generator = super().new_generator()
        generator._counter = 1
        return generator


@dataclass
class Argument:
    """An object as it was passed; ``after`` is what the call left of it, unless it was consumed."""

    id: str
    move_type: str
    owner: str
    mode: Mode
    before: bytes = b""
    after: bytes = b""


@dataclass
class Step:
    """One transaction; ``abort`` is the ``(module, code)`` of a refusal.

    ``arguments`` are Move expressions, amounts in place of coins; clock and randomness are left
    out. ``inputs`` are the same arguments for a transaction: BCS of
    pure ones, a layout for a plain struct, None for the clock and randomness.
    """

    number: int
    sender: str
    now: int
    target: str
    arguments: list[Argument | str] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    abort: tuple[str, int] | None = None
    inputs: list["Argument | bytes | Layout | None"] = field(default_factory=list)
    result: Any = None
    created: set[str] = field(default_factory=set)
    moves: set[str] = field(default_factory=set)


def move_type(layout: type[Layout]) -> str:
    if layout is Coin:
        return "sui::coin::Coin<sui::sui::SUI>"
    return f"walrusd::{layout.MODULE}::{layout.__name__}"


def literal(kind: str, value: Any) -> str:
    """A Move expression for a pure argument."""
    if kind == "vector<u8>":
        return f'x"{bytes(value).hex()}"'
    if kind.startswith("vector<"):
        return f"vector[{', '.join(literal(kind[7:-1], v) for v in value)}]"
    if kind.startswith("Option<"):
        inner = kind[7:-1]
        return (
            f"option::none<{inner}>()"
            if value is None
            else f"option::some({literal(inner, value)})"
        )
    if kind == "address":
        return f"@{value}"
    return str(value).lower() if kind == "bool" else f"{int(value)}{kind}"


def terms_literal(terms: Layout) -> str:
    values = (int(getattr(terms, name)) for name in terms.codecs())
    return f"walrusd::terms::new_terms({', '.join(map(str, values))})"


class Recording:
    """A ``World`` whose transactions are numbered as in a test scenario, and kept.

    Coins are minted in the transaction that spends them, so a step is one call. An object that the
    world does not know is its sender's.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.steps: list[Step] = []
        self._prepared: Context | None = None
        super().__init__(**kwargs)

    def context(self, sender: str) -> Context:
        if self._prepared is not None:
            return self._prepared
        self.calls += 1
        return Context(
            sender=self.address(sender),
            now_ms=self.now,
            epoch=0,
            package=PACKAGE,
            digest=struct.pack("<Q", self.calls + FIRST).ljust(32, b"\0"),
            random_seed=SEED,
        )

    def mint(self, owner: str, amount: int) -> Coin:
        """Return a coin that only the next call makes real."""
        del owner
        return Coin("0x0", amount)

    def inspect(self, before: Any) -> None:
        """Keep what the call moved; another VM is the judge here, not the invariants."""
        self.steps[-1].moves = {
            f"{type(old).__name__} {old.name} → {new.name}"
            for old, new in list_moves(before, self.phases())
        }

    def call(self, target: str, sender: str, *args: Any) -> Any:
        step = Step(self.calls + 1, address(sender), self.now, target)
        context = self.context(sender)
        args = tuple(self._make_coin(context, a) if isinstance(a, Coin) else a for a in args)
        step.arguments, objects = self._describe(target, args)
        step.inputs = self._list_inputs(target, args)
        seen, before = len(self.events), set(self.objects)
        self.steps.append(step)
        self._prepared = context
        try:
            result = super().call(target, sender, *args)
        except MoveAbort as abort:
            step.abort = (abort.module, abort.code)
            raise
        finally:
            self._prepared = None
        step.result = result
        self.given[sender] += sum(a.balance for a in args if isinstance(a, Coin))
        step.created = set(self.objects) - before
        for passed, value in objects:
            passed.after = b"" if passed.mode is Mode.VALUE else value.to_bcs()
        for given in step.inputs:
            if isinstance(given, Argument):
                given.after = next((a.after for a, _ in objects if a.id == given.id), b"")
        step.events = self.events[seen:]
        return result

    def _list_inputs(self, target: str, args: tuple[Any, ...]) -> list[Any]:
        inputs: list[Any] = []
        given = iter(args)
        for kind in self.functions[target].params:
            if isinstance(kind, ClockKind | RandomKind):
                inputs.append(None)
                continue
            value = next(given)
            if isinstance(kind, PureKind):
                inputs.append(encode_pure(kind.move_type, value))
            elif not has_object_id(value):
                inputs.append(value)
            else:
                # A coin that the transaction mints has no owner yet; its spender will be.
                owner = self.owners.get(value.id, address("spender"))
                argument = Argument(value.id, move_type(type(value)), owner, kind.mode)
                argument.before = value.to_bcs()
                inputs.append(argument)
        return inputs

    @staticmethod
    def _make_coin(context: Context, coin: Coin) -> Coin:
        return Coin(context.fresh_id(), coin.balance)

    def _describe(self, target: str, args: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
        arguments: list[Argument | str] = []
        given, objects = iter(args), []
        for kind in self.functions[target].params:
            if isinstance(kind, ClockKind | RandomKind):
                continue
            if isinstance(kind, PureKind):
                arguments.append(literal(kind.move_type, next(given)))
            elif isinstance(kind, CoinKind):
                arguments.append(str(next(given).balance))
            else:
                value = next(given)
                if not has_object_id(value):
                    arguments.append(terms_literal(value))
                    continue
                owner = self.owners.get(value.id, NOBODY)
                passed = Argument(value.id, move_type(type(value)), owner, kind.mode)
                arguments.append(passed)
                objects.append((passed, value))
        return arguments, objects


class RecordingBazaar(Recording, Bazaar):
    """A ``Bazaar`` that is recorded."""
