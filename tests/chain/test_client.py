"""Typed reads, failover, and the check that it is the right network."""

import json

import base58
import pytest
import trio

from walrusd.chain.grpc import BadRequest, FieldViolation, GRPCError, Status
from walrusd.chain.nodes.connect import open_client
from walrusd.chain.values.types import (
    Abort,
    Change,
    ChangedObject,
    Event,
    ExecutedTransaction,
    GasUsed,
    ObjectRef,
    Owner,
    OwnerKind,
)
from walrusd.errors import (
    ChainRefused,
    ChainUnreachable,
    ConfigError,
    ObjectNotFound,
    WrongNetwork,
)

from .fakenode import CHAIN, PKG, FakeNode, network

ME = "0x" + "11" * 32
DOWN = GRPCError(Status.UNAVAILABLE, "down")


@pytest.fixture
def node():
    fake = FakeNode()
    fake.fund(ME, 30, 20, 10)
    return fake


async def test_reads(node, autojump_clock):
    ids = list(node.coins)
    async with network(node) as client:
        info = await client.service_info()
        assert (info.chain_id, info.epoch, info.checkpoint) == (CHAIN, 5, 100)
        epoch = await client.epoch()
        assert (epoch.number, epoch.reference_gas_price) == (5, 100)
        coin = await client.get_object(ids[0])
        assert coin.owner == Owner(OwnerKind.ADDRESS, ME)
        assert coin.contents[32:] == (30).to_bytes(8, "little")
        assert coin.ref.version == 100
        assert coin.initial_shared_version is None
        with pytest.raises(ValueError, match="not a shared"):
            coin.shared_ref()
        beacon = await client.get_object("0x8")
        assert beacon.shared_ref(mutable=False).initial_version == 4
        found = await client.get_objects([*ids, "0xdead"])
        assert list(found) == ids
        owned = await client.list_owned(ME)
        assert sorted(item.id for item in owned) == sorted(ids)
        assert await client.balance(ME) == 60
        function = await client.get_function(PKG, "market", "join")
        assert (function.name, function.parameters, function.is_public) == ("join", 2, True)


async def test_what_does_not_exist_is_not_found(node, autojump_clock):
    async with network(node) as client:
        with pytest.raises(ObjectNotFound):
            await client.get_object("0xdead")
        with pytest.raises(ObjectNotFound):
            await client.get_transaction("nothing")


async def test_a_refusal_is_raised_immediately_with_its_status(node, autojump_clock):
    async with network(node, FakeNode()) as client:
        node.fail_next("GetEpoch", GRPCError(Status.INVALID_ARGUMENT, "bad mask"))
        with pytest.raises(ChainRefused, match="bad mask") as caught:
            await client.epoch()
        assert caught.value.fields["status"] == "INVALID_ARGUMENT"
        with pytest.raises(ChainRefused):
            await client.package_versions(PKG)  # neither node has this method


async def test_the_next_node_is_asked_and_kept(node, autojump_clock):
    other = FakeNode(epoch=6)
    async with network(node, other) as client:
        assert (await client.epoch()).number == 5
        node.fail_next("GetEpoch", DOWN)
        assert (await client.epoch()).number == 6
        assert (await client.epoch()).number == 6


async def test_a_connection_cut_is_not_noticed_by_readers(node, autojump_clock):
    async with network(node) as client:
        assert (await client.epoch()).number == 5
        await node.streams[-1].aclose()
        assert (await client.epoch()).number == 5
        assert len(node.streams) == 2


async def test_when_no_node_answers_the_chain_is_unreachable(node, autojump_clock):
    async with network(node) as client:
        node.fail_next("GetEpoch", *[DOWN] * 9)
        with pytest.raises(ChainUnreachable, match="down"):
            await client.epoch()


async def test_a_silent_node_is_left_in_time(node, autojump_clock):
    other = FakeNode(epoch=6)

    async def hang(request):
        await trio.sleep_forever()

    node.get_epoch = hang
    async with network(node, other) as client:
        start = trio.current_time()
        assert (await client.epoch()).number == 6
        assert trio.current_time() - start < 30


