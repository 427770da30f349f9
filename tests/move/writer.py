"""Writes recorded histories out as Move unit tests.

Object ids are hashes of a transaction's number on both sides, and the randomness is the same, so
the two histories must agree to the byte: every object after every call, every event, every coin.
Compiling is what a test costs most. So a step is one call of a helper, of which there is one for
each entry point, and expected bytes are given by their SHA-256.
"""

import hashlib
from typing import Any

from tests.contract.world import CHAIN_ID, FUNCTION, PACKAGE, SHARED, address
from walrusd.chain.layouts.events import EVENTS
from walrusd.chain.layouts.objects import SHARED_OBJECTS
from walrusd.chain.values.codecs import encode_length
from walrusd.core.aborts import ABORTS
from walrusd.devnet.contract import DEVNET_PARAMS, DEVNET_POOL
from walrusd.devnet.move.signatures import (
    ClockKind,
    CoinKind,
    ContractFunction,
    Mode,
    PureKind,
    RandomKind,
)

from .recorder import FIRST, SEED, RecordingBazaar, Step, move_type
from .sources import parse_functions, read_modules

ENTRY = {
    "task::close_joining",
    "committee::draw_committee",
    "jury::draw_jury",
    "audit::draw_audit",
}
TAKES_CONTEXT = {
    f"{module}::{function.name}"
    for module, text in read_modules().items()
    for function in parse_functions(module, text)
    if "&mut TxContext" in function.params
}
_BORROW = {Mode.VALUE: "", Mode.REF: "&", Mode.MUT: "&mut "}


def expected(data: bytes) -> str:
    """What ``replay::check`` compares with."""
    return f'x"{hashlib.sha256(data).hexdigest()}"'


# --- one helper for each entry point ------------------------------------------------------------


def write_helpers() -> str:
    """The module of helpers: each begins a transaction, calls, compares, and puts back."""
    called = (f for f in FUNCTION.values() if f.module != "terms")
    helpers = "\n".join(write_helper(function) for function in called)
    return f"{_HEAD}{write_event_check()}\n{helpers}"


_HEAD = """\
#[test_only]
module walrusd::calls;

use std::{bcs, hash::sha2_256};
use sui::event;
use walrusd::replay::{check, keep_owned, keep_shared, World};

"""


def write_event_check() -> str:
    lines = [
        f"if (kinds & {1 << at} != 0)"
        f" all.append(bcs::to_bytes(&event::events_by_type<walrusd::events::{name}>()));"
        for at, name in enumerate(EVENTS)
    ]
    body = "\n    ".join(lines)
    return (
        "/// Compares the events of this transaction, type by type; `kinds` has a bit for each.\n"
        "fun check_events(count: u32, kinds: u64, expected: vector<u8>) {\n"
        "    assert!(event::num_events() == count);\n"
        "    if (count == 0) return;\n"
        "    let mut all = vector[];\n"
        f"    {body}\n"
        "    assert!(sha2_256(all) == expected)\n}\n"
    )


