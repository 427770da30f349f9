"""Records what the executable specification does, and writes it out as Move unit tests.

Object ids are hashes of a transaction's number on both sides, and the randomness is the same, so
the two histories must agree to the byte: every object after every call, every event, every coin.
A test carries the SHA-256 of the bytes it expects: constants are what a test costs most.
"""

import hashlib
import struct
from dataclasses import dataclass, field
from typing import Any

from tests.contract.market import Bazaar
from tests.contract.world import CHAIN_ID, PACKAGE, SHARED, address, has_object_id
from walrusd.chain.bcs import Layout
from walrusd.core.aborts import ABORTS
from walrusd.devnet.contract import DEVNET_PARAMS
from walrusd.devnet.move_env import (
    ClockKind,
    Coin,
    CoinKind,
    Mode,
    MoveAbort,
    MoveContext,
    PureKind,
    RandomGenerator,
    RandomKind,
)
from walrusd.devnet.move_types import encode_pure

from .sources import parse_functions, read_modules

SEED = bytes(range(32))
FIRST = 1
"""The number of the transaction that sets the randomness; the specification's follow."""

ENTRY = {"task::close_joining", "task::draw", "jury::draw_jury"}
TAKES_CONTEXT = {
    f"{module}::{function.name}"
    for module, text in read_modules().items()
    for function in parse_functions(module, text)
    if "&mut TxContext" in function.params
}
_BORROW = {Mode.VALUE: "", Mode.REF: "&", Mode.MUT: "&mut "}


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

    ``arguments`` are Move expressions. ``inputs`` are the same arguments for a transaction: BCS of
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
    if kind == "address":
        return f"@{value}"
    return str(value).lower() if kind == "bool" else f"{int(value)}{kind}"


def terms_literal(terms: Layout) -> str:
    values = (int(getattr(terms, name)) for name in terms.codecs())
    return f"walrusd::terms::new_terms({', '.join(map(str, values))})"


