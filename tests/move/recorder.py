"""Records what the executable specification does, and writes it out as Move unit tests.

Object ids are hashes of a transaction's number on both sides, and the randomness is the same, so
the two histories must agree to the byte: every object after every call, every event, every coin.
"""

import struct
from dataclasses import dataclass, field
from typing import Any

from tests.contract.market import Bazaar
from tests.contract.world import CHAIN_ID, FUNCTION, PACKAGE, SHARED, address, has_object_id
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
    after: bytes = b""


@dataclass
class Step:
    """One transaction. ``mint`` is an amount, ``abort`` the ``(module, code)`` of a refusal."""

    number: int
    sender: str
    now: int
    target: str = ""
    mint: int | None = None
    arguments: list[Argument | str] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    abort: tuple[str, int] | None = None


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
    """A ``Bazaar`` whose transactions are numbered as in a test scenario, and kept."""

    def __init__(self, **kwargs: Any) -> None:
        self.steps: list[Step] = []
        super().__init__(**kwargs)

    def context(self, sender: str) -> Context:
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
        coin = super().mint(owner, amount)
        self.steps.append(Step(self.calls, address(owner), self.now, mint=amount))
        return coin

    def call(self, target: str, sender: str, *args: Any) -> Any:
        step = Step(self.calls + 1, address(sender), self.now, target)
        given, objects = iter(args), []
        for kind in FUNCTION[target].params:
            if isinstance(kind, ClockKind):
                step.arguments.append("&w.clock")
            elif isinstance(kind, RandomKind):
                step.arguments.append("&random")
            elif isinstance(kind, PureKind):
                step.arguments.append(literal(kind.move_type, next(given)))
            else:
                value = next(given)
                if not has_object_id(value):
                    step.arguments.append(terms_literal(value))
                    continue
                mode = kind.mode
                owner = self.owners[value.id]
                passed = Argument(value.id, move_type(type(value)), owner, mode)
                assert mode is not Mode.VALUE or isinstance(kind, CoinKind) or owner != SHARED
                step.arguments.append(passed)
                objects.append((passed, value))
        seen = len(self.events)
        self.steps.append(step)
        try:
            result = super().call(target, sender, *args)
        except MoveAbort as abort:
            step.abort = (abort.module, abort.code)
            raise
        for passed, value in objects:
            passed.after = b"" if passed.mode is Mode.VALUE else value.to_bcs()
        step.events = self.events[seen:]
        return result


def write_body(step: Step) -> list[str]:
    """The statements of one transaction."""
    lines = [f"w.begin({step.number + FIRST}, @{step.sender}, {step.now})"]
    if step.mint is not None:
        return [*lines, f"w.mint({step.mint}, @{step.sender})"]
    names, returns = [], []
    for at, argument in enumerate(step.arguments):
        if isinstance(argument, str):
            names.append(argument)
            continue
        is_changed = "mut " if argument.mode is Mode.MUT else ""
        shared = argument.owner == SHARED
        place = f"shared(@{argument.id})" if shared else f"owned(@{argument.owner}, @{argument.id})"
        lines.append(f"let {is_changed}a{at}: {argument.move_type} = w.{place}")
        names.append(f"{_BORROW[argument.mode]}a{at}")
        if argument.mode is not Mode.VALUE:
            returns.append(f'check(&a{at}, x"{argument.after.hex()}")')
            owner = "" if shared else f"@{argument.owner}, "
            returns.append(f"{'keep_shared' if shared else 'keep_owned'}({owner}a{at})")
    if "&random" in names:
        lines.append("let random: sui::random::Random = w.scenario.take_shared()")
        returns.append("keep_shared(random)")
    if step.target in TAKES_CONTEXT:
        names.append("w.scenario.ctx()")
    target = f"walrusd::{step.target}{'_for_testing' if step.target in ENTRY else ''}"
    call = f"{target}({', '.join(names)})"
    if FUNCTION[step.target].returns:
        lines.append(f"let result = {call}")
        lines.append(f"transfer::public_transfer(result, @{step.sender})")
    else:
        lines.append(call)
    return [*lines, *write_event_checks(step.events), *returns]


def write_event_checks(events: list[Any]) -> list[str]:
    lines = [f"assert!(sui::event::num_events() == {len(events)})"]
    counts: dict[str, int] = {}
    for event in events:
        name = type(event).__name__
        at = counts[name] = counts.get(name, -1) + 1
        lines.append(f'check_event<walrusd::events::{name}>({at}, x"{event.to_bcs().hex()}")')
    return lines


