"""A step of exact training against the same step in ordinary torch."""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from tests.bench.measure import Measurement, time_in_turns
from walrusd.training.builders import MlpSpec
from walrusd.training.data import DatasetRows, decode_rows
from walrusd.training.dataspec import TabularSchema
from walrusd.training.modelspec import ModelSpec
from walrusd.training.optimspec import SgdSpec
from walrusd.training.plan import Plan, UpdateSpec
from walrusd.training.random import batch_rows
from walrusd.training.state import initial_state, serialize_state
from walrusd.training.trace import Assignment
from walrusd.training.trainer import run_segment
from walrusd.training.weights import init_weights

INPUTS, HIDDEN, CLASSES, BATCH = 784, 512, 10, 128
STEPS = 20
"""Steps of one measurement; what a segment costs at its ends is shared among them."""

ROWS = 2048
SEED = bytes(32)


def make_plan() -> Plan:
    """Return the plan of the perceptron that is measured."""
    return Plan(
        model=ModelSpec(MlpSpec(INPUTS, (HIDDEN,), CLASSES)),
        init_seed=SEED,
        optimizer=SgdSpec(lr=0.03125, momentum=0.875),
        micro_batches=(BATCH,),
        segments=1,
        segment_steps=STEPS,
        dataset=TabularSchema(INPUTS, -8, CLASSES),
        update=UpdateSpec(20, 26),
    )


def make_rows(plan: Plan) -> DatasetRows:
    """Return invented rows."""
    table = np.random.default_rng(1).integers(0, 256, (ROWS, INPUTS + 1), np.uint8)
    table[:, -1] %= CLASSES
    return DatasetRows(plan.dataset, table.tobytes())


def make_exact(plan: Plan, rows: DatasetRows) -> Callable[[], object]:
    """Return a thunk that trains one segment as the daemon does, trace included."""
    assignment = Assignment(plan, ctx=bytes(32), seed=SEED, committee=3)
    start = serialize_state(plan, initial_state(plan, init_weights(plan)))
    return lambda: list(run_segment(assignment, rows, start, 1))


def make_ordinary(plan: Plan, rows: DatasetRows) -> Callable[[], object]:
    """Return a thunk that does the same steps in float32 with autograd and torch's SGD."""
    model = torch.nn.Sequential(
        torch.nn.Linear(INPUTS, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, CLASSES)
    )
    optimizer = torch.optim.SGD(
        model.parameters(), lr=plan.optimizer.lr, momentum=plan.optimizer.momentum
    )

    def train() -> None:
        for step in range(1, STEPS + 1):
            chosen = batch_rows(SEED, step, BATCH, ROWS)
            features, labels = decode_rows(plan.dataset, rows.rows(chosen))
            optimizer.zero_grad()
            logits = model(torch.from_numpy(features))
            functional.cross_entropy(logits, torch.from_numpy(labels)).backward()
            optimizer.step()

    return train


def measure_training(rounds: int) -> list[Measurement]:
    """Return the overhead of exactness with one thread and with two."""
    plan = make_plan()
    rows = make_rows(plan)
    exact, ordinary = make_exact(plan, rows), make_ordinary(plan, rows)
    found = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        value, baseline = time_in_turns([exact, ordinary], rounds)
        found.append(
            Measurement(
                f"training.exact_step.{threads}_threads",
                value / STEPS,
                "ms",
                baseline / STEPS,
                f"MLP {INPUTS}-{HIDDEN}-{CLASSES}, batch {BATCH}, trace and state included; "
                "baseline: float32, autograd and torch.optim.SGD on the same rows",
            )
        )
    torch.set_num_threads(before)
    return found
