"""Summaries of the losses of many steps: one integer per step, a few bytes per segment.

A segment may have millions of losses. To check them against the committed ones, these summaries
are compared, so the losses themselves never leave the process that computed them.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from walrusd.errors import NonFiniteValue
from walrusd.training.run.update import compute_cost, compute_step_cost

StepCosts = npt.NDArray[np.int64]
"""The loss of each step, int64 ``(steps,)`` in units of 2**-32."""

Losses = Iterable[Sequence[float]]
"""For each step the float32 loss of each micro-batch."""


@dataclass(frozen=True)
class SegmentCosts:
    """The costs of one segment: how many steps, a digest of their costs, and the final cost.

    ``final`` is the cost of the whole run if the segment is its last; None if the mean of the
    segment's losses does not fit 64 bits.
    """

    steps: int
    digest: bytes
    final: int | None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"steps": self.steps, "digest": self.digest.hex(), "final": self.final}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "SegmentCosts":
        """Read the JSON form."""
        return cls(value["steps"], bytes.fromhex(value["digest"]), value["final"])


def compute_step_costs(losses: Losses) -> StepCosts:
    """Return the cost of each step."""
    return np.fromiter((compute_step_cost(step) for step in losses), np.int64)


def digest_step_costs(costs: StepCosts) -> bytes:
    """Return the SHA-256 of step costs. It is compared on one machine, and part of no protocol."""
    return hashlib.sha256(costs_to_bytes(costs)).digest()


def costs_to_bytes(costs: StepCosts) -> bytes:
    """Return step costs as int64 little-endian."""
    return costs.astype("<i8").tobytes()


def costs_from_bytes(data: bytes) -> StepCosts:
    """Return the step costs that ``costs_to_bytes`` wrote.

    Raises:
        ValueError: if the length is not a multiple of 8 bytes.
    """
    return np.frombuffer(data, "<i8").astype(np.int64)


def compute_segment_costs(losses: Sequence[Sequence[float]]) -> SegmentCosts:
    """Return the costs of a segment from the float32 losses of each micro-batch of each step.

    Raises:
        MalformedData: if there is no loss.
    """
    costs = compute_step_costs(losses)
    try:
        final = compute_cost(loss for step in losses for loss in step)
    except NonFiniteValue:
        final = None
    return SegmentCosts(len(costs), digest_step_costs(costs), final)
