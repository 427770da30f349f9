"""Random histories of the executable specification, replayed in the Move VM: no difference."""

from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.contract.test_walks import NUMBER

from .groups.stub import stubbed_group
from .histories import USUAL, start_walk, write_history, write_walk
from .replays import Replayed, replay

QUICK, CHUNK, CHUNKS = 60, 235, 4
"""Histories of a seed in the quick suite; and, after those, in each chunk of the slow one.

They are the thousand with which changed rules are caught.
"""

DRIVEN, WIDELY_DRIVEN, MANY_DRIVEN, DRIVES = 40, 200, 500, 10
"""Histories whose steps hypothesis draws: in the quick suite, and in each drive of the slow one.

The first drive of the slow one is counted: what it reaches.
"""


def replay_histories(first: int, count: int) -> Replayed:
    with stubbed_group():
        seeds = range(first, first + count)
        report = replay((f"history_{seed}", partial(write_history, seed)) for seed in seeds)
    return check(report, count)


def check(report: Replayed, count: int) -> Replayed:
    assert set(report.results.values()) == {"PASS"}, report.failures
    assert len(report.results) == count
    return report


def drive_histories(count: int, drive: int = 0) -> dict[str, str]:
    """Let hypothesis choose where histories start and which steps they take; write them all.

    They are replayed together: one start of the VM for each would take a second.
    """
    texts: dict[str, str] = {}

    @seed(drive)
    @settings(
        max_examples=4 * count,  # many of them take the same steps
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.integers(0, 2**32 - 1),
        st.lists(
            st.tuples(st.sampled_from((*USUAL, *["go_on"] * 40)), NUMBER), min_size=12, max_size=40
        ),
    )
    def record(start, steps):
        if len(texts) == count:
            return
        history = start_walk(start)
        for name, number in steps:
            getattr(history, name)(number)
        text = write_walk("driven", history.m, start)
        if text not in texts.values():
            texts[f"driven_{len(texts)}"] = text

    with stubbed_group():
        record()
    return {
        name: text.replace("module walrusd::driven;", f"module walrusd::{name};")
        for name, text in texts.items()
    }


def test_histories_agree_to_the_byte():
    replay_histories(0, QUICK)


def replay_driven(count: int, drive: int = 0) -> Replayed:
    texts = drive_histories(count, drive)
    return check(replay((name, partial(texts.get, name)) for name in texts), count)


def test_histories_that_hypothesis_drives_agree_to_the_byte():
    report = replay_driven(DRIVEN)
    assert len(report.calls) > 25, "the histories reached too little of the contract"


@pytest.mark.slow
def test_histories_that_hypothesis_drives_reach_most_of_the_contract():
    report = replay_driven(WIDELY_DRIVEN)
    assert len(report.calls) > 25, "the histories reached too little of the contract"
    assert len(report.refusals) > 30, "the histories were refused for too few reasons"


@pytest.mark.slow
@pytest.mark.parametrize("drive", range(1, DRIVES + 1))
def test_many_more_histories_that_hypothesis_drives_agree_to_the_byte(drive):
    replay_driven(MANY_DRIVEN, drive)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_many_more_histories_agree_to_the_byte(chunk):
    replay_histories(QUICK + chunk * CHUNK, CHUNK)
