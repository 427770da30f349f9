"""Reads in pieces, waiting for a checkpoint, and answers that lack something."""

import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb
import pytest
import trio
from pysui.sui.sui_grpc.suimsgs.google.rpc import Status as RpcStatus

from tests.chain.fakenode import GAS, FakeNode, fake_digest, network
from tests.chain.send.parts import OURS, ref
from tests.chain.send.witness import Witness, shown
from tests.support.clocks import virtual_time
from walrusd.chain.grpc import GRPCError, Handler, Status
from walrusd.chain.nodes import methods, wire
from walrusd.chain.values.types import Change, GasUsed, OwnerKind
from walrusd.errors import ChainRefused, ChainUnreachable, ObjectNotFound, TransactionUncertain
from walrusd.units import normalize_address

pytestmark = virtual_time

LOST = GRPCError(Status.UNAVAILABLE, "lost")


@pytest.fixture
def node():
    made = FakeNode()
    made.fund(OURS, *[GAS] * 5)
    return made


async def test_many_objects_are_read_fifty_at_a_time(node):
    node.fund(OURS, *[GAS] * 116)
    async with network(node) as client:
        found = await client.get_objects([*node.coins, "0xdead"])
    assert set(found) == set(node.coins)
    assert node.calls.count("BatchGetObjects") == 3
    assert len(node.coins) + 1 == 122


async def test_no_objects_need_no_request(node):
    async with network(node) as client:
        assert await client.get_objects([]) == {}
    assert "BatchGetObjects" not in node.calls


async def test_an_object_that_could_not_be_read_is_not_one_that_does_not_exist(node):
    async def batch(request):
        error = RpcStatus(code=Status.INTERNAL.value, message="broken")
        return pb.BatchGetObjectsResponse(objects=[pb.GetObjectResult(error=error)])

    node.batch = batch
    async with network(node) as client:
        with pytest.raises(ChainUnreachable):
            await client.get_objects(["0x1"])


async def test_pages_of_owned_objects_are_joined(node):
    async with network(node) as client:
        found = await client.list_owned(OURS)
    assert [item.id for item in found] == sorted(node.coins)
    assert node.calls.count("ListOwnedObjects") == 3


async def test_versions_of_a_package_are_joined_and_in_order(node):
    pages = {
        None: ([(3, "0x73"), (1, "0x71")], b"next"),
        b"next": ([(2, "0x72")], None),
    }

    async def versions(request):
        items, token = pages[request.page_token]
        return pb.ListPackageVersionsResponse(
            versions=[pb.PackageVersion(package_id=name, version=n) for n, name in items],
            next_page_token=token,
        )

    real = node.table

    def table():
        handler = Handler(methods.LIST_VERSIONS.request, versions, False)
        return {**real(), methods.LIST_VERSIONS.route: handler}

    node.table = table
    async with network(node) as client:
        found = await client.package_versions("0x71")
    assert found == [normalize_address(f"0x7{n}") for n in (1, 2, 3)]


# --- waiting for a checkpoint ----------------------------------------------------------------


class Slow(Witness):
    """Shows a transaction from a time on, and its checkpoint from another on."""

    executed_at, sealed_at = 0.0, 0.0

    async def get_transaction(self, request):
        self.asked_at.append(trio.current_time())
        if trio.current_time() < self.executed_at:
            raise GRPCError(Status.NOT_FOUND, "not yet")
        found = shown(request.digest)
        if trio.current_time() < self.sealed_at:
            found.checkpoint = None
        return pb.GetTransactionResponse(transaction=found)


async def test_a_transaction_is_looked_for_more_and_more_rarely():
    node = Slow()
    node.executed_at, node.sealed_at = 1.0, 5.0
    async with network(node) as client:
        assert (await client.wait_visible("d")).checkpoint == 101
    pauses = [b - a for a, b in zip(node.asked_at, node.asked_at[1:], strict=False)]
    assert pauses == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1, 1, 1, 1])


async def test_a_wait_ends_when_it_is_told_to():
    node = Slow()
    node.sealed_at = 1e9
    async with network(node) as client:
        with pytest.raises(TransactionUncertain):
            await client.wait_visible("d", seconds=7)
        assert trio.current_time() == pytest.approx(7)


async def test_while_waiting_a_node_that_stands_still_is_left():
    slow, other = Slow(), Slow()
    slow.sealed_at, slow.time_s, other.time_s = 1e9, 1000, 1100
    async with network(slow, other) as client:
        assert (await client.wait_visible("d")).checkpoint == 101
        assert 10 < trio.current_time() < 12
    assert slow.calls.count("GetServiceInfo") == 2


