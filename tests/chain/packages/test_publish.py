"""Publishing, reading and upgrading a package: what is sent, and what is made of the answers."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import trio

from tests.chain.send.parts import OURS, THEIRS, effects, ref
from walrusd.chain.layouts.objects import MarketParams, PoolParams
from walrusd.chain.nodes.own_writes import OwnWrites
from walrusd.chain.packages import publish
from walrusd.chain.packages.bytecode import Bytecode, load_bytecode
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.digests import compute_transaction_digest, decode_digest
from walrusd.chain.values.pysui_parts import bcs, pb
from walrusd.chain.values.types import (
    Change,
    ChangedObject,
    ObjectData,
    ObjectRef,
    Owner,
    OwnerKind,
)
from walrusd.errors import ChainUnreachable, ContractNotPublished, NotAllowed, ObjectNotFound
from walrusd.units import normalize_address

PACKAGE, UPGRADED, OTHER = (normalize_address(text) for text in ("0x71", "0x72", "0x73"))
CHAIN_ID = compute_transaction_digest(b"chain")
CODE = load_bytecode()
BYTECODE = Bytecode((b"\1one", b"\2two"), (normalize_address("0x1"), OTHER), bytes(range(32)))
PARAMS = MarketParams(5, 11, 19, 21, 23)
POOL = PoolParams(31, 2, 3, 5, 7, 11, 13, 17, 19)


def created(number, type_name):
    now = ref(number)
    return ChangedObject(
        now.id, 1, now.digest, Owner(OwnerKind.ADDRESS, OURS), type_name, Change.CREATED
    )


class Sender:
    """Answers with prepared effects."""

    address = OURS

    def __init__(self, *made):
        self.executed = effects(*made, digest="d")
        self.keys, self.waited, self.ptb = [], [], None

    async def submit_once(self, once, build):
        self.keys.append(once)
        self.ptb = Ptb()
        build(self.ptb)
        return self.executed

    async def wait_visible(self, digest):
        self.waited.append(digest)

    def commands(self):
        raw = self.ptb.build(OURS, [ref(99)], budget=1, price=1)
        program = bcs.TransactionData.deserialize(raw).value.TransactionKind.value
        return program.Command, program.Inputs


def object_data(number, contents=b"", owner=OURS, type_name=""):
    now = ref(number)
    return ObjectData(now.id, 1, now.digest, Owner(OwnerKind.ADDRESS, owner), type_name, contents)


# --- publishing ------------------------------------------------------------------------------


MADE = [
    created(1, "package"),
    created(2, "0x2::package::UpgradeCap"),
    created(3, f"{PACKAGE}::market::AdminCap"),
]


async def test_a_package_is_published_once_and_its_capabilities_are_ours():
    sender = Sender(*MADE)
    made = await publish.publish_package(sender, BYTECODE, once="publish:1")
    assert made == publish.NewPackage(ref(1).id, ref(2).id, ref(3).id, "d")
    assert (sender.keys, sender.waited) == (["publish:1"], ["d"])
    (command, transfer), inputs = sender.commands()
    assert [bytes(module) for module in command.value.Modules] == list(BYTECODE.modules)
    found = [address.to_address_str() for address in command.value.Dependents]
    assert found == list(BYTECODE.dependencies)
    assert transfer.enum_name == "TransferObjects"
    assert bytes(inputs[transfer.value.Address.value].value) == bytes.fromhex(OURS[2:])


@pytest.mark.parametrize("missing", range(3))
async def test_an_answer_without_what_was_created_is_no_answer(missing):
    sender = Sender(*MADE[:missing], *MADE[missing + 1 :])
    with pytest.raises(ChainUnreachable):
        await publish.publish_package(sender, BYTECODE, once="publish:1")


async def test_a_market_is_bound_to_its_chain_and_package():
    client = SimpleNamespace(get_object=lambda _id: answer(object_data(3)))
    sender = Sender(created(5, f"{PACKAGE}::market::Market"))
    made = await publish.create_market(
        client, sender, package_id=PACKAGE, admin_cap=ref(3).id, chain_id=CHAIN_ID, params=PARAMS,
        once="market:1",
    )  # fmt: skip
    assert made == publish.NewMarket(ref(5).id, "d")
    assert sender.keys == ["market:1"]
    (call,), inputs = sender.commands()
    assert call.value.Package.to_address_str() == PACKAGE
    assert (call.value.Module, call.value.Function) == ("market", "create_market")
    values = [bytes(inputs[a.value].value) for a in call.value.Arguments[1:]]
    assert values == [
        b"\x20" + decode_digest(CHAIN_ID),
        bytes.fromhex(PACKAGE[2:]),
        *(number.to_bytes(8, "little") for number in (5, 11, 19, 21, 23)),
    ]


async def test_a_pool_belongs_to_the_market_that_it_is_made_for():
    market = replace(object_data(5), owner=Owner(OwnerKind.SHARED, version=4))
    known = {ref(3).id: object_data(3), ref(5).id: market}
    client = SimpleNamespace(get_object=lambda name: answer(known[name]))
    sender = Sender(created(6, f"{PACKAGE}::node::VerifierPool"))
    made = await publish.create_pool(
        client, sender, package_id=PACKAGE, admin_cap=ref(3).id, market_id=ref(5).id, params=POOL,
        once="pool:1",
    )  # fmt: skip
    assert made == publish.NewPool(ref(6).id, "d")
    (call,), inputs = sender.commands()
    assert (call.value.Module, call.value.Function) == ("node", "create_pool")
    values = [bytes(inputs[a.value].value) for a in call.value.Arguments[2:]]
    assert values == [number.to_bytes(8, "little") for number in (31, 2, 3, 5, 7, 11, 13, 17, 19)]


async def test_another_administrators_capability_is_not_used():
    client = SimpleNamespace(get_object=lambda _id: answer(object_data(3, owner=THEIRS)))
    sender = Sender()
    with pytest.raises(NotAllowed):
        await publish.create_market(
            client, sender, package_id=PACKAGE, admin_cap=ref(3).id, chain_id=CHAIN_ID,
            params=PARAMS, once="market:1",
        )  # fmt: skip
    assert sender.keys == []


async def test_an_upgrade_is_authorised_for_exactly_its_code():
    sender = Sender(created(1, "package"))
    made = await publish.upgrade_package(
        sender, BYTECODE, package_id=PACKAGE, cap=object_data(2), policy=128, once="upgrade:1"
    )
    assert made == publish.NewVersion(ref(1).id, "d")
    (authorise, upgrade, commit), inputs = sender.commands()
    assert authorise.value.Function == "authorize_upgrade"
    _cap, policy, digest = (inputs[a.value] for a in authorise.value.Arguments)
    assert bytes(policy.value) == b"\x80"
    assert bytes(digest.value) == b"\x20" + BYTECODE.digest
    assert [bytes(module) for module in upgrade.value.Modules] == list(BYTECODE.modules)
    assert upgrade.value.Package.to_address_str() == PACKAGE
    assert commit.value.Function == "commit_upgrade"
    assert commit.value.Arguments[0].value == authorise.value.Arguments[0].value
    assert commit.value.Arguments[1].value == 1  # the receipt of the upgrade


async def answer(value):
    await trio.lowlevel.checkpoint()
    return value


def cap_bytes(package):
    return bytes(32) + bytes.fromhex(package[2:]) + (3).to_bytes(8, "little") + b"\0"


async def test_the_capability_of_one_package_is_found_among_others():
    owned = [object_data(1, cap_bytes(OTHER)), object_data(2, cap_bytes(PACKAGE))]
    client = SimpleNamespace(list_owned=lambda _owner, _type: answer(owned))
    data, cap = await publish.find_upgrade_cap(client, OURS, PACKAGE)
    assert (data, cap.package, cap.version, cap.policy) == (owned[1], PACKAGE, 3, 0)
    with pytest.raises(NotAllowed):
        await publish.find_upgrade_cap(client, OURS, UPGRADED)


# --- reading ---------------------------------------------------------------------------------


def module(code, name):
    return pb.Module(name=name, contents=code)


def package(**changes):
    given = {
        "storage_id": UPGRADED,
        "original_id": PACKAGE,
        "version": 2,
        "modules": [module(CODE.modules[0], "first")],
        "linkage": [pb.Linkage(original_id=OTHER, upgraded_id="0x1")],
    }
    return pb.Package(**{**given, **changes})


class Node:
    """Answers one request for a package, and one for the package as an object."""

    def __init__(self, shown, as_object=None):
        self.own_writes, self.endpoints = OwnWrites(), self
        self.shown, self.as_object, self.asked = shown, as_object, []

    async def ask(self, method, request, *, seconds):
        await trio.lowlevel.checkpoint()
        self.asked.append(method.route.rsplit("/", 1)[1])
        if self.shown is None:
            raise ObjectNotFound("no such package")
        if self.asked[-1] == "GetPackage":
            return pb.GetPackageResponse(package=self.shown)
        return pb.GetObjectResponse(object=pb.Object(package=self.as_object))


async def test_a_package_is_read_with_its_code():
    node = Node(package())
    found = await publish.read_package(node, "0x72")
    assert (found.id, found.original_id, found.version) == (UPGRADED, PACKAGE, 2)
    assert found.modules == {"first": CODE.modules[0]}
    assert found.dependencies == (normalize_address("0x1"),)
    assert node.asked == ["GetPackage"]


async def test_what_a_node_leaves_out_has_a_meaning():
    """A first version, asked for by its own id; its modules say which package they are of."""
    node = Node(package(storage_id=None, original_id=None, version=None))
    found = await publish.read_package(node, PACKAGE)
    assert (found.id, found.version) == (PACKAGE, 1)
    assert found.original_id == normalize_address("0x0")  # as it was compiled


@pytest.mark.parametrize(
    "shown", [package(linkage=[]), package(modules=[module(b"", "first")]), package(modules=[])]
)
async def test_code_is_also_read_from_the_object(shown):
    if not shown.modules:
        with pytest.raises(ChainUnreachable):
            await publish.read_package(Node(shown, shown), PACKAGE)
        return
    node = Node(shown, package())
    assert (await publish.read_package(node, PACKAGE)).modules == {"first": CODE.modules[0]}
    assert node.asked == ["GetPackage", "GetObject"]


async def test_a_package_that_is_not_there_was_not_published():
    with pytest.raises(ContractNotPublished):
        await publish.read_package(Node(None), PACKAGE)


async def test_a_package_that_we_published_just_now_is_waited_for(autojump_clock):
    class Late(Node):
        async def ask(self, method, request, *, seconds):
            if trio.current_time() < 1:
                self.asked.append("too early")
                raise ObjectNotFound("not yet")
            return await super().ask(method, request, seconds=seconds)

    node = Late(package())
    now = ObjectRef(UPGRADED, 1, "d")
    node.own_writes.note(
        effects(
            ChangedObject(
                now.id, 1, now.digest, Owner(OwnerKind.IMMUTABLE), "package", Change.CREATED
            )
        )
    )
    assert (await publish.read_package(node, UPGRADED)).version == 2
    assert node.asked.count("too early") == 4
