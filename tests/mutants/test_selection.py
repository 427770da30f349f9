"""Which tests must notice a mutant."""

import pytest

from tests.mutants import selection
from tests.mutants.mutant import list_mutants
from tests.mutants.selection import Index, find_statement
from tests.mutants.source import Source

FILE = "walrusd/core/x.py"
TEXT = """\
LIMIT = 2


def f(a):
    if a:
        return (a <
                LIMIT)
    return 0


def unused(a=3):
    return 1
"""
SOURCE = Source(FILE, TEXT.encode())
FAST, SLOW, BESIDE, ELSEWHERE, FAR = (
    "tests/core/test_a.py::fast",
    "tests/core/test_a.py::slow",
    "tests/core/test_a.py::beside",
    "tests/core/test_b.py::elsewhere",
    "tests/chain/test_c.py::far",
)


def record(module, tests):
    return {
        "module": module,
        "tests": {
            t: {"seconds": s, "lines": {FILE: lines} if lines else {}}
            for t, (s, lines) in tests.items()
        },
    }


@pytest.fixture
def index():
    index = Index()
    index.add(
        record(
            "tests/core/test_a.py",
            {FAST: (0.1, [5, 6]), SLOW: (2.0, [5, 6, 7]), BESIDE: (0.01, [5])},
        )
    )
    index.add(record("tests/core/test_b.py", {ELSEWHERE: (0.02, [5, 8])}))
    index.add(record("tests/chain/test_c.py", {FAR: (0.02, [])}))
    return index


def select(index, line):
    mutant = next(m for m in list_mutants(SOURCE) if m.line == line)
    return index.select(mutant, SOURCE)


def test_tests_that_execute_the_line_come_first_the_fastest_before_the_others(index):
    assert select(index, 6).batches == [[FAST, SLOW, BESIDE]]


def test_a_statement_of_several_lines_is_one(index):
    assert find_statement(SOURCE, TEXT.index("LIMIT)")) == (6, True)


def test_what_is_executed_at_import_concerns_every_test_of_the_module_and_of_the_room(index):
    assert select(index, 1).batches == [[BESIDE, ELSEWHERE, FAST, SLOW]]
    assert select(index, 11).batches == [[BESIDE, ELSEWHERE, FAST, SLOW]]


def test_what_no_test_executes_may_be_executed_by_another_process(index):
    assert select(index, 12).batches == [[BESIDE, ELSEWHERE, FAST, SLOW]]
    assert select(Index(), 12).batches == []


def test_slow_tests_are_a_batch_of_their_own_and_too_slow_ones_are_counted(index, monkeypatch):
    monkeypatch.setattr(selection, "BATCHES_S", (1.0,))
    assert select(index, 6).batches == [[FAST], [SLOW, BESIDE]]
    monkeypatch.setattr(selection, "MOST_S", 1.5)
    chosen = select(index, 6)
    assert (chosen.batches, chosen.left_out, chosen.count) == ([[FAST]], 2, 1)