class RecordingBazaar(Bazaar):
    """A ``Bazaar`` whose transactions are numbered as in a test scenario, and kept.

    Coins are minted in the transaction that spends them, so a step is one call.
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
            sender=address(sender),
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
        """Leave the invariants to the tests of the specification; here another VM judges."""

    def call(self, target: str, sender: str, *args: Any) -> Any:
        step = Step(self.calls + 1, address(sender), self.now, target)
        context = self.context(sender)
        args = tuple(self._make_coin(context, a) if isinstance(a, Coin) else a for a in args)
        step.arguments, objects = self._describe(target, args)
        step.inputs = self._list_inputs(target, args)
        seen = len(self.events)
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
            if isinstance(kind, ClockKind):
                arguments.append("w.clock()")
            elif isinstance(kind, RandomKind):
                arguments.append("&random")
            elif isinstance(kind, PureKind):
                arguments.append(literal(kind.move_type, next(given)))
            elif isinstance(kind, CoinKind):
                arguments.append(f"w.coin({next(given).balance})")
            else:
                value = next(given)
                if not has_object_id(value):
                    arguments.append(terms_literal(value))
                    continue
                owner = self.owners[value.id]
                passed = Argument(value.id, move_type(type(value)), owner, kind.mode)
                arguments.append(passed)
                objects.append((passed, value))
        return arguments, objects


def expected(data: bytes) -> str:
    """What ``replay::check`` compares with."""
    return f'x"{hashlib.sha256(data).hexdigest()}"'


_IMPORTS = "use walrusd::replay::{check, check_event, events, keep_owned, keep_shared, new, World};"


def write_body(step: Step, returns_value: bool) -> list[str]:
    """The statements of one transaction."""
    lines = [f"w.begin({step.number + FIRST}, @{step.sender}, {step.now})"]
    names, returns, coins = [], [], []
    for at, argument in enumerate(step.arguments):
        if isinstance(argument, str):
            # A coin borrows the world mutably, so it is made before the clock is borrowed.
            is_coin = argument.startswith("w.coin(")
            coins += [f"let a{at} = {argument}"] if is_coin else []
            names.append(f"a{at}" if is_coin else argument)
            continue
        is_changed = "mut " if argument.mode is Mode.MUT else ""
        shared = argument.owner == SHARED
        place = f"shared(@{argument.id})" if shared else f"owned(@{argument.owner}, @{argument.id})"
        lines.append(f"let {is_changed}a{at}: {argument.move_type} = w.{place}")
        names.append(f"{_BORROW[argument.mode]}a{at}")
        if argument.mode is not Mode.VALUE:
            # What was lent unchanged is the compiler's business.
            if argument.mode is Mode.MUT:
                returns.append(f"check(&a{at}, {expected(argument.after)})")
            owner = "" if shared else f"@{argument.owner}, "
            returns.append(f"{'keep_shared' if shared else 'keep_owned'}({owner}a{at})")
    if "&random" in names:
        lines.append("let random = w.random()")
        returns.append("keep_shared(random)")
    lines += coins
    if step.target in TAKES_CONTEXT:
        clock = "w.clock()"
        if clock in names:
            lines.append("let (clock, ctx) = w.clock_and_context()")
            names = ["clock" if name == clock else name for name in names]
            names.append("ctx")
        else:
            names.append("w.ctx()")
    target = f"walrusd::{step.target}{'_for_testing' if step.target in ENTRY else ''}"
    call = f"{target}({', '.join(names)})"
    if returns_value:
        lines.append(f"let result = {call}")
        lines.append(f"transfer::public_transfer(result, @{step.sender})")
    else:
        lines.append(call)
    return [*lines, *write_event_checks(step.events), *returns]


def write_event_checks(events: list[Any]) -> list[str]:
    lines = [f"events({len(events)})"]
    counts: dict[str, int] = {}
    for event in events:
        name = type(event).__name__
        at = counts[name] = counts.get(name, -1) + 1
        lines.append(f"check_event<walrusd::events::{name}>({at}, {expected(event.to_bcs())})")
    return lines


def write_end(world: RecordingBazaar) -> list[str]:
    """Statements that compare every object that is left, where it is."""
    lines = [f"w.begin({world.calls + 1 + FIRST}, @0x0, {world.now})"]
    for oid, value in world.objects.items():
        owner = world.owners[oid]
        where = "shared" if owner == SHARED else "owned"
        place = f"@{oid}" if owner == SHARED else f"@{owner}, @{oid}"
        kind = move_type(type(value))
        lines.append(f"w.check_{where}<{kind}>({place}, {expected(value.to_bcs())})")
    return lines


def write_function(name: str, lines: list[str], attribute: str = "") -> str:
    body = "".join(f"    {line};\n" for line in lines)
    return f"{attribute}fun {name}(w: &mut World) {{\n{body}}}\n"


def write_module(name: str, world: RecordingBazaar, refusals: list[int], whole: bool = True) -> str:
    """A test for the whole history, and one for each step in ``refusals``, which must abort.

    A test that ends in a refusal replays what came before; without ``whole`` there is nothing else.
    """
    params = DEVNET_PARAMS
    numbers = ", ".join(str(getattr(params, field_)) for field_ in params.codecs())
    deploy = f'w.deploy(@{address("admin")}, x"{CHAIN_ID.hex()}", @{PACKAGE}, {numbers})'
    done = [step for step in world.steps if step.abort is None]
    last = max(refusals, default=0)
    if not whole:
        done = [step for step in done if step.number <= world.steps[last].number]
    # A function has a bounded number of locals, so each transaction has one of its own.
    parts = [f"#[test_only]\nmodule walrusd::{name};\n\n{_IMPORTS}\n"]
    parts += [
        write_function(
            f"step_{step.number}", write_body(step, bool(world.functions[step.target].returns))
        )
        for step in [*done, *(world.steps[i] for i in refusals)]
    ]

    def test(label: str, steps: list[Step], ending: list[str], attribute: str) -> str:
        lines = [f'let mut w = new(x"{SEED.hex()}")', deploy]
        lines += [f"step_{step.number}(&mut w)" for step in steps] + ending
        body = "".join(f"    {line};\n" for line in lines)
        return f"{attribute}\nfun {label}() {{\n{body}}}\n"

    if whole:
        parts.append(write_function("compare_all", write_end(world)))
        parts.append(test("history", done, ["compare_all(&mut w)", "w.finish()"], "#[test]"))
    for i in refusals:
        step = world.steps[i]
        assert step.abort is not None
        error = ABORTS[step.abort]
        before = [s for s in done if s.number < step.number]
        attribute = f"#[test, expected_failure(abort_code = walrusd::{error.module}::{error.name})]"
        label = f"refused_{step.number}"
        parts.append(test(label, [*before, step], ["abort"], attribute))
    return "\n".join(parts)
