"""The second implementation trains the golden models and gets the committed hashes.

It is written in NumPy from the specification; the hashes were made by the product.
"""

import pytest
from threadpoolctl import threadpool_limits

from tests.golden import run as golden
from tests.golden.data import read_rows
from tests.golden.plans import MODELS
from tests.training import oracle
from tests.training.random_plans import canonical

SOURCES = {"tokens": "licence", "tabular-f32": "pixels"}


def check(model: str, segments: int) -> None:
    expected = golden.read_golden(model)
    schema = expected["plan"]["dataset"]
    rows = read_rows(SOURCES.get(schema["kind"], "digits"), schema.get("length", 0))
    # The matrices are small: threads would only wait for each other.
    with threadpool_limits(1):
        found = oracle.describe(
            canonical(expected["plan"]),
            None,
            rows,
            seed=golden.SEED,
            context=golden.CONTEXT,
            slots=golden.SLOTS,
            segments=segments,
        )
    assert found["state_root_0"] == expected["state_root_0"]
    leaves = [segment["leaf"] for segment in found["segments"]]
    assert leaves == expected["leaves"][:segments]
    last = [segment["losses"][-1][-1] for segment in found["segments"]]
    assert last == expected["losses"][:segments]


@pytest.mark.parametrize("model", MODELS)
def test_the_first_segment_in_numpy_gives_the_golden_hashes(model):
    check(model, 1)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_two_hundred_steps_in_numpy_give_the_golden_hashes(model):
    check(model, golden.read_golden(model)["plan"]["segments"])
