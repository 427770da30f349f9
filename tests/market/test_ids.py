"""Ids in full, by their beginning, and as tables shorten them; never filled up with zeros."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clocks import SetClock
from tests.support.refusals import refused
from walrusctl.values import shorten
from walrusd.errors import AmbiguousId, BadRequest
from walrusd.market.ids import Ids, is_short, match_id, read_id, split_id
from walrusd.state.chain_log import ChainLog, LoggedEvent, find_in_file
from walrusd.state.database import Database
from walrusd.state.journal import Journal
from walrusd.units import parse_address

ONE = "0x" + "e9544e" + "0" * 52 + "e73099"
TWO = "0x" + "e9544e" + "1" * 52 + "e73099"
THREE = "0x" + "e95555" + "2" * 52 + "e73099"
DATASET = "0x" + "d1d1" * 16
ME = "0x" + "77" * 32


@pytest.fixture
def tools(tmp_path: Path):
    with Database.open(tmp_path / "db") as database:
        yield SimpleNamespace(
            address=ME,
            chain_log=ChainLog(database),
            journal=Journal(database, SetClock()),
        )


@pytest.fixture
def ids(tools) -> Ids:
    for kind, name in (("task", ONE), ("task", THREE), ("request", TWO), ("dataset", DATASET)):
        tools.chain_log.note(kind, name)
    tools.chain_log.mark_ended(ONE)
    return Ids(tools)


@pytest.mark.parametrize("text", [
    ONE, ONE[2:], ONE.upper().replace("X", "x"), f"  {ONE}\n", "0xe9544e", "e9544e", "0xE954",
    "0xe9544e0", "0xe9544e…e73099", "0xe9544e...e73099", "0xe9544e..", "e9544e…", "0xe9544e00…099",
])  # fmt: skip
def test_a_unique_beginning_stands_for_the_id(ids: Ids, text: str) -> None:
    assert ids.read(text, "task") == ONE


def test_the_kind_decides_among_equal_beginnings(ids: Ids) -> None:
    assert ids.read("0xe9544e", "task") == ONE
    assert ids.read("0xe9544e", "request") == TWO
    assert ids.read("0xe9555", "task") == THREE


@pytest.mark.parametrize("text", ["0xe95", "0xe9", "0x1", "0x", "…", "0x…099"])
def test_a_beginning_that_is_too_short_is_refused(ids: Ids, text: str) -> None:
    with refused("rpc.bad_request"):
        ids.read(text, "task")


@pytest.mark.parametrize("text", ["0xe9544f", "0x0000", "0xe9544e…e73098", "0x" + "0" * 63])
def test_an_unknown_beginning_is_never_filled_up(ids: Ids, text: str) -> None:
    with refused("rpc.unknown_id", "task") as caught:
        ids.read(text, "task")
    assert caught.value.code == "rpc.unknown_id"
    assert caught.value.hint


def test_an_ambiguous_beginning_names_the_candidates(ids: Ids, tools) -> None:
    with refused("rpc.ambiguous_id", 2, "0xe95", ONE) as caught:
        ids.read("0xe95…e73099", "task")
    assert caught.value.to_json()["candidates"] == [ONE, THREE]
    for n in range(20):
        tools.chain_log.note("task", f"0xe9544e{n:058x}")
    with pytest.raises(AmbiguousId) as caught:
        ids.read("0xe9544e", "task")
    assert len(caught.value.fields["candidates"]) == 8
    assert caught.value.message.endswith(", …")


def test_an_id_in_full_is_taken_without_being_known(ids: Ids) -> None:
    unknown = "0x" + "5a" * 32
    assert ids.read(unknown, "task") == unknown
    assert read_id(unknown, "task") == unknown
    with refused("rpc.unknown_id", "task"):
        read_id(ONE[:10], "task")


@pytest.mark.parametrize(
    "text", ["", "everything", "0x" + "0" * 65, "0xg000", ONE + "…" + ONE, "0xe9544%", "0xe95_4e"]
)
def test_what_is_no_id_is_refused(ids: Ids, text: str) -> None:
    with refused("rpc.bad_request", "Sui"):
        ids.read(text, "task")


def test_a_subject_is_of_any_kind_or_a_name(ids: Ids, tools) -> None:
    event = LoggedEvent(1, 0, 0, "digest", "SeatExited", "0xabcd" + "3" * 60, b"")
    tools.chain_log.append(event)
    tools.journal.record("0xdada" + "4" * 60, "x", "y", "z")
    assert ids.read_subject("0xabcd") == event.subject
    assert ids.read_subject("0xdada") == "0xdada" + "4" * 60
    assert ids.read_subject(shorten(ME)) == ME
    assert ids.read_subject(ME) == ME
    with pytest.raises(AmbiguousId) as caught:
        ids.read_subject("0xe95…099")
    assert set(caught.value.fields["candidates"]) == {ONE, TWO, THREE}
    for name in ("seat", "seat:3", "staker"):
        assert ids.read_subject(name) == name


@pytest.mark.parametrize(
    "text", ["", " ", "0x", ONE + "0", ONE[2:] + "0", "0xe9 544e", "0xe9544e\u200b", "0xe9…e7…09",
             "seat…3", "0Xg000"],
)  # fmt: skip
def test_a_mistyped_id_is_not_taken_for_a_name_that_nothing_is_known_of(ids: Ids, text) -> None:
    with refused("rpc.bad_request", "Sui"):
        ids.read_subject(text)


def test_an_unknown_end_is_named_without_a_beginning(ids: Ids) -> None:
    with refused("rpc.unknown_id", "task", "e73098"):
        ids.read("…e73098", "task")


def test_the_ids_in_a_task_to_publish_are_completed(ids: Ids) -> None:
    given = {"title": "x", "parent": "0xe9555", "datasets": [{"dataset": shorten(DATASET)}, 5]}
    assert ids.complete(given) == {
        "title": "x", "parent": THREE, "datasets": [{"dataset": DATASET}, 5],
    }  # fmt: skip
    assert given["parent"] == "0xe9555"
    for same in ({}, {"parent": 5}, {"datasets": "x"}, {"datasets": [{"dataset": ONE.upper()}]}):
        assert ids.complete(same) == same
    with refused("rpc.unknown_id", "dataset"):
        ids.complete({"datasets": [{"dataset": "0xe9555"}]})


def test_a_daemons_file_is_searched_while_it_is_open(tmp_path: Path, ids: Ids) -> None:
    assert find_in_file(tmp_path / "db", "0xe9544e", "", kind="task") == [ONE]
    assert find_in_file(tmp_path / "none", "0xe9544e", "", kind="task") == []
    (tmp_path / "junk").write_bytes(b"x" * 5000)
    assert find_in_file(tmp_path / "junk", "0xe9544e", "", kind="task") == []
    assert not (tmp_path / "none").exists()


@given(st.sets(st.integers(0, 2**256 - 1), min_size=1, max_size=6), st.data())
def test_what_resolves_is_the_only_known_id_of_that_form(numbers, data) -> None:
    known = [f"0x{n:064x}" for n in numbers]
    wanted = data.draw(st.sampled_from(known))
    head, tail = data.draw(st.integers(0, 32)), data.draw(st.integers(0, 32))
    text = f"{wanted[: 2 + head]}…{wanted[66 - tail :]}"

    def find(begin: str, end: str) -> list[str]:
        return [k for k in known if k.startswith(begin) and k.endswith(end)]

    try:
        assert match_id(text, "task", find) == wanted
    except AmbiguousId:
        assert len(find(wanted[: 2 + head], wanted[66 - tail :])) > 1
    except BadRequest:
        assert head + tail < 4


@given(st.text("0123456789abcdefx….g", max_size=70))
def test_any_text_is_an_id_or_a_typed_error(text: str) -> None:
    try:
        assert len(match_id(text, "task", lambda _h, _t: ())) == 66
    except BadRequest:
        assert split_id(text) is None or len("".join(split_id(text) or ())) <= 64
    assert is_short(text) in {True, False}


@pytest.mark.parametrize("text", ["0x2", "2", "0xdee9", ONE, ONE[2:]])
def test_a_file_may_name_an_address_in_full_or_a_short_one_of_suis_own(text: str) -> None:
    assert len(parse_address(text)) == 66


@pytest.mark.parametrize("text", ["0xe9544", "0xe9544e", ONE[:-1], "0xe9544e…e73099", "", "0x"])
def test_a_file_may_not_name_an_address_by_its_beginning(text: str) -> None:
    with pytest.raises(ValueError, match=r"of the 64 digits|not a Sui address"):
        parse_address(text)
