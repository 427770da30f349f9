"""One identity acts once, in one process, across restarts and machines."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from walrusd.errors import ConfigError, DatabaseLost, DoubleAction
from walrusd.state import Begun, Database, Protection
from walrusd.state.protection import check_not_lost, write_export
from walrusd.units import normalize_address

ALICE = normalize_address("0xa11ce")
BOB = normalize_address("0xb0b")


@pytest.fixture
def protection(tmp_path: Path):
    database = Database.open(tmp_path / "db")
    with database, Protection.open(database, tmp_path, ALICE) as opened:
        yield opened


def test_begin_tells_fresh_resumed_and_done_apart(protection: Protection) -> None:
    assert protection.begin("commit:1", b"trace") is Begun.FRESH
    assert protection.begin("commit:1", b"trace") is Begun.RESUMED
    protection.done("commit:1")
    protection.done("commit:1")
    assert protection.begin("commit:1", b"trace") is Begun.DONE


@pytest.mark.parametrize("finished", [False, True])
def test_another_payload_under_the_same_key_is_refused(
    protection: Protection, finished: bool
) -> None:
    protection.begin("commit:1", b"trace")
    if finished:
        protection.done("commit:1")
    with pytest.raises(DoubleAction, match="commit:1"):
        protection.begin("commit:1", b"another trace")


def test_only_what_never_happened_can_be_forgotten(protection: Protection) -> None:
    protection.begin("join:1", b"a")
    protection.forget("join:1")
    assert protection.begin("join:1", b"b") is Begun.FRESH
    protection.done("join:1")
    protection.forget("join:1")
    assert protection.begin("join:1", b"b") is Begun.DONE


def test_ending_what_never_began_breaks_an_invariant(protection: Protection) -> None:
    with pytest.raises(AssertionError, match="never begun"):
        protection.done("ghost")


def test_actions_outlive_the_process(tmp_path: Path) -> None:
    for expected in (Begun.FRESH, Begun.RESUMED):
        database = Database.open(tmp_path / "db")
        with database, Protection.open(database, tmp_path, ALICE) as protection:
            assert protection.begin("key", b"payload") is expected


def test_a_second_process_is_refused_until_the_first_dies(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from walrusd.state import Database, Protection\n"
        "d = pathlib.Path(sys.argv[1])\n"
        "p = Protection.open(Database.open(d / 'other'), d, sys.argv[2])\n"
        "print('held', flush=True); sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), ALICE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child, Database.open(tmp_path / "db") as database:
        assert child.stdout.readline() == "held\n"
        with pytest.raises(DoubleAction, match=f"process {child.pid}"):
            Protection.open(database, tmp_path, ALICE)
        Protection.open(database, tmp_path, BOB).close()
        child.kill()
        child.wait()
        Protection.open(database, tmp_path, ALICE).close()


def test_the_lock_needs_its_directory(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "db")
    with database, pytest.raises(ConfigError, match="cannot create the lock file"):
        Protection.open(database, tmp_path / "none", ALICE)


def test_an_identity_that_has_worked_here_has_a_database(tmp_path: Path) -> None:
    path = tmp_path / "db"
    check_not_lost(path, tmp_path, ALICE)  # a new identity
    with Database.open(path) as database, Protection.open(database, tmp_path, ALICE):
        pass
    check_not_lost(path, tmp_path, ALICE)
    check_not_lost(tmp_path / "none", tmp_path, BOB)
    for size in (1, 0):
        path.write_bytes(bytes(size))
        with pytest.raises(DatabaseLost):
            check_not_lost(path, tmp_path, ALICE)
    path.write_bytes(bytes(2))
    check_not_lost(path, tmp_path, ALICE)
    path.unlink()
    with pytest.raises(DatabaseLost):
        check_not_lost(path, tmp_path, ALICE)


def test_the_lock_tells_who_has_it_to_its_owner_alone(tmp_path: Path) -> None:
    with Database.open(tmp_path / "db") as database, Protection.open(database, tmp_path, ALICE):
        (lock,) = tmp_path.glob("*.lock")
        assert lock.stat().st_mode & 0o777 == 0o600
        assert lock.read_text("ascii") == f"{os.getpid()}\n"


def test_an_export_carries_the_guard_to_another_machine(
    protection: Protection, tmp_path: Path
) -> None:
    protection.begin("done", b"1")
    protection.done("done")
    protection.begin("begun", b"2")
    write_export(tmp_path / "export.json", protection)
    assert (tmp_path / "export.json").stat().st_mode & 0o777 == 0o600
    document = json.loads((tmp_path / "export.json").read_text())
    with Database.open(tmp_path / "db2") as database:
        other_dir = tmp_path / "other"
        other_dir.mkdir()
        with Protection.open(database, other_dir, ALICE) as other:
            assert other.merge(document) == 2
            assert other.begin("done", b"1") is Begun.DONE
            assert other.begin("begun", b"2") is Begun.RESUMED
            assert other.export() == document


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": "x"}, "not a protection export"),
        ({"identity": BOB}, "an identity other than"),
        ({"actions": [{"key": "a"}]}, "action 0 .* malformed"),
        ({"actions": [{"key": "a", "payload": "zz", "done": True}]}, "malformed"),
        ({"actions": [{"key": "a", "payload": "00", "done": True}]}, "malformed"),
        ({"actions": [{"key": "a", "payload": "", "done": 1}]}, "malformed"),
    ],
)
def test_a_wrong_export_changes_nothing(protection, change, complaint) -> None:
    protection.begin("mine", b"1")
    before = protection.export()
    with pytest.raises(ConfigError, match=complaint):
        protection.merge(before | change)
    assert protection.export() == before


actions = st.lists(
    st.tuples(
        st.sampled_from(["begin", "done", "forget"]),
        st.sampled_from("abc"),
        st.sampled_from([b"x", b"y"]),
    ),
    max_size=12,
)


@settings(max_examples=25)  # every step is an fsync
@given(ours=actions, theirs=actions, attempts=actions)
def test_after_a_merge_nothing_refused_on_either_side_is_allowed(
    ours, theirs, attempts, tmp_path_factory
) -> None:
    directory = tmp_path_factory.mktemp("protection")
    with Database.open(directory / "a") as first, Database.open(directory / "b") as second:
        with Protection.open(first, directory, ALICE) as one:
            play(one, ours)
            document_one = one.export()
        with Protection.open(second, directory, ALICE) as other:
            play(other, theirs)
            document_other = other.export()
            other.merge(document_one)
            for _, key, payload in attempts:
                both = [
                    verdict(document, key, payload) for document in (document_one, document_other)
                ]
                expected = "refused" if "refused" in both else max(both)
                try:
                    got = probe(other, key, payload)
                except DoubleAction:
                    got = "refused"
                assert got == expected


def play(protection: Protection, steps) -> None:
    begun = {item["key"] for item in protection.export()["actions"]}
    for verb, key, payload in steps:
        try:
            if verb == "begin":
                protection.begin(key, payload)
            elif verb == "done" and key in begun:
                protection.done(key)
            elif verb == "forget":
                protection.forget(key)
        except DoubleAction:
            pass
        begun = {item["key"] for item in protection.export()["actions"]}


def probe(protection: Protection, key: str, payload: bytes) -> str:
    """Begin, and undo a fresh begin, so that attempts do not influence each other."""
    begun = protection.begin(key, payload)
    if begun is Begun.FRESH:
        protection.forget(key)
    return {Begun.FRESH: "0 fresh", Begun.RESUMED: "1 resumed", Begun.DONE: "2 done"}[begun]


def verdict(document, key: str, payload: bytes) -> str:
    for item in document["actions"]:
        if item["key"] == key:
            if item["payload"] != hashlib.sha256(payload).hexdigest():
                return "refused"
            return "2 done" if item["done"] else "1 resumed"
    return "0 fresh"


@pytest.fixture
def other(tmp_path: Path):
    """The same identity on another machine."""
    directory = tmp_path / "other"
    directory.mkdir()
    with (
        Database.open(directory / "db") as database,
        Protection.open(database, directory, ALICE) as opened,
    ):
        yield opened


def act(protection: Protection, payload: bytes, *, done: bool) -> None:
    protection.begin("join:1", payload)
    if done:
        protection.done("join:1")


@pytest.mark.parametrize("ours_done", [False, True])
@pytest.mark.parametrize("theirs_done", [False, True])
def test_what_two_machines_did_differently_is_never_done_again(
    protection: Protection, other: Protection, ours_done: bool, theirs_done: bool
) -> None:
    """Neither of the two, and also not after it was forgotten: which one counts is not known."""
    act(protection, b"ours", done=ours_done)
    act(other, b"theirs", done=theirs_done)
    assert protection.merge(other.export()) == 1
    protection.forget("join:1")
    for payload in (b"ours", b"theirs", b""):
        with pytest.raises(DoubleAction):
            protection.begin("join:1", payload)
    # A third machine, or the other one, learns of it from an export.
    other.merge(protection.export())
    for payload in (b"ours", b"theirs", b""):
        with pytest.raises(DoubleAction):
            other.begin("join:1", payload)
    other.forget("join:1")
    assert other.export()["actions"] == [{"key": "join:1", "payload": "", "done": True}]


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (None, False, Begun.RESUMED),
        (None, True, Begun.DONE),
        (False, False, Begun.RESUMED),
        (False, True, Begun.DONE),
        (True, False, Begun.DONE),
        (True, True, Begun.DONE),
        (True, None, Begun.DONE),
        (False, None, Begun.RESUMED),
    ],
)
def test_of_two_records_of_one_act_the_stricter_stays(
    protection: Protection, other: Protection, ours, theirs, expected
) -> None:
    for machine, done in ((protection, ours), (other, theirs)):
        if done is not None:
            act(machine, b"same", done=done)
    protection.merge(other.export())
    assert protection.begin("join:1", b"same") is expected


def test_acts_of_another_identity_are_their_own(tmp_path: Path) -> None:
    with Database.open(tmp_path / "db") as database:
        with Protection.open(database, tmp_path, ALICE) as ours:
            act(ours, b"ours", done=True)
        with Protection.open(database, tmp_path, BOB) as theirs:
            assert theirs.begin("join:1", b"theirs") is Begun.FRESH
            theirs.forget("join:1")
            assert theirs.export()["actions"] == []
        with Protection.open(database, tmp_path, ALICE) as ours:
            assert ours.begin("join:1", b"ours") is Begun.DONE
