"""Replay of a segment, and evaluation of weights."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch

from walrusd.errors import MalformedData
from walrusd.training.layers.model import build_model
from walrusd.training.numerics import arith
from walrusd.training.plan.plan import Plan
from walrusd.training.run.data import RowSource
from walrusd.training.run.state import Tensors
from walrusd.training.run.step import decode_batch
from walrusd.training.run.trace import Assignment, SegmentRecord
from walrusd.training.run.trainer import SegmentResult, run_segment
from walrusd.training.run.weights import check_weights

EVALUATION_PLACES = 1024

_FINEST = 149
"""Every float32 is a multiple of ``2**-149``."""

ReplayedSegment = SegmentRecord
"""The record of a replay. A segment is confirmed exactly if it equals the contributor's record."""


def replay_segment(
    assignment: Assignment,
    rows: RowSource,
    start_state: bytes,
    segment: int,
    frozen: Tensors | None = None,
) -> ReplayedSegment:
    """Compute ``segment`` again and return its record; arguments as for ``run_segment``.

    Raises:
        PlanRefused, MalformedData, NonFiniteValue, ProductBoundExceeded: as ``run_segment``. They
            are findings too: the error's code, segment and step say what failed.
        DeviceRefused: as ``run_segment``.
    """
    for event in run_segment(assignment, rows, start_state, segment, frozen):
        if isinstance(event, SegmentResult):
            return event.record
    raise AssertionError("run_segment ends with a SegmentResult")


@dataclass(frozen=True)
class Evaluation:
    """How well weights predict rows: places predicted correctly, all places, rows, the mean loss.

    A place is a row, or a token of one. With the mean squared error nothing is classified, and
    ``correct`` is 0.
    """

    correct: int
    places: int
    rows: int
    loss: float

    @property
    def accuracy(self) -> float:
        """The share of places predicted correctly."""
        return self.correct / self.places


def evaluate(plan: Plan, weights: Tensors, rows: RowSource) -> Evaluation:
    """Run all ``rows`` through the model, piece by piece; ties go to the smaller class (SPEC §10).

    ``weights`` holds the frozen tensors too. The loss is the rational mean of the float32 losses of
    all places, rounded once to float64.

    Raises:
        MalformedData: if there are no rows, a row is bad, or the weights do not fit the plan.
        NonFiniteValue: if a value is NaN or infinite.
        ProductBoundExceeded: if a product is too long to be exact.
    """
    check_weights(plan, weights)
    if rows.count < 1:
        raise MalformedData("there are no rows to evaluate")
    model = build_model(plan.model, plan.loss, profile=plan.profile)
    prepared = model.prepare({name: torch.from_numpy(value) for name, value in weights.items()})
    piece = max(1, EVALUATION_PLACES // math.prod(plan.model.output_shape[:-1]))
    correct = places = 0
    total = 0  # of the losses, in units of 2**-149
    for start in range(0, rows.count, piece):
        indices = np.arange(start, min(start + piece, rows.count), dtype=np.int64)
        inputs, targets = decode_batch(plan, rows.rows(indices))  # (b, …) each
        outputs = model.outputs(prepared, inputs)  # (b, …, c)
        losses, _gradient = model.losses(outputs, targets, len(indices))  # (m,)
        arith.require_finite(losses, "a loss")
        total += sum(int(math.ldexp(loss, _FINEST)) for loss in losses.tolist())
        places += losses.numel()
        if plan.loss != "mse":
            found = outputs.reshape(-1, outputs.shape[-1]).numpy().argmax(1)  # (m,)
            correct += int((found == targets.reshape(-1).numpy()).sum())
    return Evaluation(correct, places, rows.count, float(Fraction(total, places << _FINEST)))
