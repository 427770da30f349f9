"""Reads wait for what we wrote: long enough, not longer, and for nothing else."""

import pytest
import trio

from tests.chain.send.parts import OURS, THEIRS, changed, effects, ref
from tests.support.clocks import virtual_time
from walrusd.chain.nodes.own_writes import PATIENCE_S, OwnWrites
from walrusd.chain.values.types import SUI_COIN_TYPE, Change

pytestmark = virtual_time

BOX = "0x2::box::Box"


def box(number, version=2, **fields):
    return changed(number, version, type_name=BOX, **fields)


class Node:
    """Shows versions of objects, the last ones for ever."""

    def __init__(self, *shown):
        self.shown = [{ref(number).id: version for number, version in s.items()} for s in shown]
        self.asked_at = []

    async def ask(self):
        await trio.lowlevel.checkpoint()
        self.asked_at.append(trio.current_time())
        return self.shown.pop(0) if len(self.shown) > 1 else self.shown[0]

    async def read(self, writes, *numbers):
        return await writes.read([ref(n).id for n in numbers], self.ask, lambda found: found)


@pytest.mark.parametrize(
    ("shown", "asked"), [({1: 5}, 1), ({1: 6}, 1), ({1: 4}, None), ({}, None), ({2: 9}, None)]
)
async def test_an_answer_as_new_as_our_change_is_taken(shown, asked):
    writes, node = OwnWrites(), Node(shown, {1: 7})
    writes.note(effects(box(1, 5)))
    await node.read(writes, 1)
    assert len(node.asked_at) == (asked or 2)
    assert node.asked_at == [0, 0.25][: asked or 2]


async def test_an_older_answer_is_believed_after_a_while():
    """Another party may have taken or deleted the object."""
    writes, node = OwnWrites(), Node({})
    writes.note(effects(box(1, 5)))
    assert await node.read(writes, 1) == {}
    assert node.asked_at[-1] == PATIENCE_S
    assert len(node.asked_at) == 1 + PATIENCE_S / 0.25
    assert await node.read(writes, 1) == {}
    assert node.asked_at[-2:] == [PATIENCE_S, PATIENCE_S]


async def test_objects_that_we_did_not_change_are_not_waited_for():
    writes, node = OwnWrites(), Node({})
    writes.note(effects(box(1, 5)))
    await node.read(writes, 2, 3)
    await node.read(writes)
    assert node.asked_at == [0, 0]


async def test_the_newest_of_our_changes_counts():
    writes, node = OwnWrites(), Node({1: 5}, {1: 8})
    for version in (8, 5):
        writes.note(effects(box(1, version)))
    await node.read(writes, 1)
    assert node.asked_at == [0, 0.25]


async def test_a_later_change_is_waited_for_as_long_as_the_first():
    writes = OwnWrites()
    writes.note(effects(box(1, 5)))
    await trio.sleep(PATIENCE_S - 1)
    writes.note(effects(box(1, 6)))
    await trio.sleep(PATIENCE_S - 0.5)
    assert writes.owned_by(OURS, None) == [ref(1).id]
    await trio.sleep(0.5)
    writes.note(effects())
    assert writes.owned_by(OURS, None) == []


async def test_what_was_deleted_is_not_waited_for():
    writes, node = OwnWrites(), Node({})
    writes.note(effects(box(1, 5)))
    writes.note(effects(box(1, 6, owner=None, change=Change.DELETED)))
    await node.read(writes, 1)
    assert node.asked_at == [0]


async def test_coins_are_known_from_the_validators():
    writes, node = OwnWrites(), Node({})
    writes.note(effects(changed(1, 5, type_name=SUI_COIN_TYPE)))
    await node.read(writes, 1)
    assert node.asked_at == [0]


async def test_what_an_address_owns_is_of_one_type_or_of_all():
    writes = OwnWrites()
    writes.note(
        effects(
            box(1),
            changed(2, type_name="0x2::cap::Cap"),
            box(3, owner=THEIRS),
            box(4, owner=None),
        )
    )
    assert writes.owned_by(OURS, None) == [ref(1).id, ref(2).id]
    assert writes.owned_by(OURS, BOX) == [ref(1).id]
    assert writes.owned_by(OURS, "0x2::none::None") == []
    assert writes.owned_by(THEIRS, BOX) == [ref(3).id]


async def test_all_objects_of_an_answer_must_be_new_enough():
    writes, node = OwnWrites(), Node({1: 5}, {1: 5, 2: 4}, {2: 6})
    writes.note(effects(box(1, 5), box(2, 6)))
    await node.read(writes, 1, 2)
    assert node.asked_at == [0, 0.25, 0.5]
