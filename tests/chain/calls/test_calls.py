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


TASK, SUBMISSION, DATASET, REQUEST, POOL, MARKET, PARENT, RECIPIENT = (
    object_id(name)
    for name in (
        "task", "submission", "dataset", "request", "pool", "market", "parent", "recipient",
    )
)  # fmt: skip
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
        "lifetime_ms", "manifest_blob", "max_segment_work", "max_state_bytes", "min_fee", "number",
        "place", "position", "row_bytes", "rows", "scheme_rows", "scope", "seat", "segment", "step",
        "bond", "funds", "stake",
    }  # fmt: skip
    paths = {"envelopes", "leaf_zero_path", "path", "slot_path", "trace_path"}
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

    async def pool_id(self):
        return POOL

    async def verifier_cap(self, owner):
        assert owner == ME
        return (CAP, SimpleNamespace(id="0x5ea7")) if self.holds_cap else None

    async def publisher_cap(self, owner, task):
        assert (owner, task) == (ME, TASK)
        return CAP


OPENING = ob.Opening(**values("blob", "digest", "key_check", "envelopes", "cost"))
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
CHALLENGE = b"\xc5\x11"

# The entry point: how it is called, the name of the action, and what is read again afterwards.
CALLS = {
    "node::register_seat": (
        lambda c: c.register_seat(
            **values("stake", "key", "min_fee", "max_state_bytes", "max_segment_work"), once="seat"
        ),
        "seat",
        {POOL},
    ),
    "node::exit_seat": (lambda c: c.exit_seat(), "exit_seat:0x5ea7", {POOL}),
    "node::withdraw_seat": (lambda c: c.withdraw_seat(), "withdraw_seat:0x5ea7", {POOL}),
    "task::open_task": (
        lambda c: c.open_task(
            TERMS,
            **values(
                "funds", "publisher_key", "manifest_blob", "manifest_digest", "state_root_0",
                "plan_digest",
            ),
            parent=PARENT,
            datasets=[ob.DatasetRef(DATASET, 1), ob.DatasetRef(object_id("second"), 2)],
            once="open_task:1",
        ),
        "open_task:1",
        set(),
    ),
    "task::close_joining": (lambda c: c.close_joining(TASK), f"close_joining:{TASK}", {TASK}),
    "task::draw": (lambda c: c.draw(TASK), f"draw:{TASK}", {TASK}),
    "task::record_aggregate": (
        lambda c: c.record_aggregate(TASK, **values("root", "blindings_root", "blob")),
        f"record_aggregate:{TASK}",
        {TASK},
    ),
    "task::reclaim": (lambda c: c.reclaim(TASK), f"reclaim:{TASK}", {TASK}),
    "task::claim_task": (lambda c: c.claim_task(TASK), None, {TASK}),
    "submission::join": (
        lambda c: c.join(TASK, dataset=DATASET, request=REQUEST, **values("stake")),
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
        lambda c: c.open(*ON, OPENING, **values("blinding")),
        f"open:{SUBMISSION}",
        {*ON},
    ),
    "submission::reseal": (
        lambda c: c.reseal(SUBMISSION, RECIPIENT, b"envelope"),
        f"reseal:{SUBMISSION}:{RECIPIENT}",
        {SUBMISSION},
    ),
    "settlement::settle": (lambda c: c.settle(*ON), None, {*ON, POOL}),
    "settlement::claim": (lambda c: c.claim(SUBMISSION), None, {SUBMISSION}),
    "committee::seat": (lambda c: c.seat(*ON), None, {*ON, POOL}),
    "committee::replace": (lambda c: c.replace(*ON), None, {*ON, POOL}),
    "attestation::attest": (
        lambda c: c.attest(
            *ON, **values("seat", "position", "digest", "slot_path", "state_root", "trace_path")
        ),
        f"attest:{SUBMISSION}:{number('seat')}:{number('position')}",
        {SUBMISSION},
    ),
    "attestation::report": (
        lambda c: c.report(*ON, **values("seat")),
        f"report:{SUBMISSION}:{number('seat')}",
        {SUBMISSION},
    ),
    "audit::draw_audit": (
        lambda c: c.draw_audit(*ON), f"draw_audit:{SUBMISSION}", {SUBMISSION},
    ),
    "audit::audit": (
        lambda c: c.audit(*ON, **values("leaf", "path")), f"audit:{SUBMISSION}", {SUBMISSION},
    ),
    "jury::challenge": (
        lambda c: c.challenge(
            *ON, **values("kind", "index", "place", "leaf", "path", "commitment", "bond")
        ),
        f"challenge:{SUBMISSION}:{number('kind')}:{number('index')}",
        {SUBMISSION},
    ),
    "jury::draw_jury": (
        lambda c: c.draw_jury(SUBMISSION, CHALLENGE), "draw_jury:c511", {SUBMISSION},
    ),
    "jury::seat_jury": (lambda c: c.seat_jury(*ON), None, {*ON, POOL}),
    "jury::resolve": (lambda c: c.resolve(*ON), None, {*ON, POOL}),
    "jury::jury_commit": (
        lambda c: c.jury_commit(*ON, challenge=CHALLENGE, **values("juror", "commitment")),
        f"jury_commit:c511:{number('juror')}",
        {SUBMISSION},
    ),
    "jury::jury_reveal": (
        lambda c: c.jury_reveal(
            *ON, challenge=CHALLENGE, **values("juror", "chain", "state_root", "salt")
        ),
        f"jury_reveal:c511:{number('juror')}",
        {SUBMISSION},
    ),
    "jury::accuser_reveal": (
        lambda c: c.accuser_reveal(
            *ON, challenge=CHALLENGE, **values("chain", "state_root", "salt")
        ),
        "accuser_reveal:c511",
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
        lambda c: c.grant_key(REQUEST, b"envelope"), f"answer:{REQUEST}", {REQUEST},
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


async def test_a_second_opening_is_another_action() -> None:
    client = Client()
    await client.open(*ON, OPENING, blinding=b"", again=True)
    assert client.sending.keys == [f"reopen:{SUBMISSION}"]


def test_every_entry_point_of_the_market_is_called_or_is_the_administrators() -> None:
    theirs = {
        "market",
        "dataset::add_version",
        "dataset::expire_key",
        "terms",
        "node::create_market",
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
        lambda c: c.exit_seat(),
        lambda c: c.withdraw_seat(),
        lambda c: c.report(*ON, seat=1),
        CALLS["attestation::attest"][0],
        CALLS["jury::jury_commit"][0],
        CALLS["jury::jury_reveal"][0],
    ],
)
async def test_without_a_seat_nothing_is_sent(act) -> None:
    client = Client(holds_cap=False)
    with pytest.raises(NotAllowed):
        await act(client)
    assert client.sending.built == []


async def test_the_beacon_is_known_only_to_calls_that_draw() -> None:
    for target, (act, _once, _touched) in CALLS.items():
        client = Client()
        await act(client)
        draws = any(isinstance(k, RandomKind) for k in TABLE[tuple(target.split("::"))].params)
        assert client.sending.random_version == (4 if draws else None), target


async def test_what_is_executed_but_not_shown_yet_is_done(caplog) -> None:
    client = Client()
    client.not_shown = ChainUnreachable("down")
    assert (await client.join(TASK, dataset=DATASET, request=REQUEST, stake=1)).digest == "d"
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
    assert client._target("task", "draw") == f"{CALLED}::task::draw"
    first = ContractClient(None, client.sending, "0x77", MARKET)
    assert first._target("task", "draw") == f"{PACKAGE}::task::draw"
    assert reads.MAX_AGE_S > reads.SETTLING_S > reads.SETTLING_AGE_S
