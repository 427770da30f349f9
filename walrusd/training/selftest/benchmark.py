"""How fast this machine does the work of segments, by doing some."""

from collections.abc import Callable

import numpy as np

from walrusd.training.plan.plan import Plan, read_plan
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.state import initial_state, serialize_state
from walrusd.training.run.trace import Assignment
from walrusd.training.run.trainer import attempt_segment
from walrusd.training.run.weights import init_weights

_FEATURES, _CLASSES, _ROWS = 256, 16, 512
_SEED = b"walrusd benchmark of the machine"
"""32 bytes, which every run has."""


def make_benchmark_plan() -> Plan:
    """Return the plan whose segments are timed: products of matrices, as in most of the work."""
    return read_plan(
        {
            "version": 1,
            "profile": "exact-q20/1",
            "model": {
                "kind": "mlp",
                "inputs": _FEATURES,
                "hidden": [512, 512],
                "classes": _CLASSES,
            },
            "init_seed": _SEED.hex(),
            "loss": "softmax-cross-entropy",
            "optimizer": {"kind": "sgd", "lr": "0.01", "momentum": "0.9"},
            "schedule": "constant",
            "batch": 128,
            "micro_batches": [128],
            "steps": 4,
            "segments": 2,
            "segment_steps": 2,
            "dataset": {
                "kind": "tabular-u8",
                "features": _FEATURES,
                "scale_log2": -8,
                "classes": _CLASSES,
            },
            "update": {"scale_bits": 20, "value_bits": 26},
            "clipping": "none",
        }
    )


def measure_rate(seconds: float, now: Callable[[], float]) -> int:
    """Return the segment work a second, at least 1: whole segments, with hashes and states.

    ``now`` is a clock in seconds. A first segment, which loads libraries, is not counted.
    """
    plan = make_benchmark_plan()
    rng = np.random.default_rng(1)
    points = rng.integers(0, 256, (_ROWS, _FEATURES), np.uint8)
    labels = rng.integers(0, _CLASSES, (_ROWS, 1), np.uint8)
    rows = DatasetRows(plan.dataset, np.hstack([points, labels]).tobytes())
    weights = init_weights(plan)
    state = serialize_state(plan, initial_state(plan, weights))
    assignment = Assignment(plan, _SEED, _SEED, 1)

    def run() -> None:
        for _event in attempt_segment(assignment, rows, state, 1, weights=weights):
            pass

    run()
    began, done = now(), 0
    while done == 0 or now() < began + seconds:
        run()
        done += 1
    return max(1, int(done * plan.segment_work() / (now() - began)))
