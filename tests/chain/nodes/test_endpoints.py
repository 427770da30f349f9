"""Which node is asked: a failing one comes last from then on, and a strange one never answers."""

import pytest
import trio

from tests.chain.fakenode import CHAIN, FakeNode, fake_digest, network
from tests.support.clocks import virtual_time
from walrusd.chain.grpc import GRPCError, Status
from walrusd.chain.nodes import endpoints as module
from walrusd.chain.nodes import methods
from walrusd.chain.nodes.endpoints import SERVICE_INFO, Endpoints, matches_chain
from walrusd.chain.values.pysui_parts import pb
from walrusd.errors import ChainRefused, ChainUnreachable, ObjectNotFound, WrongNetwork

pytestmark = virtual_time

DOWN = GRPCError(Status.UNAVAILABLE, "down")
NO_METHOD = GRPCError(Status.UNIMPLEMENTED, "none")
REFUSED = GRPCError(Status.INVALID_ARGUMENT, "no")
EPOCH = pb.GetEpochRequest()


def asked(node, name="GetEpoch"):
    return node.calls.count(name)


@pytest.fixture
def nodes():
    return [FakeNode(epoch=epoch) for epoch in (1, 2, 3)]


def current(client):
    return client.endpoints.current.name.partition(":")[0]


async def test_a_node_that_failed_is_no_longer_asked_first(nodes):
    async with network(*nodes) as client:
        nodes[0].fail_next("GetEpoch", DOWN)
        assert [(await client.epoch()).number for _ in range(3)] == [2, 2, 2]
        assert current(client) == "node-1"
    assert [asked(node) for node in nodes] == [1, 3, 0]


async def test_failing_nodes_are_left_one_after_the_other_and_the_first_comes_again(nodes):
    async with network(*nodes) as client:
        for place in range(3):
            assert (await client.epoch()).number == place + 1
            nodes[place].fail_next("GetEpoch", DOWN)
        assert (await client.epoch()).number == 1


@pytest.mark.parametrize(("fault", "moves"), [(DOWN, True), (NO_METHOD, True), (REFUSED, False)])
async def test_a_refusal_is_no_failure_of_the_node(nodes, fault, moves):
    async with network(*nodes) as client:
        nodes[0].fail_next("GetEpoch", fault)
        if moves:
            assert (await client.epoch()).number == 2
        else:
            with pytest.raises(ChainRefused):
                await client.epoch()
        assert current(client) == ("node-1" if moves else "node-0")
    assert asked(nodes[1]) == moves


async def test_only_the_preferred_node_can_lose_its_place(nodes):
    async with network(*nodes) as client:
        endpoints = client.endpoints
        endpoints.fail(endpoints.nodes[1])
        assert current(client) == "node-0"
        assert not endpoints.nodes[1].checked
        endpoints.leave(endpoints.nodes[0], "is tired")
        assert current(client) == "node-1"


async def test_a_single_node_is_kept(caplog):
    async with network(FakeNode()) as client:
        client.endpoints.fail(client.endpoints.current)
        assert current(client) == "node-0"
    assert "using" not in caplog.text


async def test_each_node_is_asked_twice_with_a_pause_between(nodes):
    async with network(*nodes) as client:
        for node in nodes:
            node.fail_next("GetEpoch", DOWN, DOWN, DOWN)
        with pytest.raises(ChainUnreachable):
            await client.epoch()
        assert [asked(node) for node in nodes] == [2, 2, 2]
        # One pause of a quarter of a second, jittered.
        assert 0.125 <= trio.current_time() <= 0.375


async def test_a_node_that_recovers_answers_in_the_second_round(nodes):
    async with network(*nodes) as client:
        for node in nodes:
            node.fail_next("GetEpoch", DOWN)
        assert (await client.epoch()).number in {1, 2, 3}
        assert sum(map(asked, nodes)) == 4


async def test_the_number_of_rounds_may_be_given(nodes):
    async with network(*nodes) as client:
        for node in nodes:
            node.fail_next("GetEpoch", DOWN, DOWN)
        with pytest.raises(ChainUnreachable):
            await client.endpoints.ask(methods.GET_EPOCH, EPOCH, seconds=5, rounds=1)
        assert [asked(node) for node in nodes] == [1, 1, 1]
        assert trio.current_time() == 0


