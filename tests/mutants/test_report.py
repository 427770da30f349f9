"""What a run leaves: results as they come, a report, and an exit status that follows from it."""

import json

from tests.mutants.mutant import list_mutants
from tests.mutants.report import Run, count_rooms, format_report, write_report
from tests.mutants.results import Journal, Result
from tests.mutants.source import Source

SOURCE = Source("walrusd/core/x.py", b"def f(a, b):\n    return a < b\n")
MUTANTS = sorted(list_mutants(SOURCE), key=lambda mutant: mutant.operator)
RUN = Run(seed=7, sample=3, recording_s=1, trying_s=2, python="3.11")
OUTCOMES = ("survived", "failed", "timeout")
TRIED = [
    (mutant, Result(mutant.name, outcome, ran=4, left_out=2))
    for mutant, outcome in zip(MUTANTS, OUTCOMES, strict=True)
]


def test_a_room_is_counted():
    (count,) = count_rooms(TRIED, {"core": 30})
    assert (count.tried, count.killed, count.timeouts, count.survived) == (3, 2, 1, 1)
    assert round(count.survivors_percent, 1) == 33.3
    assert count.too_many


def test_what_may_survive_may():
    (count,) = count_rooms(TRIED, {"core": 34})
    assert not count.too_many


def test_what_no_test_executes_counts_as_a_survivor():
    (count,) = count_rooms([(MUTANTS[0], Result(MUTANTS[0].name, "untested"))], {"core": 0})
    assert (count.untested, count.survivors_percent, count.too_many) == (1, 100, True)


def test_a_room_without_mutants_has_no_survivors():
    (count,) = count_rooms([], {"core": 0})
    assert not count.too_many


def test_the_report_shows_each_survivor_where_it_is_and_how(tmp_path):
    counts = count_rooms(TRIED, {"core": 30})
    text = format_report(RUN, counts, TRIED, {SOURCE.path: SOURCE.data})
    assert "Seed 7" in text
    assert "| core | 3 | 2 | 1 | 1 | 0 | 33.3 | 30 **exceeded** |" in text
    assert "### walrusd/core/x.py:2 (comparison)" in text
    assert "-    return a < b\n+    return a <= b" in text
    assert "2 more would have taken too long" in text
    write_report(tmp_path, RUN, counts, TRIED, {SOURCE.path: SOURCE.data})
    found = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert found["run"]["seed"] == 7
    assert [m["outcome"] for m in found["mutants"]] == list(OUTCOMES)


def test_results_hold_for_one_tree_and_a_torn_line_for_none(tmp_path):
    path = tmp_path / "results.jsonl"
    journal = Journal(path, "tree")
    assert journal.read() == {}
    first, second = (result for _, result in TRIED[:2])
    journal.begin([first])
    journal.add(second)
    assert journal.read() == {first.name: first, second.name: second}
    path.write_bytes(path.read_bytes()[:-5])
    assert journal.read() == {first.name: first}
    assert Journal(path, "another tree").read() == {}