def write_end(world: RecordingBazaar) -> list[str]:
    """Statements that compare every object that is left, where it is."""
    lines = [f"w.begin({world.calls + 1 + FIRST}, @0x0, {world.now})"]
    for oid, value in world.objects.items():
        owner = world.owners[oid]
        where = "shared" if owner == SHARED else "owned"
        place = f"@{oid}" if owner == SHARED else f"@{owner}, @{oid}"
        kind = move_type(type(value))
        lines.append(f'w.check_{where}<{kind}>({place}, x"{value.to_bcs().hex()}")')
    return lines


def write_function(name: str, lines: list[str], attribute: str = "") -> str:
    body = "".join(f"    {line};\n" for line in lines)
    return f"{attribute}fun {name}(w: &mut World) {{\n{body}}}\n"


def write_module(name: str, world: RecordingBazaar, refusals: list[int]) -> str:
    """One test for the whole history, and one for each step in ``refusals``, which must abort."""
    params = DEVNET_PARAMS
    numbers = ", ".join(str(getattr(params, field_)) for field_ in params.codecs())
    deploy = f'w.deploy(@{address("admin")}, x"{CHAIN_ID.hex()}", @{PACKAGE}, {numbers})'
    parts = [PRELUDE.replace("NAME", name).replace("SEED", SEED.hex())]
    # A function has a bounded number of locals, so each transaction has one of its own.
    done = [step for step in world.steps if step.abort is None]
    parts += [
        write_function(f"step_{step.number}", write_body(step))
        for step in [*done, *(world.steps[i] for i in refusals)]
    ]
    parts.append(write_function("compare_all", write_end(world)))

    def test(label: str, steps: list[Step], ending: list[str], attribute: str) -> str:
        lines = ["let mut w = new()", deploy]
        lines += [f"step_{step.number}(&mut w)" for step in steps] + ending
        body = "".join(f"    {line};\n" for line in lines)
        return f"{attribute}\nfun {label}() {{\n{body}}}\n"

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


PRELUDE = """\
#[test_only]
module walrusd::NAME;

use sui::{
    clock::{Self, Clock},
    coin,
    event,
    random::{Self, Random},
    sui::SUI,
    test_scenario::{Self as ts, Scenario}
};

public struct World { scenario: Scenario, clock: Clock, number: u64 }

fun new(): World {
    let mut scenario = ts::begin(@0x0);
    let clock = clock::create_for_testing(scenario.ctx());
    random::create_for_testing(scenario.ctx());
    scenario.next_tx(@0x0);
    let mut random: Random = scenario.take_shared();
    random.update_randomness_state_for_testing(1, x"SEED", scenario.ctx());
    ts::return_shared(random);
    World { scenario, clock, number: 1 }
}

/// Begins transaction `number`; those between were refused and left nothing.
fun begin(w: &mut World, number: u64, sender: address, now: u64) {
    while (w.number < number) {
        w.number = w.number + 1;
        w.scenario.next_tx(sender);
    };
    w.clock.set_for_testing(now)
}

fun deploy(
    w: &mut World, admin: address, chain_id: vector<u8>, package: address, tip: u64,
    accuser_share_bps: u64, min_window_ms: u64, max_window_ms: u64, min_seat_stake: u64,
    unbonding_ms: u64,
) {
    w.begin(2, admin, 0);
    let ctx = w.scenario.ctx();
    let cap = walrusd::market::admin_cap_for_testing(ctx);
    walrusd::node::create_market(
        &cap, chain_id, package, tip, accuser_share_bps, min_window_ms, max_window_ms,
        min_seat_stake, unbonding_ms, ctx,
    );
    transfer::public_transfer(cap, admin)
}

fun mint(w: &mut World, amount: u64, owner: address) {
    let coin = coin::mint_for_testing<SUI>(amount, w.scenario.ctx());
    transfer::public_transfer(coin, owner)
}

fun shared<T: key>(w: &World, id: address): T {
    w.scenario.take_shared_by_id(object::id_from_address(id))
}

fun owned<T: key>(w: &World, owner: address, id: address): T {
    w.scenario.take_from_address_by_id(owner, object::id_from_address(id))
}

fun keep_shared<T: key>(object: T) { ts::return_shared(object) }

fun keep_owned<T: key>(owner: address, object: T) { ts::return_to_address(owner, object) }

fun check<T>(value: &T, expected: vector<u8>) { assert!(std::bcs::to_bytes(value) == expected) }

fun check_event<T: copy + drop>(at: u64, expected: vector<u8>) {
    check(&event::events_by_type<T>()[at], expected)
}

fun check_shared<T: key>(w: &World, id: address, expected: vector<u8>) {
    let object: T = w.shared(id);
    check(&object, expected);
    keep_shared(object)
}

fun check_owned<T: key>(w: &World, owner: address, id: address, expected: vector<u8>) {
    let object: T = w.owned(owner, id);
    check(&object, expected);
    keep_owned(owner, object)
}

fun finish(w: World) {
    let World { scenario, clock, .. } = w;
    clock.destroy_for_testing();
    scenario.end();
}
"""
