"""Decisions are kept with their reasons, together with what they caused."""

from pathlib import Path

import pytest

from tests.support.clocks import TickingClock
from walrusd.state import Database, Journal, KeyValue

TASK = "0x" + "ab" * 32
OTHER = "0x" + "ac" * 32


@pytest.fixture
def database(tmp_path: Path):
    with Database.open(tmp_path / "db") as opened:
        yield opened


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database, TickingClock(1000))


def test_why_tells_the_decisions_about_one_thing_in_order(journal: Journal) -> None:
    journal.record(TASK, "join", "refused", "the reward is too small", reward_mist=5)
    journal.record(OTHER, "join", "accepted", "within policy")
    journal.record(TASK, "join", "accepted", "the policy changed")
    entries = journal.why(TASK)
    assert [(entry.decision, entry.at_ms) for entry in entries] == [
        ("refused", 1001),
        ("accepted", 1003),
    ]
    assert entries[0].to_json()["fields"] == {"reward_mist": 5}
    assert journal.why(TASK, limit=1) == entries[1:]


def test_an_id_may_be_abbreviated_but_not_too_much(journal: Journal) -> None:
    journal.record(TASK, "join", "refused", "-")
    journal.record(OTHER, "join", "refused", "-")
    assert [entry.subject_id for entry in journal.why(TASK[:6])] == [TASK]
    assert journal.why("0xa") == []
    assert journal.why("%" * 8) == []


def test_subjects_are_found_once_by_their_beginning_and_their_end(journal: Journal) -> None:
    for subject in (TASK, OTHER, TASK):
        journal.record(subject, "join", "refused", "-")
    assert journal.count() == 3
    assert journal.find("0xab", "") == [TASK]
    assert sorted(journal.find("0xa", "")) == [TASK, OTHER]
    assert journal.find("0xa", "acac") == [OTHER]
    assert journal.find(TASK, "ab") == []  # what begins an id does not also end it


def test_a_decision_vanishes_with_the_effects_it_belonged_to(
    database: Database, journal: Journal
) -> None:
    store = KeyValue(database)

    def join(effect) -> None:
        with database.transaction():
            journal.record(TASK, "join", "accepted", "-")
            store.put("joined", TASK, effect)

    with pytest.raises(TypeError, match="not JSON serializable"):
        join(object())
    assert journal.why(TASK) == []
    join({})
    assert len(journal.why(TASK)) == 1


def test_no_secret_is_written(journal: Journal) -> None:
    journal.record(TASK, "key", "granted", "-", data_key="00ff", to="suiprivkey1qqqq")
    fields = journal.why(TASK)[0].fields
    assert fields == {"data_key": "[redacted]", "to": "[redacted]"}
