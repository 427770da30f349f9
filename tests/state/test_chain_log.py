"""Events once each in ledger order, and the objects they name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from walrusd.chain.layouts import events as ev
from walrusd.state import database as database_module
from walrusd.state.chain_log import PARTIED, TASKED, ChainLog, LoggedEvent, find_in_file
from walrusd.state.database import Database
from walrusd.units import normalize_address

ME, OTHER = normalize_address("0xa1"), normalize_address("0xb2")
TASK, SUBMISSION = normalize_address("0x1"), normalize_address("0x2")
DATASET, POOL = normalize_address("0x3"), normalize_address("0x4")

BY_PARTY: dict[str, Callable[[str], Any]] = {
    "SubmissionJoined": lambda who: ev.SubmissionJoined(TASK, SUBMISSION, who, DATASET, 1, 5, 1, 9),
    "SeatRegistered": lambda who: ev.SeatRegistered(POOL, 7, 1, who, b"", b"", 0, 5, 6, 7, 9),
    "SeatWithdrawn": lambda who: ev.SeatWithdrawn(POOL, 7, 1, who, 5),
}
OF_TASK: dict[str, Callable[[str], Any]] = {
    "SubmissionJoined": lambda task: ev.SubmissionJoined(task, SUBMISSION, ME, DATASET, 1, 5, 1, 9),
    "SubmissionEnded": lambda task: ev.SubmissionEnded(task, SUBMISSION, ME, 1, 0, 5, 0, 9),
}


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


def test_ids_are_found_by_their_beginning_and_their_end(log: ChainLog) -> None:
    for kind, found in (("task", "0xab11"), ("task", "0xab12"), ("request", "0xab21")):
        log.note(kind, found, "")
    log.mark_ended("0xab12")
    log.append(_event(1, subject="0xab31"))
    log.append(_event(2, subject="0xab11"))
    assert log.find("0xab") == ["0xab11", "0xab12", "0xab21", "0xab31"]
    assert log.find("0xab", "1") == ["0xab11", "0xab21", "0xab31"]
    assert log.find("0xab", kind="task") == ["0xab11", "0xab12"]
    assert log.find("0xab", "12", kind="task") == ["0xab12"]
    assert log.find("0xab1", "12", kind="task") == []  # what begins an id does not also end it
    assert log.find("%") == []


def test_ids_are_found_in_the_file_of_a_running_daemon(log: ChainLog, tmp_path: Path) -> None:
    log.note("task", "0xab11", "")
    log.note("request", "0xab21", "")
    assert find_in_file(tmp_path / "db", "0xab", "1", kind="task") == ["0xab11"]
    (tmp_path / "junk").write_bytes(b"no database" * 100)
    for name in ("junk", "none"):
        assert find_in_file(tmp_path / name, "0xab", "", kind="task") == []
    assert not (tmp_path / "none").exists()


def _logged(position: int, event: Any, subject: str = SUBMISSION) -> LoggedEvent:
    return LoggedEvent(position, 0, 0, "d", type(event).__name__, subject, event.to_bcs())


def test_every_indexed_event_has_its_case_here() -> None:
    assert set(BY_PARTY) == PARTIED
    assert set(OF_TASK) == TASKED


@pytest.mark.parametrize("name", sorted(PARTIED))
def test_events_are_found_by_their_party(log: ChainLog, name: str) -> None:
    for position, who in enumerate((OTHER, ME, OTHER, ME)):
        log.append(_logged(position, BY_PARTY[name](who)))
    assert [e.checkpoint for e in log.events_by(name, ME)] == [1, 3]
    assert [e.checkpoint for e in log.events_by(name, ME, after=(1, 0, 0))] == [3]
    assert log.events_by(name, ME, after=(3, 0, 0)) == []
    assert log.events_by(name, POOL) == []


@pytest.mark.parametrize("name", sorted(TASKED))
def test_events_are_found_by_their_task(log: ChainLog, name: str) -> None:
    for position, task in enumerate((TASK, DATASET)):
        log.append(_logged(position, OF_TASK[name](task)))
    assert [e.checkpoint for e in log.events_of_task(name, TASK)] == [0]


def test_what_is_not_indexed_is_refused(log: ChainLog) -> None:
    with pytest.raises(ValueError, match="TaskOpened is not indexed by party"):
        log.events_by("TaskOpened", ME)
    with pytest.raises(ValueError, match="TaskOpened is not indexed by task"):
        log.events_of_task("TaskOpened", TASK)


def test_a_sieve_lets_through_what_holds_the_bytes(log: ChainLog) -> None:
    log.append(_logged(0, ev.SeatExited(POOL, 7, ME, 1), POOL))
    log.append(_logged(1, ev.SeatExited(POOL, 8, ME, 1), POOL))
    found = log.events_holding("SeatExited", (7).to_bytes(8, "little"))
    assert [e.checkpoint for e in found] == [0]


def test_about_takes_a_prefix_and_what_came_with_it(log: ChainLog) -> None:
    for event in (
        LoggedEvent(1, 0, 0, "x", "E", "0xabc", b""),
        LoggedEvent(1, 0, 1, "x", "P", "pool", b""),
        LoggedEvent(1, 0, 2, "x", "Q", "pool", b""),
        LoggedEvent(2, 0, 0, "y", "P", "pool", b""),
        LoggedEvent(3, 0, 0, "y", "E", "0xabd", b""),
        LoggedEvent(4, 0, 0, "z", "E", "0xab", b""),
    ):
        log.append(event)
    assert [e.checkpoint for e in log.about("0xab")] == [1, 3, 4]
    assert [e.place for e in log.about("0xabc", others=("P",))] == [(1, 0, 0), (1, 0, 1)]
    assert log.about("0xa%") == []


def test_rows_of_an_older_daemon_are_found_too(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "db"
    with monkeypatch.context() as patch:
        patch.setattr(database_module, "MIGRATIONS", database_module.MIGRATIONS[:2])
        with Database.open(path) as database:
            log = ChainLog(database)
            for position, who in enumerate((OTHER, ME)):
                log.append(_logged(position, BY_PARTY["SubmissionJoined"](who)))
    with Database.open(path) as database:
        log = ChainLog(database)
        assert [e.checkpoint for e in log.events_by("SubmissionJoined", ME)] == [1]
        assert len(log.events_of_task("SubmissionJoined", TASK)) == 2


QUERIES = {
    "events_by": lambda log: log.events_by("SubmissionJoined", ME),
    "events_of_task": lambda log: log.events_of_task("SubmissionJoined", TASK),
    "about": lambda log: log.about("0xabcdef", others=("SeatPenalized",)),
    "in_transactions": lambda log: log.in_transactions(["d"]),
}


@pytest.mark.parametrize("query", sorted(QUERIES))
def test_no_query_reads_every_event(tmp_path: Path, monkeypatch, query: str) -> None:
    plans: list[str] = []
    with Database.open(tmp_path / "db") as database:
        read = database.read

        def explain(sql: str, parameters: Any = ()) -> list[Any]:
            plans.extend(row["detail"] for row in read(f"EXPLAIN QUERY PLAN {sql}", parameters))
            return read(sql, parameters)

        monkeypatch.setattr(database, "read", explain)
        QUERIES[query](ChainLog(database))
    assert any("USING INDEX chain_events_" in plan for plan in plans), plans
    assert not any(plan.startswith("SCAN") for plan in plans), plans