def write_helper(function: ContractFunction) -> str:
    """The helper of one entry point, with its parameters in place of objects that it takes."""
    target = f"{function.module}::{function.name}"
    params = ["w: &mut World", "number: u64", "sender: address", "now: u64"]
    takes, names, afters, returns = [], [], [], []
    for at, kind in enumerate(function.params):
        if isinstance(kind, ClockKind):
            names.append("clock")
        elif isinstance(kind, RandomKind):
            names.append("&random")
            takes.append("let random = w.random();")
            returns.append("keep_shared(random);")
        elif isinstance(kind, CoinKind):
            params.append(f"p{at}: u64")
            takes.append(f"let p{at} = w.coin(p{at});")
            names.append(f"p{at}")
        elif isinstance(kind, PureKind) or "id" not in kind.layout.codecs():
            is_pure = isinstance(kind, PureKind)
            params.append(f"p{at}: {kind.move_type if is_pure else move_type(kind.layout)}")
            names.append(f"p{at}")
        else:
            is_shared = kind.layout in SHARED_OBJECTS
            params += [] if is_shared else [f"o{at}: address"]
            params.append(f"i{at}: address")
            place = f"w.shared(i{at})" if is_shared else f"w.owned(o{at}, i{at})"
            mut = "mut " if kind.mode is Mode.MUT else ""
            takes.append(f"let {mut}p{at}: {move_type(kind.layout)} = {place};")
            names.append(f"{_BORROW[kind.mode]}p{at}")
            if kind.mode is Mode.MUT:
                afters.append(f"h{at}: vector<u8>")
                returns.append(f"check(&p{at}, h{at});")
            if kind.mode is not Mode.VALUE:
                owner = "" if is_shared else f"o{at}, "
                returns.append(f"keep_{'shared' if is_shared else 'owned'}({owner}p{at});")
    takes.append("let (clock, ctx) = w.clock_and_context();")
    names += ["ctx"] if target in TAKES_CONTEXT else []
    suffix = "_for_testing" if target in ENTRY else ""
    call = f"walrusd::{target}{suffix}({', '.join(names)})"
    if function.returns:
        call = f"transfer::public_transfer({call}, sender)"
    unused = [name for name in ("clock", "ctx") if name not in names]
    returns = [f"let _ = {name};" for name in unused] + returns
    statements = [
        "w.begin(number, sender, now);",
        *takes,
        f"{call};",
        "check_events(count, kinds, events);",
        *returns,
    ]
    params += ["count: u32", "kinds: u64", "events: vector<u8>", *afters]
    body = "".join(f"    {statement}\n" for statement in statements)
    return f"public fun {function.module}_{function.name}({', '.join(params)}) {{\n{body}}}\n"


# --- one test for each history ------------------------------------------------------------------


def write_step(step: Step) -> str:
    """The helper's call for one transaction; what a refusal would leave is not said."""
    args = ["&mut w", str(step.number + FIRST), f"@{step.sender}", str(step.now)]
    afters = []
    for given in step.arguments:
        if isinstance(given, str):
            args.append(given)
            continue
        args += [f"@{given.id}"] if given.owner == SHARED else [f"@{given.owner}", f"@{given.id}"]
        if given.mode is Mode.MUT:
            afters.append(expected(given.after))
    kinds, events = encode_events(step.events)
    args += [str(len(step.events)), str(kinds), expected(events), *afters]
    return f"c::{step.target.replace('::', '_')}({', '.join(args)})"


def encode_events(events: list[Any]) -> tuple[int, bytes]:
    """The kinds of events, a bit each, and their bytes as ``calls::check_events`` joins them."""
    by_type: dict[str, list[bytes]] = {}
    for event in events:
        by_type.setdefault(type(event).__name__, []).append(event.to_bcs())
    kinds = sum(1 << at for at, name in enumerate(EVENTS) if name in by_type)
    ordered = [by_type[name] for name in EVENTS if name in by_type]
    return kinds, b"".join(encode_length(len(raw)) + b"".join(raw) for raw in ordered)


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


def write_module(name: str, world: RecordingBazaar, refusals: list[int], whole: bool = True) -> str:
    """A test for the whole history, and one for each step in ``refusals``, which must abort.

    A test that ends in a refusal replays what came before; without ``whole`` there is nothing else.
    """
    numbers = ", ".join(map(str, (*vars(DEVNET_PARAMS).values(), *vars(DEVNET_POOL).values())))
    deploy = f'w.deploy(@{address("admin")}, x"{CHAIN_ID.hex()}", @{PACKAGE}, {numbers})'
    done = [step for step in world.steps if step.abort is None]

    def test(label: str, steps: list[Step], ending: list[str], attribute: str) -> str:
        lines = [f'let mut w = replay::new(x"{SEED.hex()}")', deploy]
        lines += [*map(write_step, steps), *ending]
        body = "".join(f"    {line};\n" for line in lines)
        return f"{attribute}\nfun {label}() {{\n{body}}}\n"

    parts = [f"#[test_only]\nmodule walrusd::{name};\n\nuse walrusd::{{calls as c, replay}};\n"]
    if whole:
        parts.append(test("history", done, [*write_end(world), "w.finish()"], "#[test]"))
    for i in refusals:
        step = world.steps[i]
        assert step.abort is not None
        error = ABORTS[step.abort]
        before = [s for s in done if s.number < step.number]
        attribute = f"#[test, expected_failure(abort_code = walrusd::{error.module}::{error.name})]"
        parts.append(test(f"refused_{step.number}", [*before, step], ["abort"], attribute))
    return "\n".join(parts)
