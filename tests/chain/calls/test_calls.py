"""Every call fits its entry point: each argument in its place, with its type and mutability.

The values are made from the names that the contract's twin gives to its parameters, so two
arguments of one type that change places are found.
"""

import hashlib
import inspect
from types import SimpleNamespace

import pytest

from walrusd.chain.calls import reads
from walrusd.chain.calls.contract import ContractClient
from walrusd.chain.calls.delivery import OpeningAttempt, Sealed
from walrusd.chain.calls.jury import Accused
from walrusd.chain.calls.node import ProvenKeys, SeatOffer
from walrusd.chain.calls.reads import SeatId
from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.pysui_parts import bcs
from walrusd.chain.values.types import CLOCK_ID, RANDOM_ID, ObjectRef, SharedRef
from walrusd.devnet.contract import FUNCTIONS
from walrusd.devnet.move.signatures import (
    ClockKind,
    CoinKind,
    Mode,
    PureKind,
    RandomKind,
    StructKind,
)
from walrusd.errors import ChainUnreachable, NotAllowed
from walrusd.units import normalize_address

PACKAGE, CALLED, ME = (normalize_address(text) for text in ("0x77", "0x78", "0xa"))
DIGEST = "1" * 32
TABLE = {(f.module, f.name): f for f in FUNCTIONS}


def number(name: str) -> int:
    """Return a small number that belongs to a name."""
    return 1 + hashlib.sha256(name.encode()).digest()[0] % 200


def object_id(name: str) -> str:
    return normalize_address(f"0x{name.encode().hex()}")


TASK, SUBMISSION, DATASET, REQUEST, POOL, MARKET, PARENT = (
    object_id(name)
    for name in ("task", "submission", "dataset", "request", "pool", "market", "parent")
)
CAP = ObjectRef(object_id("cap"), 5, DIGEST)


def encode_length(count: int) -> bytes:
    assert count < 128
    return bytes([count])


