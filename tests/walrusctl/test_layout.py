"""At any width, ids are not broken, no column is missing, and every value is shown."""

import contextlib
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.walrusctl.strangers import Screen
from walrusctl.layout import GAP, Column, compute_widths, wrap
from walrusctl.render import render_result
from walrusctl.tables import LISTS
from walrusctl.values import shorten

WIDTHS = [1, 40, 80, 160, 400, None]
IDS = ["0x" + f"{n:02x}" * 32 for n in range(1, 9)]
SHORT = re.compile(r"0x[0-9a-f]{6}…[0-9a-f]{6}")
TASKS = {"tasks": [
    {"task": IDS[n], "phase": "joining", "mine": None, "reward_mist": 10**9, "stake_mist": 5,
     "joined": n, "max_submissions": 8, "accepted": 0, "publisher": IDS[n + 4]} for n in range(4)
]}  # fmt: skip
REQUESTS = {"requests": [
    {"request": IDS[n], "state": "requested", "title": "handwritten digits, once more, with care",
     "reward_mist": 10**9, "task": IDS[n + 1], "scope": "train_and_verify", "dataset": IDS[n + 2],
     "requester": IDS[n + 3], "requested_ms": 1_700_000_000_000, "mine": False} for n in range(4)
]}  # fmt: skip


def render(result: dict, width: int | None, *, full: bool) -> str:
    out = io.StringIO() if width is None else Screen()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setenv("COLUMNS", str(width or 80))
        patch.setenv("TERM", "dumb")
        render_result("x", result, full=full)
    return out.getvalue()


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("result", [TASKS, REQUESTS], ids=["tasks", "requests"])
def test_every_id_and_every_column_is_shown_unbroken(result, width, full) -> None:
    shown = render(result, width, full=full)
    ((key, items),) = result.items()
    for item in items:
        for value in item.values():
            if value in IDS:
                assert (value if full else shorten(value)) in shown
    found = re.findall(r"0x[0-9a-f…]+", shown)
    assert found
    assert all(len(text) == 66 if full else SHORT.fullmatch(text) for text in found)
    for name, heading in LISTS[key]:
        if any(item.get(name) not in (None, False) for item in items):
            assert heading in shown
    assert "mine" not in shown, "a column that says nothing is left out"
    if width is not None:
        long = [line for line in shown.splitlines() if cell_len(line) > max(width, 68)]
        assert not long, "only a word may be wider than the screen"


def test_a_pipe_has_one_line_an_item() -> None:
    shown = render(REQUESTS, None, full=True)
    assert len(shown.splitlines()) == 1 + 4
    assert not any(line.endswith(" ") for line in shown.splitlines())


def test_a_table_that_does_not_fit_becomes_records() -> None:
    assert render(TASKS, 100, full=False).splitlines()[0].split()[:2] == ["task", "phase"]
    record, *_ = render(TASKS, 80, full=True).split("\n\n")
    assert record.splitlines()[0] == f"task:       {IDS[0]}"
    record, *_ = render(TASKS, 40, full=True).split("\n\n")
    assert record.splitlines()[:2] == ["task:", f"  {IDS[0]}"]


def test_ids_of_one_object_are_unbroken() -> None:
    facts = {"aggregate_root": "ab" * 32, "task": IDS[0], "bound_mist": {IDS[1]: 2 * 10**9}}
    for width in WIDTHS:
        shown = render(facts, width, full=False)
        assert "ab" * 32 in shown
        assert IDS[0] in shown
        assert IDS[1] in shown


def test_many_numbers_are_summed_up() -> None:
    costs = {"costs": [{"submission": IDS[0], "losses": [n / 8 for n in range(900)]}]}
    shown = render(costs, None, full=False)
    assert "0.0, 0.125" in shown
    assert "… 112.375 (900 in all)" in shown
    assert shown.count(",") < 9
    assert render(costs, None, full=True).count(",") == 899


def test_an_empty_item_has_no_columns() -> None:
    assert render({"tasks": [{}]}, 80, full=False) == ""


@given(st.text("ab c\n", max_size=60), st.integers(1, 20))
def test_wrapping_loses_nothing_and_breaks_no_word(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert " ".join(lines).split() == text.split()
    for line in lines:
        assert cell_len(line.strip()) <= max(width, *map(len, text.split() or [""]))


@given(
    st.lists(st.tuples(*[st.text("ab ", max_size=30)] * 3), min_size=1, max_size=4),
    st.lists(st.booleans(), min_size=3, max_size=3),
    st.integers(1, 80),
)
def test_a_table_that_is_made_fits(rows, prose, width) -> None:
    columns = [Column("head", is_prose=is_prose) for is_prose in prose]
    widths = compute_widths(columns, rows, width)
    if widths is None:
        return
    assert sum(widths) + GAP * 2 <= width
    for row in rows:
        for cell, column, wide in zip(row, columns, widths, strict=True):
            assert max(map(cell_len, wrap(cell, wide))) <= wide or not column.is_prose
            assert column.is_prose or cell_len(cell) <= wide