async def test_a_trouble_that_lasts_is_not_hidden_by_waiting():
    node = Slow()

    async def broken(request):
        raise LOST

    node.get_transaction = broken
    async with network(node) as client:
        with pytest.raises(ChainUnreachable):
            await client.wait_visible("d")


# --- executing -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (LOST, TransactionUncertain),
        (GRPCError(Status.INVALID_ARGUMENT, "no"), ChainRefused),
        (GRPCError(Status.NOT_FOUND, "no such object"), ObjectNotFound),
        (pb.ExecutedTransaction(digest="d"), TransactionUncertain),  # without effects
        (None, TransactionUncertain),
    ],
)
async def test_an_execution_without_an_answer_is_uncertain(answer, expected):
    node = Witness(executes=lambda _count: answer)
    async with network(node) as client:
        with pytest.raises(expected):
            await client.execute(b"tx", bytes(97))
    assert len(node.asked_at) == 1


# --- the messages of a node ------------------------------------------------------------------


@pytest.mark.parametrize("field", ["object_id", "version", "digest"])
async def test_an_object_without_its_name_is_no_object(field):
    given = {"object_id": ref(1).id, "version": 3, "digest": "d"}
    found = wire.read_object(pb.Object(**given))
    assert (found.id, found.version, found.digest) == (ref(1).id, 3, "d")
    assert (found.owner.kind, found.type, found.contents) == (OwnerKind.UNKNOWN, "", b"")
    del given[field]
    with pytest.raises(ChainUnreachable):
        wire.read_object(pb.Object(**given))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pb.OwnerOwnerKind.ADDRESS, OwnerKind.ADDRESS),
        (pb.OwnerOwnerKind.OBJECT, OwnerKind.OBJECT),
        (pb.OwnerOwnerKind.SHARED, OwnerKind.SHARED),
        (pb.OwnerOwnerKind.IMMUTABLE, OwnerKind.IMMUTABLE),
        (pb.OwnerOwnerKind.CONSENSUS_ADDRESS, OwnerKind.CONSENSUS_ADDRESS),
        (None, OwnerKind.UNKNOWN),
    ],
)
async def test_owners_keep_their_kind(kind, expected):
    found = wire.read_owner(pb.Owner(kind=kind, address="0xa", version=4))
    assert (found.kind, found.address, found.version) == (expected, normalize_address("0xa"), 4)


IDS, OUT = pb.ChangedObjectIdOperation, pb.ChangedObjectOutputObjectState


@pytest.mark.parametrize(
    ("operation", "state", "expected"),
    [
        (IDS.CREATED, OUT.OBJECT_WRITE, Change.CREATED),
        (IDS.CREATED, OUT.PACKAGE_WRITE, Change.CREATED),
        (IDS.NONE, OUT.OBJECT_WRITE, Change.MUTATED),
        (IDS.DELETED, OUT.DOES_NOT_EXIST, Change.DELETED),
        (IDS.NONE, OUT.DOES_NOT_EXIST, Change.DELETED),  # wrapped in another
    ],
)
async def test_changes_are_told_apart(operation, state, expected):
    changed = pb.ChangedObject(
        object_id=ref(1).id,
        id_operation=operation,
        output_state=state,
        output_version=4,
        output_digest=fake_digest("x"),
        output_owner=pb.Owner(kind=pb.OwnerOwnerKind.ADDRESS, address=OURS),
        object_type="0x2::box::Box",
    )
    found = wire.read_transaction(shown("d", changed))
    assert [item.change for item in found.changed] == [expected]
    assert found.gas_used == GasUsed(GAS, 1, 1)
    assert found.success
    assert not wire.read_transaction(shown("d", success=False)).success


@pytest.mark.parametrize("garbage", ["xyz", "0x", "", "0x" + "1" * 65, "0x1g", "０x1"])
async def test_a_garbled_address_is_the_nodes_fault(garbage):
    """An untyped error would look like a bug of ours, and end whoever reads."""
    ours = pb.Owner(kind=pb.OwnerOwnerKind.ADDRESS, address=garbage)
    place = {"checkpoint": 1, "transaction_index": 0, "event_index": 0}
    reads = [
        lambda: wire.read_object(pb.Object(object_id=garbage, version=1, digest="d")),
        lambda: wire.read_transaction(
            shown("d", pb.ChangedObject(object_id=garbage, output_version=1))
        ),
    ]
    if garbage:  # an empty one is none
        reads += [
            lambda: wire.read_owner(ours),
            lambda: wire.read_event(pb.Event(event_type="E", sender=garbage)),
            lambda: wire.read_event(pb.Event(event_type="E", package_id=garbage)),
            lambda: wire.read_chain_event(pb.Event(event_type="E", sender=garbage, **place)),
        ]
    for read in reads:
        with pytest.raises(ChainUnreachable):
            read()
