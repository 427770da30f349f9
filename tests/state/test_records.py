"""What is kept beside decisions: repeated ones once, known objects, and where files lie."""

import errno
import os
from pathlib import Path

import pytest
import trio

from walrusd.errors import ConfigError, DatabaseCorrupt, DiskFull, DoubleAction
from walrusd.state import Database, Journal, KeyValue, Protection, Work
from walrusd.state import checked as checked_module
from walrusd.state.chain_log import ChainLog, KnownObject, LoggedEvent, find_in_file
from walrusd.state.checked import CheckedFiles, read_stamp
from walrusd.state.data_dir import DataDir
from walrusd.units import Millis, normalize_address

TASK, OTHER = "0x" + "ab" * 32, "0x" + "ac" * 32
ALICE = normalize_address("0xa11ce")


class Clock:
    def now_ms(self) -> Millis:
        return Millis(7)


@pytest.fixture
def database(tmp_path: Path):
    with Database.open(tmp_path / "db") as opened:
        yield opened


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database, Clock())


@pytest.fixture
def log(database: Database) -> ChainLog:
    return ChainLog(database)


# --- the journal -----------------------------------------------------------------------------


def told(journal: Journal, subject: str = TASK) -> list[str]:
    return [entry.decision for entry in journal.why(subject)]


def test_a_decision_that_is_made_again_is_told_once(journal: Journal) -> None:
    for _attempt in range(3):
        journal.record_once(TASK, "join", "waits", "too early", until=(1, 2))
    assert told(journal) == ["waits"]
    assert journal.why(TASK)[0].fields == {"until": [1, 2]}


@pytest.mark.parametrize(
    "changed",
    [
        {"decision": "refused"},
        {"reason": "too late"},
        {"until": 3},
    ],
)
def test_a_decision_that_has_changed_is_told_again(journal: Journal, changed) -> None:
    first = {"decision": "waits", "reason": "too early", "until": 2}
    for given in (first, {**first, **changed}, first):
        journal.record_once(TASK, "join", **given)
    assert len(told(journal)) == 3


def test_a_failure_in_between_is_no_change(journal: Journal) -> None:
    journal.record_once(TASK, "join", "waits", "too early")
    journal.record(TASK, "join", "failed", "down")
    journal.record_once(TASK, "join", "waits", "too early")
    assert told(journal) == ["waits", "failed"]


def test_decisions_of_others_and_about_others_are_their_own(journal: Journal) -> None:
    journal.record_once(TASK, "join", "waits", "-")
    journal.record_once(TASK, "train", "waits", "-")
    journal.record_once(OTHER, "join", "waits", "-")
    journal.record_once(TASK, "join", "waits", "-")
    assert told(journal) == ["waits", "waits"]
    assert told(journal, OTHER) == ["waits"]
    assert journal.count() == 3


def test_a_secret_is_compared_as_it_is_written(journal: Journal) -> None:
    for secret in ("1", "2"):
        journal.record_once(TASK, "key", "granted", "-", data_key=secret)
    assert told(journal) == ["granted"]


def test_subjects_are_found_by_both_ends(journal: Journal) -> None:
    for subject in (TASK, OTHER, "seat:3"):
        for _twice in range(2):
            journal.record(subject, "x", "y", "-")
    assert journal.find("0xa") == [TASK, OTHER]
    assert journal.find("0x", "ac") == [OTHER]
    assert journal.find("", "3") == ["seat:3"]
    assert journal.find("seat:3", "3") == []  # the two must not overlap
    assert journal.find("seat:", "3") == ["seat:3"]
    assert journal.find("0xA") == []


def test_the_newest_entries_are_shown_first_to_last(journal: Journal) -> None:
    for number in range(5):
        journal.record(TASK, "x", str(number), "-")
    assert [entry.decision for entry in journal.why(TASK, limit=2)] == ["3", "4"]


def test_a_damaged_entry_is_a_damaged_database(database: Database, journal: Journal) -> None:
    journal.record(TASK, "x", "y", "-")
    database.connection.execute("UPDATE journal SET fields = '{'")
    with pytest.raises(DatabaseCorrupt):
        journal.why(TASK)


