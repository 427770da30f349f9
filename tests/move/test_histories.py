"""Random histories of the executable specification, replayed in the Move VM: no difference."""

from functools import partial

import pytest

from .histories import stubbed_group, write_history
from .replays import Replayed, replay

QUICK, CHUNK, CHUNKS = 200, 250, 20
"""Histories in the quick suite; and, after those, in each chunk of the slow one."""


def replay_histories(first: int, count: int) -> Replayed:
    with stubbed_group():
        seeds = range(first, first + count)
        report = replay((f"history_{seed}", partial(write_history, seed)) for seed in seeds)
    assert set(report.results.values()) == {"PASS"}, report.failures
    assert len(report.results) == count
    return report


@pytest.mark.timeout(1_200)
def test_histories_agree_to_the_byte():
    report = replay_histories(0, QUICK)
    assert len(report.calls) > 25, "the histories reached too little of the contract"
    assert len(report.refusals) > 30, "the histories were refused for too few reasons"


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_many_more_histories_agree_to_the_byte(chunk):
    replay_histories(QUICK + chunk * CHUNK, CHUNK)
