"""The party of an event, which the database reads from its bytes, is the one that it names."""

from pathlib import Path

import pytest

from walrusd.chain.layouts import events as ev
from walrusd.state.chain_log import PARTIED, ChainLog, LoggedEvent
from walrusd.state.database import Database
from walrusd.units import normalize_address

PARTY, OTHER = normalize_address("0x77"), normalize_address("0x1")
EVENTS = [
    ev.SeatRegistered(OTHER, 1, 2, PARTY, b"k", b"l", 3, 4, 5, 6, 7),
    ev.SeatWithdrawn(OTHER, 1, 2, PARTY, 3),
    ev.SubmissionJoined(OTHER, OTHER, PARTY, OTHER, 1, 2, 3, 4),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_the_party_of_an_event_is_found(tmp_path: Path, event) -> None:
    name = type(event).__name__
    with Database.open(tmp_path / "db") as database:
        log = ChainLog(database)
        log.append(LoggedEvent(1, 0, 0, "d", name, OTHER, event.to_bcs()))
        assert len(log.events_by(name, PARTY)) == 1
        assert not log.events_by(name, OTHER)


def test_every_kind_of_event_that_has_a_party_is_tried() -> None:
    assert {type(event).__name__ for event in EVENTS} == PARTIED