async def test_a_method_that_no_node_has_is_asked_for_once(nodes):
    async with network(*nodes) as client:
        for node in nodes:
            node.fail_next("GetEpoch", NO_METHOD, NO_METHOD)
        with pytest.raises(ChainRefused):
            await client.epoch()
        assert [asked(node) for node in nodes] == [1, 1, 1]


async def test_a_method_that_a_node_lacked_is_tried_there_after_five_minutes(nodes):
    async with network(*nodes[:1]) as client:
        node = client.endpoints.current
        route = methods.GET_EPOCH.route
        assert not node.lacks(route)
        node.note_lack(route)
        await trio.sleep(299.99)
        assert node.lacks(route)
        assert not node.lacks(SERVICE_INFO.route)
        await trio.sleep(0.01)
        assert not node.lacks(route)


async def test_what_may_have_an_effect_is_asked_of_one_node(nodes):
    """It may have been executed: the next attempt sends the same bytes, and decides where."""
    async with network(*nodes) as client:
        nodes[0].fail_next("GetEpoch", DOWN)
        with pytest.raises(ChainUnreachable):
            await client.endpoints.ask_once(methods.GET_EPOCH, EPOCH, seconds=5)
        assert [asked(node) for node in nodes] == [1, 0, 0]
        assert current(client) == "node-1"


@pytest.mark.parametrize(
    ("status", "expected"),
    [(Status.NOT_FOUND, ObjectNotFound), (Status.INVALID_ARGUMENT, ChainRefused)],
)
async def test_an_answer_to_what_is_asked_once_keeps_the_node(nodes, status, expected):
    async with network(*nodes) as client:
        nodes[0].fail_next("GetEpoch", GRPCError(status, "no"))
        with pytest.raises(expected):
            await client.endpoints.ask_once(methods.GET_EPOCH, EPOCH, seconds=5)
        assert current(client) == "node-0"


async def test_what_is_asked_once_passes_over_a_node_without_the_method(nodes):
    async with network(*nodes) as client:
        nodes[0].fail_next("GetEpoch", NO_METHOD)
        reply = await client.endpoints.ask_once(methods.GET_EPOCH, EPOCH, seconds=5)
        assert reply.epoch.epoch == 2


async def test_a_ready_node_is_not_one_to_be_avoided(nodes):
    async with network(*nodes) as client:
        names = [node.name for node in client.endpoints.nodes]
        ready = await client.endpoints.ready(avoid={names[0]})
        assert ready.name == names[1]
        assert (await client.endpoints.ready(avoid=set(names))).name == names[0]
        ready.note_lack(methods.LIST_EVENTS.route)
        # One that lacks the method is worse than one to be avoided.
        found = await client.endpoints.ready(methods.LIST_EVENTS.route, avoid={names[0], names[2]})
        assert found.name == names[0]


# --- the chain -------------------------------------------------------------------------------


async def test_a_chain_is_named_by_its_digest_or_its_first_four_bytes():
    short = module.base58.b58decode(CHAIN)[:4].hex()
    assert matches_chain(CHAIN, CHAIN)
    assert matches_chain(CHAIN, short)
    assert matches_chain(CHAIN, short.upper())
    assert not matches_chain(CHAIN, short[:-1])
    assert not matches_chain(CHAIN, CHAIN[:-1])
    assert not matches_chain(CHAIN, "")
    assert not matches_chain(CHAIN, fake_digest("another"))


@pytest.mark.parametrize(
    "strange", ["", "0OIl", "not base58!", "４c78adac", fake_digest("another")]
)
async def test_a_node_of_another_chain_is_passed_over(nodes, strange):
    nodes[0].chain_id = strange
    async with network(*nodes, chain_id=CHAIN) as client:
        assert (await client.epoch()).number == 2
        assert current(client) == "node-1"
        assert not client.endpoints.nodes[-1].checked
    assert asked(nodes[0]) == 0


