"""A small task on the digits, as a training job."""

import pytest

from tests.demo.cast import choose_cast
from tests.demo.task import make_plan
from walrusd.training.plan.plan import read_plan
from walrusd.training.run.jobs import RowsFile, TrainJob
from walrusd.training.run.weights import init_weights, weights_to_bytes


@pytest.fixture(scope="session")
def cast():
    return choose_cast(7)


@pytest.fixture(scope="session")
def plan(cast):
    document = make_plan(cast.init_seed)
    return read_plan(
        {**document, "model": {**document["model"], "hidden": [8]}, "segments": 3}
        | {"segment_steps": 4, "steps": 12, "batch": 8, "micro_batches": [4, 4]}
    )


@pytest.fixture
def job(plan, cast, tmp_path):
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(weights_to_bytes(plan, init_weights(plan)))
    rows = tmp_path / "rows.bin"
    rows.write_bytes(cast.train)
    document = tmp_path / "plan.json"
    document.write_bytes(plan.to_bytes())
    return TrainJob(
        plan=str(document),
        workdir=str(tmp_path / "work"),
        weights=str(weights),
        rows=RowsFile(str(rows)),
        ctx=bytes(range(32)),
        seed=bytes(32),
        slots=5,
    )
