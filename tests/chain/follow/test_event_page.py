"""What one answer about events adds to the cursor, and when it is complete."""

import pytest

from walrusd.chain.follow.cursor import Cursor
from walrusd.chain.follow.event_page import EventPage
from walrusd.chain.follow.history import Source
from walrusd.chain.values.pysui_parts import pb
from walrusd.errors import ChainUnreachable

REASON = pb.QueryEndReason
NODES = Source(None, 0)
START = Cursor(b"t", 9, (10, 2, 1))


def event(checkpoint, transaction, index):
    return pb.Event(
        event_type="0x1::m::E",
        contents=pb.Bcs(value=b"x"),
        checkpoint=checkpoint,
        transaction_index=transaction,
        event_index=index,
        transaction_digest="d",
        sender="0x1",
        package_id="0x1",
        module="m",
    )


def frame(found=None, *, token=None, covered=None, end=None, watermark=True):
    return pb.ListEventsResponse(
        event=found,
        watermark=pb.Watermark(cursor=token, checkpoint=covered) if watermark else None,
        end=None if end is None else pb.QueryEnd(reason=end),
    )


def page(*frames, cursor=START):
    made = EventPage(cursor)
    for each in frames:
        made.add(each)
    return made


@pytest.mark.parametrize(
    ("place", "is_new"),
    [
        ((10, 2, 1), False),  # the last one that was handled
        ((10, 2, 0), False),
        ((10, 1, 9), False),
        ((9, 9, 9), False),
        ((10, 2, 2), True),
        ((10, 3, 0), True),
        ((11, 0, 0), True),
    ],
)
def test_only_events_behind_the_last_one_are_new(place, is_new) -> None:
    found = page(frame(event(*place), token=b"u", covered=9))
    assert [each.position for each in found.events] == ([place] if is_new else [])
    assert found.cursor == Cursor(b"u", 9, place if is_new else START.position)


def test_an_event_that_is_repeated_within_a_page_is_new_once() -> None:
    twice = frame(event(11, 0, 0), token=b"u", covered=10)
    assert len(page(twice, twice).events) == 1


def test_a_node_never_moves_the_cursor_back() -> None:
    assert page(frame(token=b"u", covered=3)).cursor == Cursor(b"u", 9, START.position)
    assert page(frame(token=b"u", covered=12)).cursor == Cursor(b"u", 12, START.position)


def test_what_a_frame_leaves_out_stays() -> None:
    assert page(frame()).cursor == START
    assert page(frame(watermark=False)).cursor == START
    found = page(frame(event(11, 0, 0), watermark=False))
    assert found.cursor == Cursor(b"t", 9, (11, 0, 0))


@pytest.mark.parametrize("reason", list(REASON))
def test_only_two_reasons_mean_that_there_is_more(reason) -> None:
    found = page(frame(end=reason))
    assert found.more is (reason in {REASON.ITEM_LIMIT, REASON.SCAN_LIMIT})
    found.finish(NODES)


def test_a_page_that_ends_without_a_reason_was_cut_off() -> None:
    found = page(frame(event(11, 0, 0), token=b"u", covered=10))
    assert not found.more
    with pytest.raises(ChainUnreachable):
        found.finish(NODES)


@pytest.mark.parametrize(("covered", "is_complete"), [(18, False), (19, True), (20, True)])
def test_an_archive_must_reach_to_where_the_nodes_begin(covered, is_complete) -> None:
    found = page(frame(token=b"u", covered=covered, end=REASON.LEDGER_TIP))
    source = Source(None, 0, end=20)
    if is_complete:
        found.finish(source)
        assert found.cursor.checkpoint == covered
        return
    with pytest.raises(ChainUnreachable):
        found.finish(source)


def test_an_archive_that_stops_at_the_bound_has_read_up_to_it() -> None:
    found = page(frame(token=b"u", covered=11, end=REASON.CHECKPOINT_BOUND))
    found.finish(Source(None, 0, end=20))
    assert found.cursor == Cursor(b"u", 19, START.position)
    later = page(frame(token=b"u", covered=25, end=REASON.CHECKPOINT_BOUND))
    later.finish(Source(None, 0, end=20))
    assert later.cursor.checkpoint == 25


def test_an_archive_with_more_is_asked_again() -> None:
    found = page(frame(token=b"u", covered=11, end=REASON.ITEM_LIMIT))
    found.finish(Source(None, 0, end=20))
    assert found.more
    assert found.cursor.checkpoint == 11


def test_the_bound_of_the_nodes_themselves_says_nothing() -> None:
    found = page(frame(token=b"u", covered=11, end=REASON.CHECKPOINT_BOUND))
    found.finish(NODES)
    assert found.cursor.checkpoint == 11
    assert not NODES.is_archive
    assert Source(None, 0, end=0).is_archive


def test_a_cursor_begins_at_a_checkpoint_and_forgets_its_token() -> None:
    assert Cursor.at(7) == Cursor(None, 6, (-1, -1, -1))
    assert Cursor.at(0) == Cursor()
    assert START.without_token() == Cursor(None, 9, (10, 2, 1))
    for cursor in (START, Cursor(), Cursor(b"", 0, (0, 0, 0))):
        assert Cursor.from_bytes(cursor.to_bytes()) == cursor