# --- known objects ---------------------------------------------------------------------------


def test_objects_are_known_oldest_first_until_they_end(log: ChainLog) -> None:
    for number, kind in enumerate(["task", "task", "submission"]):
        log.note(kind, f"0x{number}", parent="0x0" if kind == "submission" else "")
    log.note("task", "0x0", parent="changed")  # known already
    assert log.known("task") == [
        KnownObject("task", "0x0", "", False), KnownObject("task", "0x1", "", False),
    ]  # fmt: skip
    assert [known.id for known in log.known("submission", parent="0x0")] == ["0x2"]
    assert log.known("submission", parent="0x1") == []
    log.mark_ended("0x0")
    assert [known.id for known in log.known("task")] == ["0x1"]
    everything = log.known("task", with_ended=True)
    assert [(known.id, known.ended) for known in everything] == [("0x0", True), ("0x1", False)]


def test_an_event_is_kept_once(log: ChainLog) -> None:
    event = LoggedEvent(1, 2, 3, "d", "E", TASK, b"x")
    assert log.append(event)
    assert not log.append(event)
    assert log.events("E") == [event]
    assert log.events("E", OTHER) == []


def test_ids_are_found_among_objects_and_what_events_are_about(log: ChainLog) -> None:
    log.note("task", TASK)
    log.mark_ended(TASK)
    log.append(LoggedEvent(1, 0, 0, "d", "E", OTHER, b""))
    log.append(LoggedEvent(1, 0, 1, "d", "E", TASK, b""))
    assert log.find("0xa") == [TASK, OTHER]
    assert log.find("0xa", kind="task") == [TASK]
    assert log.find("0xa", kind="dataset") == []
    assert log.find("0x", "ac") == [OTHER]
    assert log.find(TASK, "b") == []  # the two must not overlap
    assert log.find("0xA") == []


def test_another_daemons_file_is_read_and_never_written(tmp_path: Path, log: ChainLog) -> None:
    log.note("task", TASK)
    assert find_in_file(tmp_path / "db", "0xab", "", kind="task") == [TASK]
    assert find_in_file(tmp_path / "db", "0xab", "", kind="dataset") == []
    assert find_in_file(tmp_path / "none", "0xab", "", kind="task") == []
    assert not (tmp_path / "none").exists()
    (tmp_path / "other").write_bytes(b"not a database, but long enough to be looked at" * 20)
    assert find_in_file(tmp_path / "other", "0xab", "", kind="task") == []


# --- values and work -------------------------------------------------------------------------


def test_values_and_items_are_of_one_namespace(database: Database) -> None:
    values, work = KeyValue(database), Work(database)
    for name in ("b", "a"):
        values.put("n", name, [name])
        work.put("s", name, {"at": name})
    values.put("m", "a", 1)
    work.put("t", "a", {})
    work.put("s", "b", {"at": "again"})
    assert values.items("n") == {"a": ["a"], "b": ["b"]}
    assert [item.key for item in work.items("s")] == ["b", "a"]
    assert work.get("s", "b") == {"at": "again"}
    assert (values.get("n", "c"), work.get("s", "c")) == (None, None)
    values.delete("n", "a")
    work.delete("s", "a")
    assert (values.get("n", "a"), work.get("s", "a")) == (None, None)
    assert (values.get("m", "a"), work.get("t", "a")) == (1, {})
    with pytest.raises(ValueError, match="JSON"):
        values.put("n", "nan", float("nan"))


# --- the lock --------------------------------------------------------------------------------


