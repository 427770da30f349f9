"""Replay of a segment, and evaluation of weights."""

from dataclasses import dataclass

import numpy as np
import torch

from walrusd.training.data import RowSource, decode_rows
from walrusd.training.losses import cross_entropy
from walrusd.training.model import build_model
from walrusd.training.plan import Plan
from walrusd.training.state import Tensors, check_tensors
from walrusd.training.trace import Assignment, SegmentRecord
from walrusd.training.trainer import SegmentResult, run_segment

EVALUATION_BATCH = 1024

ReplayedSegment = SegmentRecord
"""What a replay gives. A segment is confirmed exactly if this equals the contributor's record."""


def replay_segment(
    assignment: Assignment,
    rows: RowSource,
    start_state: bytes,
    segment: int,
) -> ReplayedSegment:
    """Do the work of ``segment`` again and return its record.

    Raises:
        PlanRefused, MalformedData, NonFiniteValue, ProductBoundExceeded: as ``run_segment``; a
            replay that ends so is a finding too, named by the error's code, segment and step.
    """
    for event in run_segment(assignment, rows, start_state, segment):
        if isinstance(event, SegmentResult):
            return event.record
    raise AssertionError("run_segment ends with a SegmentResult")


@dataclass(frozen=True)
class Evaluation:
    """Rows classified correctly, rows in all, and the mean loss (for display)."""

    correct: int
    rows: int
    loss: float

    @property
    def accuracy(self) -> float:
        """The share of rows classified correctly."""
        return self.correct / self.rows


def evaluate(plan: Plan, weights: Tensors, rows: RowSource) -> Evaluation:
    """Classify all ``rows`` in pieces of 1024, exactly; ties go to the smaller class.

    Raises:
        MalformedData: if there are no rows, a row is bad, or the weights do not fit the plan.
        NonFiniteValue: if a value is NaN or infinite.
    """
    check_tensors(plan, weights, "weights")
    model = build_model(plan.model)
    prepared = model.prepare({name: torch.from_numpy(value) for name, value in weights.items()})
    correct = 0
    total = 0.0
    for start in range(0, rows.count, EVALUATION_BATCH):
        indices = np.arange(start, min(start + EVALUATION_BATCH, rows.count), dtype=np.int64)
        features, labels = decode_rows(plan.dataset, rows.rows(indices))
        logits = model.logits(prepared, torch.from_numpy(features))
        losses, _gradient = cross_entropy(logits, torch.from_numpy(labels), 1.0)
        correct += int((logits.numpy().argmax(1) == labels).sum())
        total += sum(losses.tolist())
    return Evaluation(correct, rows.count, total / rows.count)
