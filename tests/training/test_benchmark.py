"""What a machine does in a second is measured on a plan that trains."""

from collections.abc import Iterator
from itertools import count

from walrusd.training.selftest.benchmark import make_benchmark_plan, measure_rate


def test_the_rate_is_the_work_of_whole_segments_by_the_clock() -> None:
    ticks: Iterator[int] = count()

    def now() -> float:
        return 0.5 * next(ticks)

    # Looked at: at the beginning, after each of two segments, and for the quotient, at 1.5 s.
    work = make_benchmark_plan().segment_work()
    assert measure_rate(1.0, now) == int(2 * work / 1.5)