def encode(name: str, kind: str) -> bytes:
    """Return the BCS of the value that belongs to a parameter's name."""
    text = name.encode()
    listed = {"datasets": [DATASET, object_id("second")], "numbers": [1, 2]}
    match kind:
        case "u8" | "u64" | "u256":
            return number(name).to_bytes(int(kind[1:]) // 8, "little")
        case "Option<u64>":
            return b"\1" + number(name).to_bytes(8, "little")
        case "address":
            return bytes.fromhex(object_id(name)[2:])
        case "vector<u8>":
            return encode_length(len(text)) + text
        case "vector<vector<u8>>":
            parts = [text, text[:1]]
            return b"\2" + b"".join(encode_length(len(part)) + part for part in parts)
        case "vector<address>":
            return b"\2" + b"".join(bytes.fromhex(item[2:]) for item in listed[name])
        case "vector<u64>":
            return b"\2" + b"".join(item.to_bytes(8, "little") for item in listed[name])
    raise AssertionError(kind)


def values(*names: str) -> dict:
    """Return keyword arguments whose values belong to their names: numbers and bytes."""
    numbers = {
        "blob", "code", "cost", "description_blob", "file_blob", "index", "juror", "kind",
        "lifetime_ms", "manifest_blob", "max_penalty", "memory", "min_fee", "number", "parts",
        "place", "position", "rate", "row_bytes", "rows", "scheme_rows", "scope", "segment", "step",
        "amount", "bond", "fee", "funds", "payment", "stake",
    }  # fmt: skip
    paths = {"leaf_zero_path", "path", "slot_path", "trace_path"}
    return {
        name: number(name)
        if name in numbers
        else [name.encode(), name.encode()[:1]]
        if name in paths
        else name.encode()
        for name in names
    }


class Sender:
    """Builds what it is asked to send, and notes the order of what happens."""

    address = ME

    def __init__(self) -> None:
        self.built: list[Ptb] = []
        self.keys: list[str | None] = []
        self.labels: list[str] = []
        self.random_version: int | None = None
        self.fails: Exception | None = None

    def know_random_version(self, version):
        self.random_version = version

    async def submit(self, build, *, label):
        self.labels.append(label)
        return await self.submit_once(None, build)

    async def submit_once(self, key, build):
        if self.fails is not None:
            raise self.fails
        ptb = Ptb(random_version=self.random_version)
        build(ptb)
        self.built.append(ptb)
        self.keys.append(key)
        return SimpleNamespace(digest="d")

    async def find_succeeded(self, key):
        return f"what {key} did"


class Client(ContractClient):
    """A contract whose objects are named, and need not be read."""

    def __init__(self, *, holds_cap: bool = True) -> None:
        self.sending = Sender()
        self.shown: list[str] = []
        self.not_shown: Exception | None = None
        self.forgotten: list[str] = []
        self.holds_cap = holds_cap
        super().__init__(
            SimpleNamespace(wait_visible=self._show), self.sending, PACKAGE, MARKET,
            called_package_id=CALLED,
        )  # fmt: skip

    async def _show(self, digest):
        self.shown.append(digest)
        if self.not_shown is not None:
            raise self.not_shown

    def forget(self, object_id):
        self.forgotten.append(object_id)

    async def shared_ref(self, object_id):
        return SharedRef(object_id, 3)

    async def random_version(self):
        return 4

    async def task(self, object_id):
        assert object_id == TASK
        return SimpleNamespace(pool=POOL)

    async def find_cap(self, owner, seat):
        assert (owner, seat.pool) == (ME, POOL)
        self.asked = seat
        return (CAP, None) if self.holds_cap else None

    async def publisher_cap(self, owner, task):
        assert (owner, task) == (ME, TASK)
        return CAP


OPENED = OpeningAttempt(**values("blob", "digest", "p2", "challenge", "answer", "cost", "blinding"))
SEALED = Sealed(**values("r", "c", "challenge", "answer"))
KEYS = ProvenKeys(**values("pk1", "pk2", "challenge", "answer"))
OFFER = SeatOffer(**values("min_fee", "max_penalty", "rate", "memory"))
SEAT = SeatId(POOL, number("index"), 7)
FREE = SeatId(POOL, number("slot"), 8)


class Places:
    """Seats or jurors of a submission: whoever is asked for holds our seat."""

    def __getitem__(self, number):
        return SimpleNamespace(pool_index=SEAT.index, generation=SEAT.generation, slot=5)


HELD = SimpleNamespace(
    id=SUBMISSION, pool=POOL, attempt=2, cases=3, committee=Places(),
    dispute=SimpleNamespace(challenge=b"\xc5\x11", jurors=Places()),
)  # fmt: skip
KEY_REQUEST = SimpleNamespace(id=REQUEST, task=TASK)
ALONE = SimpleNamespace(id=REQUEST, task="0x0")
VERSION = ob.DatasetVersion(
    number=1,
    **values("blob", "manifest_digest", "row_root", "rows", "row_bytes", "key_check"),
)
COMMITMENT = ob.Commitment(
    **values(
        "trace_root", "update_root", "scheme_root", "scheme_rows", "cost_commitment", "file_digest",
        "file_blob",
    )
)  # fmt: skip
TERMS = ob.Terms(*range(1, 1 + len(ob.Terms.codecs())))

ON = (TASK, SUBMISSION)
PROGRAM = {"program_root": b"program_root"}

# The entry point: how it is called, the name of the action, and what is read again afterwards.
CALLS = {
    "node::register_seat": (
        lambda c: c.register_seat(FREE, keys=KEYS, offer=OFFER, once="seat", **values("payment")),
        "seat",
        {POOL},
    ),
    "node::declare_seat": (lambda c: c.declare_seat(SEAT, OFFER), None, {POOL}),
    "node::renew_seat": (
        lambda c: c.renew_seat(SEAT, once="renew", **values("fee")), "renew", {POOL},
    ),
    "node::top_up_seat": (
        lambda c: c.top_up_seat(SEAT, once="fill", amount=number("coin")), "fill", {POOL},
    ),
    "node::exit_seat": (lambda c: c.exit_seat(SEAT), f"exit_seat:{CAP.id}", {POOL}),
    "node::withdraw_seat": (lambda c: c.withdraw_seat(SEAT), f"withdraw_seat:{CAP.id}", {POOL}),
    "node::discard_cap": (lambda c: c.discard_cap(SEAT), f"discard_cap:{CAP.id}", {POOL}),
    "node::evict_seat": (lambda c: c.evict_seat(SEAT), None, {POOL}),
    "node::release_seat": (lambda c: c.release_seat(SEAT), None, {POOL}),
    "task::open_task": (
        lambda c: c.open_task(
            TERMS,
            pool=POOL,
            keys=KEYS,
            **values("funds", "manifest_blob", "manifest_digest", "state_root_0", "plan_digest"),
            **PROGRAM,
            parent=PARENT,
            datasets=[ob.DatasetRef(DATASET, 1), ob.DatasetRef(object_id("second"), 2)],
            once="open_task:1",
        ),
        "open_task:1",
        set(),
    ),
    "task::cancel_task": (lambda c: c.cancel_task(TASK), f"cancel_task:{TASK}", {TASK}),
    "task::close_joining": (
        lambda c: c.close_joining(TASK), f"close_joining:{TASK}", {TASK, POOL},
    ),
    "task::close_training": (lambda c: c.close_training(TASK), f"close_training:{TASK}", {TASK}),
    "task::record_aggregate": (
        lambda c: c.record_aggregate(TASK, **values("parts", "root", "blindings_root", "blob")),
        f"record_aggregate:{TASK}",
        {TASK},
    ),
    "task::reclaim": (lambda c: c.reclaim(TASK), f"reclaim:{TASK}", {TASK}),
    "task::claim_task": (lambda c: c.claim_task(TASK), None, {TASK}),
    "submission::join": (
        lambda c: c.join(TASK, dataset=DATASET, request=REQUEST, **PROGRAM, **values("stake")),
        f"join:{TASK}",
        {TASK},
    ),
    "submission::commit": (
        lambda c: c.commit(*ON, COMMITMENT, **values("leaf_zero_path", "cost_proof")),
        f"commit:{SUBMISSION}",
        {*ON},
    ),
    "submission::commit_abort": (
        lambda c: c.commit_abort(
            *ON,
            ob.AbortClaim(**values("segment", "step", "code")),
            **values("trace_root", "leaf_zero_path"),
        ),
        f"commit:{SUBMISSION}",
        {*ON},
    ),
    "submission::open": (
        lambda c: c.open(*ON, OPENED, attempt=2), f"open:{SUBMISSION}:2", {SUBMISSION},
    ),
    "submission::deliver": (
        lambda c: c.deliver(*ON, sealed=SEALED, once="give", **values("place", "pk1", "pk2")),
        "give",
        {*ON},
    ),
    "settlement::deliver_update": (
        lambda c: c.deliver_update(*ON, SEALED), f"deliver_update:{SUBMISSION}", {*ON, POOL},
    ),
    "settlement::reopen": (lambda c: c.reopen(*ON), None, {*ON, POOL}),
    "settlement::settle": (lambda c: c.settle(*ON), None, {*ON, POOL}),
    "settlement::claim": (lambda c: c.claim(SUBMISSION), None, {SUBMISSION}),
    "committee::draw_committee": (lambda c: c.draw_committee(*ON), None, {SUBMISSION, POOL}),
    "committee::seat_committee": (lambda c: c.seat_committee(*ON), None, {SUBMISSION, POOL}),
    "committee::replace": (lambda c: c.replace(*ON), None, {*ON, POOL}),
    "attestation::attest": (
        lambda c: c.attest(
            TASK,
            HELD,
            seat=number("place"),
            **values("position", "digest", "slot_path", "state_root", "trace_path"),
            **PROGRAM,
        ),
        f"attest:{SUBMISSION}:{number('place')}:5:{number('position')}",
        {SUBMISSION},
    ),
    "attestation::report": (
        lambda c: c.report(TASK, HELD, seat=number("place")),
        f"report:{SUBMISSION}:2:{number('place')}:5",
        {SUBMISSION},
    ),
    "audit::draw_audit": (
        lambda c: c.draw_audit(*ON), f"draw_audit:{SUBMISSION}", {SUBMISSION},
    ),
    "audit::audit": (
        lambda c: c.audit(TASK, HELD, **values("leaf", "path")),
        f"audit:{SUBMISSION}:3",
        {SUBMISSION},
    ),
    "jury::accuse": (
        lambda c: c.accuse(
            TASK,
            HELD,
            Accused(**values("kind", "index", "position", "leaf", "path")),
            seat=number("place"),
            **PROGRAM,
        ),
        f"accuse:{SUBMISSION}:3:{number('place')}",
        {SUBMISSION},
    ),
    "jury::accuse_file": (
        lambda c: c.accuse_file(TASK, HELD, **PROGRAM, **values("bond")),
        f"accuse_file:{SUBMISSION}:3",
        {SUBMISSION},
    ),
    "jury::draw_jury": (lambda c: c.draw_jury(*ON), None, {SUBMISSION, POOL}),
    "jury::seat_jury": (lambda c: c.seat_jury(*ON), None, {SUBMISSION, POOL}),
    "jury::deliver_juror": (
        lambda c: c.deliver_juror(
            *ON, sealed=SEALED, case=b"\xc5\x11", **values("juror", "pk1", "pk2")
        ),
        f"deliver_juror:c511:{number('juror')}",
        {SUBMISSION},
    ),
    "jury::resolve": (
        lambda c: c.resolve(*ON, **values("chain", "state_root")), None, {*ON, POOL},
    ),
    "jury::jury_commit": (
        lambda c: c.jury_commit(TASK, HELD, **values("juror", "commitment")),
        f"jury_commit:c511:{number('juror')}",
        {SUBMISSION},
    ),
    "jury::jury_reveal": (
        lambda c: c.jury_reveal(TASK, HELD, **values("juror", "value", "salt")),
        f"jury_reveal:c511:{number('juror')}",
        {SUBMISSION},
    ),
    "dataset::list_dataset": (
        lambda c: c.list_dataset(
            **values("title", "description_blob"), version=VERSION, once="list:1"
        ),
        "list:1",
        set(),
    ),
    "dataset::request_key": (
        lambda c: c.request_key(
            DATASET, task=TASK, **values("number", "key", "scope", "lifetime_ms"), once="ask:1"
        ),
        "ask:1",
        set(),
    ),
    "dataset::grant_key": (
        lambda c: c.grant_key(KEY_REQUEST, b"envelope"), f"answer:{REQUEST}", {REQUEST},
    ),
    "dataset::grant_key_alone": (
        lambda c: c.grant_key(ALONE, b"envelope"), f"answer:{REQUEST}", {REQUEST},
    ),
    "dataset::lapse_key": (
        lambda c: c.lapse_key(KEY_REQUEST), f"lapse_key:{REQUEST}", {REQUEST},
    ),
    "dataset::deny_key": (
        lambda c: c.deny_key(REQUEST, "reason"), f"answer:{REQUEST}", {REQUEST},
    ),
}  # fmt: skip


class Program:
    """A built transaction, read back from its bytes."""

    def __init__(self, ptb: Ptb) -> None:
        raw = ptb.build(ME, [ObjectRef(object_id("gas"), 1, DIGEST)], budget=1, price=1)
        program = bcs.TransactionData.deserialize(raw).value.TransactionKind.value
        self.inputs, self.commands = program.Inputs, program.Command
        self.spent = ptb.spent_from_gas

    def find(self, target: str):
        """Return the one call of an entry point, and its place."""
        found = [
            (place, command.value)
            for place, command in enumerate(self.commands)
            if command.enum_name == "MoveCall"
            and f"{command.value.Module}::{command.value.Function}" == target
        ]
        assert len(found) == 1
        return found[0]

    def pure(self, argument) -> bytes:
        assert argument.enum_name == "Input"
        given = self.inputs[argument.value]
        assert given.enum_name == "Pure"
        return bytes(given.value)

    def object(self, argument):
        """Return an object's id, and whether it is mutable; None for an owned one."""
        assert argument.enum_name == "Input"
        given = self.inputs[argument.value]
        assert given.enum_name == "Object"
        named = given.value.value
        if given.value.enum_name == "SharedObject":
            return named.ObjectID.to_address_str(), bool(named.Mutable)
        return named.ObjectID.to_address_str(), None

    def produced(self, argument) -> str:
        """Return which command an argument comes from."""
        assert argument.enum_name in {"Result", "NestedResult"}
        place = argument.value if argument.enum_name == "Result" else argument.value[0]
        command = self.commands[place]
        if command.enum_name == "MoveCall":
            return f"{command.value.Module}::{command.value.Function}"
        return command.enum_name


@pytest.mark.parametrize("target", CALLS)
async def test_a_call_fits_its_entry_point(target: str) -> None:
    act, once, touched = CALLS[target]
    client = Client()
    await act(client)
    (ptb,) = client.sending.built
    program = Program(ptb)
    _place, call = program.find(target)
    assert call.Package.to_address_str() == CALLED
    assert list(call.Type_Arguments) == []
    function = TABLE[tuple(target.split("::"))]
    names = list(inspect.signature(function.impl).parameters)[1:]
    assert len(call.Arguments) == len(function.params)
    for name, kind, argument in zip(names, function.params, call.Arguments, strict=True):
        match kind:
            case PureKind():
                assert program.pure(argument) == encode(name, kind.move_type), name
            case ClockKind():
                assert program.object(argument) == (CLOCK_ID, False)
            case RandomKind():
                assert program.object(argument) == (RANDOM_ID, False)
            case CoinKind():
                assert program.produced(argument) == "SplitCoin"
                assert program.spent == number(name)
            case StructKind() if name == "terms":
                assert program.produced(argument) == "terms::new_terms"
            case StructKind() if name == "cap":
                assert program.object(argument) == (CAP.id, None)
            case StructKind():
                # Nothing is locked that is only read.
                assert program.object(argument) == (object_id(name), kind.mode is Mode.MUT)
    assert client.sending.keys == [once]
    assert once is not None or client.sending.labels == [function.name]
    assert set(client.forgotten) == touched
    assert client.shown == ["d"]


@pytest.mark.parametrize(
    "target", [name for name in CALLS if TABLE[tuple(name.split("::"))].returns]
)
async def test_what_a_call_returns_is_ours(target: str) -> None:
    """Move has no way to drop a coin or a capability: the transaction would fail."""
    client = Client()
    await CALLS[target][0](client)
    program = Program(client.sending.built[0])
    place, _call = program.find(target)
    (transfer,) = [c.value for c in program.commands if c.enum_name == "TransferObjects"]
    (given,) = transfer.Objects
    assert program.produced(given) == target
    assert given.value in (place, (place, 0))
    assert program.pure(transfer.Address) == bytes.fromhex(ME[2:])


async def test_terms_are_given_in_the_order_of_their_fields() -> None:
    client = Client()
    await CALLS["task::open_task"][0](client)
    program = Program(client.sending.built[0])
    _place, call = program.find("terms::new_terms")
    kinds = TABLE["terms", "new_terms"].params
    sizes = {"u8": 1, "u64": 8}
    expected = [
        value.to_bytes(sizes[kind.move_type], "little") for value, kind in enumerate(kinds, start=1)
    ]
    assert [program.pure(argument) for argument in call.Arguments] == expected


def test_every_entry_point_of_the_market_is_called_or_is_the_administrators() -> None:
    theirs = {
        "market",
        "dataset::add_version",
        "dataset::expire_key",
        "terms",
        "node::create_pool",
    }
    left = {
        f"{f.module}::{f.name}"
        for f in FUNCTIONS
        if f.module not in theirs
        and f"{f.module}::{f.name}" not in theirs
        and not f.name.startswith("migrate_")
    }
    assert left == set(CALLS)


@pytest.mark.parametrize(
    "act",
    [
        CALLS[f"{function.module}::{function.name}"][0]
        for function in FUNCTIONS
        if "cap" in inspect.signature(function.impl).parameters
        and function.module in {"node", "attestation", "jury"}
    ],
)
async def test_without_a_seat_nothing_is_sent(act) -> None:
    client = Client(holds_cap=False)
    with pytest.raises(NotAllowed):
        await act(client)
    assert client.sending.built == []
    assert client.asked == SEAT


async def test_the_beacon_is_known_only_to_calls_that_draw() -> None:
    for target, (act, _once, _touched) in CALLS.items():
        client = Client()
        await act(client)
        draws = any(isinstance(k, RandomKind) for k in TABLE[tuple(target.split("::"))].params)
        assert client.sending.random_version == (4 if draws else None), target


async def test_what_is_executed_but_not_shown_yet_is_done(caplog) -> None:
    client = Client()
    client.not_shown = ChainUnreachable("down")
    assert (
        await client.join(TASK, dataset=DATASET, request=REQUEST, stake=1, **PROGRAM)
    ).digest == "d"
    assert client.forgotten == [TASK]
    assert "no node shows it yet" in caplog.text


async def test_what_failed_may_have_touched_its_objects_all_the_same() -> None:
    client = Client()
    client.sending.fails = ChainUnreachable("down")
    with pytest.raises(ChainUnreachable):
        await client.settle(*ON)
    assert set(client.forgotten) == {*ON, POOL}
    assert client.shown == []


async def test_what_was_done_is_asked_of_the_sender() -> None:
    assert await Client().find_done("join:1") == "what join:1 did"


async def test_the_types_are_those_of_the_first_package_and_calls_go_to_the_newest() -> None:
    client = Client()
    assert client.type_name(ob.Task) == f"{PACKAGE}::task::Task"
    assert client._target("task", "reclaim") == f"{CALLED}::task::reclaim"
    first = ContractClient(None, client.sending, "0x77", MARKET)
    assert first._target("task", "reclaim") == f"{PACKAGE}::task::reclaim"
    assert reads.MAX_AGE_S > reads.SETTLING_S > reads.SETTLING_AGE_S