STRANGE = base58.b58encode(bytes(32)).decode()


async def test_another_chain_is_refused(node, autojump_clock):
    for wanted in (CHAIN, base58.b58decode(CHAIN)[:4].hex()):
        async with network(node, chain_id=wanted) as client:
            await client.epoch()
    async with network(node, chain_id="35834a8a") as client:
        with pytest.raises(WrongNetwork, match="35834a8a"):
            await client.epoch()
        with pytest.raises(WrongNetwork):
            await client.execute(b"", b"")


async def test_a_strange_node_is_never_used_and_hides_no_other(node, autojump_clock, caplog):
    stranger = FakeNode(chain_id=STRANGE, epoch=99)
    async with network(stranger, node, chain_id=CHAIN) as client:
        assert (await client.epoch()).number == 5
        node.fail_next("GetEpoch", DOWN)
        assert (await client.epoch()).number == 5
        node.fail_next("GetEpoch", *[DOWN] * 9)
        with pytest.raises(ChainUnreachable) as caught:
            await client.epoch()
        assert STRANGE in caught.value.hint
        assert "GetEpoch" not in stranger.calls


async def test_a_node_that_changes_its_chain_is_noticed(node, autojump_clock):
    async with network(node) as client:
        await client.epoch()
        node.chain_id = STRANGE
        node.fail_next("GetEpoch", DOWN)
        with pytest.raises(WrongNetwork, match=STRANGE):
            await client.epoch()


async def test_a_node_that_stopped_is_left(node, autojump_clock):
    other = FakeNode(epoch=6)
    node.time_s, other.time_s = 1_000, 1_010
    async with network(node, other) as client:
        assert not await client.endpoints.leave_stale()
        other.time_s = 1_020
        assert await client.endpoints.leave_stale()
        assert (await client.epoch()).number == 6
        assert not await client.endpoints.leave_stale()
        other.fail_next("GetServiceInfo", DOWN)
        assert await client.endpoints.leave_stale()  # it does not even answer
        assert (await client.epoch()).number == 5


async def test_a_refusal_names_the_field(node, autojump_clock):
    violation = FieldViolation("owner", "not an address", "FIELD_INVALID")
    error = GRPCError(Status.INVALID_ARGUMENT, "bad request", [BadRequest([violation])])
    async with network(node) as client:
        node.fail_next("GetEpoch", error)
        with pytest.raises(ChainRefused, match="owner: not an address"):
            await client.epoch()


@pytest.mark.parametrize("urls", [[], ["127.0.0.1:9000"], ["http://ok", "nonsense"]])
async def test_bad_urls_are_a_configuration_error(urls):
    with pytest.RaisesGroup(ConfigError):
        async with open_client(urls):
            pass


def test_a_transaction_survives_json():
    shared = Owner(OwnerKind.SHARED, None, 4)
    transaction = ExecutedTransaction(
        digest="d",
        success=False,
        error="MOVE_ABORT",
        abort=Abort("0x1", "market", "join", 7, "ETooLate"),
        gas_used=GasUsed(1, 2, 3),
        gas_object=ObjectRef("0x2", 3, "x"),
        changed=(
            ChangedObject("0x3", 4, "y", shared, f"{PKG}::task::Task", Change.CREATED),
            ChangedObject("0x5", 4, "", None, "", Change.DELETED),
        ),
        events=(Event(f"{PKG}::events::Joined", b"\x00\xff", "0x6", PKG, "task"),),
        checkpoint=9,
    )
    again = ExecutedTransaction.from_json(json.loads(json.dumps(transaction.to_json())))
    assert again == transaction
    assert [item.id for item in again.created("task::Task")] == ["0x3"]
    assert again.created("Task") == again.created(f"{PKG}::task::Task")
    assert again.created("ask") == ()
    assert again.emitted("events::Joined")[0].contents == b"\x00\xff"