def test_a_lock_that_cannot_be_made_or_written_is_told(database, tmp_path, monkeypatch) -> None:
    with pytest.raises(ConfigError):
        Protection.open(database, tmp_path / "none", ALICE)
    before = {path.name for path in Path("/proc/self/fd").iterdir()}

    def full(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(DiskFull):
        Protection.open(database, tmp_path, ALICE)
    assert {
        path.name for path in Path("/proc/self/fd").iterdir()
    } == before  # and the lock is free again
    monkeypatch.undo()
    Protection.open(database, tmp_path, ALICE).close()


def test_a_lock_that_is_held_is_told_with_its_holder_and_nothing_is_left_open(
    database, tmp_path
) -> None:
    lock = tmp_path / f"{ALICE}.lock"
    lock.touch(mode=0o600)
    lock.write_text("1234567890123456\n")  # of a process that has ended
    with Protection.open(database, tmp_path, ALICE):
        assert lock.read_text() == f"{os.getpid()}\n"
        before = {path.name for path in Path("/proc/self/fd").iterdir()}
        with pytest.raises(DoubleAction) as caught:
            Protection.open(database, tmp_path, ALICE)
        assert {path.name for path in Path("/proc/self/fd").iterdir()} == before
    assert f"process {os.getpid()}" in caught.value.message
    lock.unlink()
    Protection.open(database, tmp_path, ALICE).close()
    assert lock.stat().st_mode & 0o777 == 0o600


# --- files -----------------------------------------------------------------------------------


def test_no_two_things_lie_in_one_place() -> None:
    files = DataDir(Path("/data"))
    digests = bytes(32), bytes([1] * 32)
    places = [
        files.work,
        *(files.submission(name) for name in (TASK, OTHER)),
        files.ciphertexts(TASK),
        files.own_verification_file(TASK),
        files.committed_file(TASK),
        *(files.replays(name) for name in ("verifier", "juror")),
        *(make(digest) for make in (files.plan, files.weights, files.rows) for digest in digests),
        files.probe(TASK),
    ]
    assert len(set(places)) == len(places)
    assert all(path.is_relative_to(files.root) for path in places)
    # What belongs to a submission goes with its folder.
    for path in (files.ciphertexts(TASK), files.own_verification_file(TASK)):
        assert path.parent == files.submission(TASK)


async def test_one_task_at_a_time_makes_a_file(tmp_path: Path, autojump_clock) -> None:
    checked, seen = CheckedFiles(), []

    async def make(path: Path, name: str) -> None:
        async with checked.exclusive(path):
            seen.append(f"{name} begins")
            await trio.sleep(1)
            seen.append(f"{name} ends")

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(make, tmp_path / "one", f"{number}")
        nursery.start_soon(make, tmp_path / "two", "another")
        await trio.testing.wait_all_tasks_blocked()
        assert sum(line.endswith("begins") for line in seen) == 2
    assert trio.current_time() == 3
    mine = [line for line in seen if not line.startswith("another")]
    assert [line.split()[1] for line in mine] == ["begins", "ends"] * 3
    assert checked._turns == {}


async def test_a_task_that_fails_leaves_the_file_to_the_next(tmp_path: Path) -> None:
    checked = CheckedFiles()
    for _attempt in range(2):
        with pytest.raises(ZeroDivisionError):
            async with checked.exclusive(tmp_path / "one"):
                raise ZeroDivisionError
    assert checked._turns == {}


def test_the_checks_kept_in_memory_are_bounded(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(checked_module, "KEPT", 2)
    checked = CheckedFiles()
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_bytes(b"x")
        checked.note(path, "sound", read_stamp(path))
    assert [path for path, _claim in checked._passed] == paths[1:]
    paths[1].write_bytes(b"other")
    checked.note(paths[1], "sound", read_stamp(paths[1]))
    checked.note(paths[0], "sound", read_stamp(paths[0]))
    # The one that was used last stays.
    assert [path for path, _claim in checked._passed] == [paths[1], paths[0]]
    assert all(checked.holds(path, "sound") for path in paths)  # from beside the file
    assert len(checked._passed) == 2


def test_a_check_of_what_is_not_there_is_not_remembered(tmp_path: Path) -> None:
    checked = CheckedFiles()
    checked.note(tmp_path / "none", "sound", read_stamp(tmp_path / "none"))
    assert not checked.holds(tmp_path / "none", "sound")
    assert list(tmp_path.iterdir()) == []