async def test_nodes_of_another_chain_are_no_outage(nodes):
    for node in nodes:
        node.chain_id = fake_digest("another")
    async with network(*nodes, chain_id=CHAIN) as client:
        with pytest.raises(WrongNetwork):
            await client.epoch()


async def test_an_outage_is_one_although_another_node_is_of_another_chain(nodes):
    nodes[0].chain_id = fake_digest("another")
    async with network(*nodes[:2], chain_id=CHAIN) as client:
        nodes[1].fail_next("GetEpoch", *[DOWN] * 9)
        with pytest.raises(ChainUnreachable) as caught:
            await client.epoch()
        assert "node-0" in caught.value.hint


async def test_without_a_name_the_first_node_decides(nodes):
    nodes[1].chain_id = fake_digest("another")
    async with network(*nodes) as client:
        assert await client.endpoints.find_chain() == CHAIN
        nodes[0].fail_next("GetEpoch", DOWN)
        assert (await client.epoch()).number == 3


async def test_a_node_is_asked_for_its_chain_once(nodes):
    async with network(*nodes) as client:
        for _ in range(3):
            await client.epoch()
        assert asked(nodes[0], "GetServiceInfo") == 1
        nodes[0].fail_next("GetEpoch", DOWN)
        await client.epoch()
        client.endpoints.fail(client.endpoints.current)
        client.endpoints.fail(client.endpoints.current)
        await client.epoch()
        # It failed in between, and another may be behind its address now.
        assert asked(nodes[0], "GetServiceInfo") == 2


async def test_archives_serve_the_chain_of_the_nodes(nodes):
    async with network(nodes[0]) as client, network(nodes[1], nodes[2]) as other:
        other.endpoints._chain_of = client.endpoints
        nodes[1].chain_id = fake_digest("another")
        assert (await other.epoch()).number == 3


# --- nodes that stand still ------------------------------------------------------------------


@pytest.mark.parametrize(("behind", "leaves"), [(14, False), (15, True), (16, True)])
async def test_a_node_that_is_behind_is_left(nodes, behind, leaves):
    for node, seconds in zip(nodes, (1000, 1000 + behind, 900), strict=True):
        node.time_s = seconds
    async with network(*nodes) as client:
        assert await client.endpoints.leave_stale() is leaves
        assert current(client) == ("node-1" if leaves else "node-0")


async def test_the_newest_node_is_preferred(nodes):
    for node, seconds in zip(nodes, (1000, 1100, 1200), strict=True):
        node.time_s = seconds
    async with network(*nodes) as client:
        assert await client.endpoints.leave_stale()
        assert current(client) == "node-2"
        assert not await client.endpoints.leave_stale()


async def test_a_node_that_does_not_say_how_new_it_is_is_left(nodes):
    for node, seconds in zip(nodes, (1000, 1000, 1000), strict=True):
        node.time_s = seconds
    nodes[0].fail_next("GetServiceInfo", *[DOWN] * 9)
    async with network(*nodes) as client:
        assert await client.endpoints.leave_stale()
        assert current(client) == "node-1"


async def test_if_no_node_says_so_the_preferred_one_stays(nodes):
    for node in nodes:
        node.fail_next("GetServiceInfo", *[DOWN] * 9)
    async with network(*nodes) as client:
        assert not await client.endpoints.leave_stale()
        assert current(client) == "node-0"


# --- one by one ------------------------------------------------------------------------------


async def test_each_node_can_be_asked_by_itself_the_preferred_one_first(nodes):
    async with network(*nodes) as client:
        client.endpoints.leave(client.endpoints.current, "is tired")
        assert len(client.endpoints) == 3
        found = [(await one.epoch()).number for one in client.each()]
        assert found == [2, 3, 1]
        assert [len(one.endpoints) for one in client.each()] == [1, 1, 1]


async def test_what_is_learnt_of_a_node_by_itself_is_known_of_it(nodes):
    async with network(*nodes) as client:
        node = client.endpoints.nodes[2]
        await client.at(node).epoch()
        assert node.checked
        assert not client.endpoints.current.checked


async def test_there_must_be_a_node():
    with pytest.raises(ValueError, match="no Sui endpoints"):
        Endpoints([])
