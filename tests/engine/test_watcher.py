"""What the daemon learns from events, once each."""

from pathlib import Path

import pytest

from tests.support.market.bench import DATASET, NOW, PACKAGE, TASK, Network
from walrusd.chain.follow.follower import Cursor
from walrusd.chain.layouts import events as ev
from walrusd.chain.values.types import ChainEvent
from walrusd.engine.chain_watcher import ChainWatcher
from walrusd.market.case import read_cases, read_tasks
from walrusd.units import normalize_address

OTHER = normalize_address("0x55")


def _raw(event, position: int = 0, package: str = PACKAGE) -> ChainEvent:
    return ChainEvent(
        type=f"{package}::events::{type(event).__name__}",
        contents=event.to_bcs(),
        sender=OTHER,
        package=package,
        module="m",
        checkpoint=5,
        transaction_index=0,
        event_index=position,
        transaction="digest",
    )


def _requested(request: str, requester: str) -> ev.KeyRequested:
    return ev.KeyRequested(request, DATASET, 1, OTHER, requester, bytes(32), 2, TASK, NOW)


@pytest.fixture
def tools(tmp_path: Path):
    with Network().daemon(tmp_path, "d") as opened:
        yield opened


async def test_an_event_has_its_effect_once(tools) -> None:
    watcher = ChainWatcher(tools, None)
    event = ev.SubmissionJoined(TASK, OTHER, tools.address, DATASET, 1, 5, 1, NOW)
    for _time in range(2):
        await watcher._handle([_raw(event)], Cursor())
    assert len(tools.chain_log.events("SubmissionJoined")) == 1
    assert tools.wakeup.count == 1
    assert [k.parent for k in tools.chain_log.known("submission") if k.id == OTHER] == [TASK]


async def test_unknown_and_foreign_events_are_passed_over(tools) -> None:
    watcher = ChainWatcher(tools, None)
    event = ev.SubmissionJoined(TASK, OTHER, tools.address, DATASET, 1, 5, 1, NOW)
    foreign = _raw(event, package=normalize_address("0xbad"))
    unknown = _raw(event)
    unknown = ChainEvent(**{**vars(unknown), "type": f"{PACKAGE}::events::SomethingNew"})
    await watcher._handle([foreign, unknown], Cursor())
    assert tools.wakeup.count == 0
    assert tools.chain_log.events("SubmissionJoined") == []
    assert tools.records.get("chain", "cursor") is not None


async def test_requests_among_others_are_not_remembered(tools) -> None:
    watcher = ChainWatcher(tools, None)
    ours, theirs = normalize_address("0x66"), normalize_address("0x67")
    events = [_raw(_requested(ours, tools.address), 0), _raw(_requested(theirs, OTHER), 1)]
    await watcher._handle(events, Cursor())
    known = {k.id for k in tools.chain_log.known("request")}
    assert ours in known
    assert theirs not in known


async def test_an_object_that_cannot_be_read_hides_no_other(tools) -> None:
    tools.chain_log.note("task", OTHER)
    tools.chain_log.note("submission", normalize_address("0x68"), OTHER)
    assert [task.id for task in await read_tasks(tools)] == [TASK]
    assert await read_cases(tools) == []
