"""The second implementation trains the golden models and gets the committed hashes.

It is written in NumPy from the specification; the hashes were made by the product.
"""

import hashlib

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tests.golden import run as golden
from tests.golden.plans import MODELS
from tests.training.oracle.run import Run
from walrusd.training.plan.plan import read_plan


def start(model: str) -> tuple[Run, dict]:
    """Return the second implementation before its first step, and what it must reach."""
    expected = golden.read_golden(model)
    plan = read_plan(expected["plan"])
    tensors = (*plan.model.tensors(), *plan.model.frozen_tensors())
    rows = golden.make_rows(plan)
    everything = rows.rows(np.arange(rows.count, dtype=np.int64))
    table = np.frombuffer(everything, np.uint8).reshape(rows.count, -1)
    return Run(expected["plan"], {t.name: t.shape for t in tensors}, table), expected


def check(model: str, segments: int) -> None:
    run, expected = start(model)
    assert run.root().hex() == expected["state_root_0"]
    # The matrices are small: threads would only wait for each other.
    with threadpool_limits(1):
        for number in range(segments):
            leaf = run.segment(golden.CONTEXT, golden.SEED, golden.COMMITTEE)
            state = hashlib.sha256(run.state()).hexdigest()
            assert (state, leaf.hex()) == (expected["states"][number], expected["leaves"][number])


@pytest.mark.parametrize("model", MODELS)
def test_the_first_segment_in_numpy_gives_the_golden_hashes(model):
    check(model, 1)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_two_hundred_steps_in_numpy_give_the_golden_hashes(model):
    check(model, golden.read_golden(model)["plan"]["segments"])
