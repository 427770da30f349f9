"""Events once each in ledger order, and the objects they name."""

from pathlib import Path

import pytest

from walrusd.state.chain_log import ChainLog, LoggedEvent
from walrusd.state.database import Database


@pytest.fixture
def log(tmp_path: Path):
    with Database.open(tmp_path / "db") as database:
        yield ChainLog(database)


def _event(position: int, name: str = "E", subject: str = "s") -> LoggedEvent:
    return LoggedEvent(position, 0, 0, "digest", name, subject, bytes([position]))


def test_events_come_back_in_ledger_order_by_name_and_subject(log: ChainLog) -> None:
    for event in (_event(3), _event(1), _event(2, subject="t"), _event(4, name="F")):
        assert log.append(event)
    assert [e.checkpoint for e in log.events("E")] == [1, 2, 3]
    assert log.events("E", "t") == [_event(2, subject="t")]
    assert log.events("G") == []


def test_a_repeated_event_is_not_added(log: ChainLog) -> None:
    assert log.append(_event(1))
    assert not log.append(_event(1))
    assert len(log.events("E")) == 1


def test_objects_are_known_once_until_they_end(log: ChainLog) -> None:
    for _time in range(2):
        log.note("request", "r", "d")
    log.note("request", "q", "e")
    assert [k.id for k in log.known("request")] == ["r", "q"]
    assert [k.id for k in log.known("request", parent="e")] == ["q"]
    log.mark_ended("r")
    log.note("request", "r", "d")  # a repeated event brings nothing back
    assert [k.id for k in log.known("request")] == ["q"]
    assert [k.ended for k in log.known("request", with_ended=True)] == [True, False]
