"""Objects of the market, and how long a copy of one is good for; in virtual time."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import pytest
import trio

from tests.support.clocks import virtual_time
from tests.support.market.bench import (
    DATASET,
    MARKET,
    PACKAGE,
    POOL,
    REQUEST,
    SUBMISSION,
    TASK,
    Network,
)
from walrusd.chain.calls.reads import (
    MAX_AGE_S,
    SETTLING_AGE_S,
    SETTLING_S,
    MarketReader,
    SeatId,
)
from walrusd.chain.layouts import objects as ob
from walrusd.chain.values.types import RANDOM_ID, ObjectData, Owner, OwnerKind
from walrusd.errors import ObjectNotFound, ObjectUnreadable
from walrusd.units import Mist, normalize_address

pytestmark = virtual_time

ME, THEM = normalize_address("0xa11ce"), normalize_address("0xb0b")
SHARED = Owner(OwnerKind.SHARED, None, 3)


class Node:
    """Shows objects, and notes what it is asked for."""

    def __init__(self):
        net = Network()
        net.join(ME)
        net.grant(ME, bytes([9]) * 32)
        self.shown = {
            key: self.make(value, key)
            for key, value in net.objects.items()
            if isinstance(value, ob.SHARED_OBJECTS)
        }
        self.owned, self.asked = [], []
        self.reading = None

    @staticmethod
    def make(value, key, *, owner=SHARED, version=4, package=PACKAGE):
        name = f"{package}::{value.MODULE}::{type(value).__name__}"
        return ObjectData(key, version, "d", owner, name, value.to_bcs())

    async def get_object(self, object_id):
        await trio.lowlevel.checkpoint()
        self.asked.append(object_id)
        if object_id not in self.shown:
            raise ObjectNotFound(f"no {object_id}")
        found = copy.deepcopy(self.shown[object_id])
        if self.reading is not None:
            await self.reading()
        return found

    async def get_objects(self, ids):
        await trio.lowlevel.checkpoint()
        self.asked.append(sorted(ids))
        return {i: self.shown[i] for i in ids if i in self.shown}

    async def list_owned(self, owner, type_name):
        await trio.lowlevel.checkpoint()
        return [
            data for data in self.owned if data.owner.address == owner and data.type == type_name
        ]

    async def balance(self, owner):
        await trio.lowlevel.checkpoint()
        return Mist(7) if owner == ME else Mist(0)


@pytest.fixture
def node():
    return Node()


@pytest.fixture
def reader(node):
    return MarketReader(node, PACKAGE, MARKET, (POOL,))


async def test_each_object_is_read_as_what_it_is(node, reader):
    assert (await reader.market()).id == MARKET
    assert (await reader.task(TASK)).id == TASK
    assert (await reader.submission(SUBMISSION)).contributor == ME
    assert (await reader.dataset(DATASET)).id == DATASET
    assert (await reader.request(REQUEST)).requester == ME
    assert (await reader.pool(POOL)).market == MARKET
    assert await reader.balance(ME) == 7


async def test_an_object_of_another_kind_is_not_taken_for_one(node, reader):
    with pytest.raises(ObjectNotFound):
        await reader.task(DATASET)
    await reader.dataset(DATASET)
    with pytest.raises(ObjectNotFound):  # also from a copy
        await reader.task(DATASET)
    node.shown[TASK] = replace(node.shown[TASK], type=f"{THEM}::task::Task")
    with pytest.raises(ObjectNotFound):
        await reader.task(TASK)


async def test_bytes_of_another_layout_are_no_object(node, reader):
    node.shown[TASK] = replace(node.shown[TASK], contents=node.shown[TASK].contents[:-1])
    with pytest.raises(ObjectUnreadable):
        await reader.task(TASK)
    assert await reader.read_many(ob.Task, [TASK]) == {}


# --- copies ----------------------------------------------------------------------------------


async def count_reads(node, reader, seconds):
    await trio.sleep(seconds)
    before = len(node.asked)
    await reader.task(TASK)
    return len(node.asked) - before


async def test_a_copy_is_good_until_it_is_old(node, reader):
    found = [await count_reads(node, reader, s) for s in (0, MAX_AGE_S - 0.01, 0.01, 1)]
    assert found == [1, 0, 1, 0]


async def test_a_copy_that_was_forgotten_is_read_again(node, reader):
    await reader.task(TASK)
    await reader.dataset(DATASET)
    reader.forget(TASK)
    assert await count_reads(node, reader, 0) == 1
    node.asked.clear()
    await reader.dataset(DATASET)
    assert node.asked == []


async def test_a_copy_that_may_lack_a_change_is_soon_read_again(node, reader):
    """The node may be another than the one that told of the change."""
    await reader.task(TASK)
    reader.forget(TASK)
    pauses = (0, SETTLING_AGE_S - 0.01, 0.01)
    assert [await count_reads(node, reader, s) for s in pauses] == [1, 0, 1]


async def test_a_node_that_shows_no_change_for_a_while_is_believed(node, reader):
    await reader.task(TASK)
    reader.forget(TASK)
    assert await count_reads(node, reader, SETTLING_S - 0.01) == 1
    assert await count_reads(node, reader, SETTLING_AGE_S) == 1
    assert await count_reads(node, reader, MAX_AGE_S - 0.01) == 0


async def test_from_the_end_of_that_while_on_a_copy_is_as_good_as_any(node, reader):
    await reader.task(TASK)
    reader.forget(TASK)
    assert await count_reads(node, reader, SETTLING_S) == 1
    assert await count_reads(node, reader, SETTLING_AGE_S) == 0


async def test_a_newer_version_shows_the_change(node, reader):
    await reader.task(TASK)
    reader.forget(TASK)
    node.shown[TASK] = replace(node.shown[TASK], version=5)
    assert [await count_reads(node, reader, s) for s in (0, MAX_AGE_S - 0.01)] == [1, 0]


async def test_an_object_that_changes_while_it_is_read_is_not_kept(node, reader):
    async def change():
        await trio.lowlevel.checkpoint()
        reader.forget(TASK)
        node.reading = None

    node.reading = change
    assert [await count_reads(node, reader, 0) for _ in range(3)] == [1, 1, 0]


async def test_many_objects_are_read_at_once_and_fresh_copies_not_again(node, reader):
    await reader.task(TASK)
    node.asked.clear()
    found = await reader.read_many(ob.Task, [TASK])
    assert (list(found), node.asked) == ([TASK], [])
    await trio.sleep(MAX_AGE_S)
    short = "0x" + TASK.removeprefix("0x").lstrip("0")
    assert list(await reader.read_many(ob.Task, [short])) == [TASK]
    assert node.asked == [[TASK]]


async def test_strange_objects_hide_no_others_and_are_named_once(node, reader, caplog):
    for _twice in range(2):
        found = await reader.read_many(ob.Task, [DATASET, TASK, "0xdead"])
        assert list(found) == [TASK]
        await trio.sleep(MAX_AGE_S)
    assert caplog.text.count(f"ignoring object {DATASET}") == 1
    assert caplog.text.count("does not exist") == 1
    await reader.dataset(DATASET)
    assert await reader.read_many(ob.Task, [DATASET]) == {}


# --- references ------------------------------------------------------------------------------


async def test_a_shared_object_is_asked_for_its_first_version_once(node, reader):
    for _twice in range(2):
        found = await reader.shared_ref(TASK)
        assert (found.id, found.initial_version, found.mutable) == (TASK, 3, True)
        await trio.sleep(10 * MAX_AGE_S)
        reader.forget(TASK)  # it never changes
    assert node.asked == [TASK]


async def test_what_was_read_need_not_be_asked_for_its_version(node, reader):
    await reader.task(TASK)
    node.asked.clear()
    assert (await reader.shared_ref(TASK)).initial_version == 3
    assert node.asked == []


async def test_an_object_that_is_not_shared_has_no_shared_reference(node, reader):
    node.shown[TASK] = replace(node.shown[TASK], owner=Owner(OwnerKind.ADDRESS, ME, 3))
    with pytest.raises(ObjectNotFound):
        await reader.shared_ref(TASK)


async def test_the_beacon_has_the_version_of_this_network(node, reader):
    node.shown[RANDOM_ID] = SimpleNamespace(id=RANDOM_ID, initial_shared_version=12)
    assert await reader.random_version() == 12


def capability(value, number, owner=ME):
    key = normalize_address(f"0xca{number}")
    return Node.make(value, key, owner=Owner(OwnerKind.ADDRESS, owner))


def verifier_cap(pool, number, *, market=MARKET, generation=1, **fields):
    name = normalize_address(f"0xca{number}")
    value = ob.VerifierCap(name, market, pool, number, generation, b"one", b"two")
    return capability(value, number, **fields)


async def test_seats_are_those_of_this_market_each_by_its_generation(node, reader):
    assert await reader.verifier_caps(ME) == []
    node.owned = [
        verifier_cap(THEM, 4),
        verifier_cap(POOL, 1, market=THEM),
        verifier_cap(POOL, 2, generation=3),
        verifier_cap(POOL, 3, owner=THEM),
    ]
    assert [cap.pool for _ref, cap in await reader.verifier_caps(ME)] == sorted([POOL, THEM])
    found = await reader.find_cap(ME, SeatId(POOL, 2, 3))
    assert found is not None
    assert (found[0], found[1].pk1) == (node.owned[2].ref, b"one")
    for owner, seat in (
        (ME, SeatId(POOL, 2, 2)),
        (ME, SeatId(POOL, 1, 1)),
        (THEM, SeatId(POOL, 2, 3)),
    ):
        assert await reader.find_cap(owner, seat) is None


async def test_a_seat_that_was_left_is_nobodys(node, reader):
    bench = Network()
    held = bench.register(ME)
    node.shown[POOL] = node.make(bench.pool, POOL)
    found = await reader.seat(held)
    assert found is not None
    assert found.verifier == ME
    assert await reader.seat(SeatId(POOL, held.index, 2)) is None
    assert await reader.seat(SeatId(POOL, held.index + 1, 1)) is None


async def test_only_the_owners_pools_are_listed_in_their_order(node):
    two = MarketReader(node, PACKAGE, MARKET, (THEM, POOL))
    assert [pool.id for pool in await two.pools()] == [POOL]  # the other one does not exist


async def test_a_publishers_capability_is_that_of_one_task(node, reader):
    def cap(task, number):
        value = ob.PublisherCap(normalize_address(f"0xca{number}"), task)
        return capability(value, number)

    node.owned = [cap(SUBMISSION, 1), cap(TASK, 2)]
    assert await reader.publisher_cap(ME, TASK) == node.owned[1].ref
    for owner, task in ((THEM, TASK), (ME, DATASET)):
        with pytest.raises(ObjectNotFound):
            await reader.publisher_cap(owner, task)
