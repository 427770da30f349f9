"""The same seed tries the same mutants."""

from tests.mutants.equivalents import Equivalent
from tests.mutants.sampling import draw
from tests.mutants.source import Source

TEXT = "".join(f"def f{n}(a): return a < {n}\n" for n in range(50))


def draw_from(count, seed="1 core", equivalents=()):
    return draw([Source("walrusd/core/x.py", TEXT.encode())], count, seed, equivalents)


def test_a_sample_follows_from_the_seed():
    assert draw_from(10) == draw_from(10)
    assert draw_from(10) != draw_from(10, "2 core")


def test_a_larger_sample_has_all_of_a_smaller_one():
    assert draw_from(20)[:10] == draw_from(10)
    assert len({m.line for m in draw_from(20)}) == 20


def test_there_are_no_more_than_there_are():
    assert len(draw_from(1000)) == 50


def test_what_is_known_to_make_no_difference_is_passed_over():
    first = draw_from(1)[0]
    entry = Equivalent(first.file, first.before, "*", "a reason of some words")
    assert draw_from(49, equivalents=[entry]) != draw_from(49)
    assert first.line not in {m.line for m in draw_from(50, equivalents=[entry])}
