"""What the measurements are held to. A goal that is missed is marked in the table.

They are met or missed by the run at hand, on the machine at hand: no test asserts a time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.measure import Measurement


@dataclass(frozen=True)
class Goal:
    """The most that measurements whose names match may be: their value, or their ratio."""

    names: str
    quantity: str
    bound: float

    def applies_to(self, found: Measurement) -> bool:
        """Return whether it bounds this measurement."""
        return re.fullmatch(self.names, found.name) is not None

    def is_met(self, found: Measurement) -> bool:
        """Return whether the measurement keeps within the bound."""
        return bool(getattr(found, self.quantity) <= self.bound)

    def describe(self, found: Measurement) -> str:
        """Return the bound in the unit of a measurement."""
        unit = "x" if self.quantity == "ratio" else found.unit
        return f"≤ {self.bound:g} {unit}"


GOALS = (
    Goal(r"training\.gpt\d+\.[12]_threads", "ratio", 2.3),
    Goal(r"training\.(mlp|convnet)\.[12]_threads", "ratio", 2.2),
    Goal(r"training\.\w+\.q8r\.[12]_threads", "ratio", 1.3),
    Goal(r"training\.\w+(\.q8r)?\.trace\.[12]_threads", "ratio", 0.05),
    Goal(r"tracing\.\w+\.whole", "ratio", 0.03),
    Goal(r"tracing\.\w+\.state_root", "ratio", 1.6),
    Goal(r"training\.\w+(\.q8r)?\.peak_memory", "ratio", 2.5),
    Goal(r"pedersen\.commit_rows", "value", 9_000),
    Goal(r"pedersen\.verify_rows", "value", 300),
    Goal(r"stream\.(en|de)crypt", "ratio", 0.667),
    Goal(r"paillier\.encrypt", "ratio", 0.001),
    Goal(r"paillier\.verify_opening", "ratio", 0.125),
    Goal(r"paillier\.ciphertext", "value", 10.2),
    Goal(r"transaction\.build_and_sign", "value", 2),
    Goal(r"latency\.event_to_decision\.median", "value", 1_000),
    Goal(r"latency\.event_to_decision\.p99", "value", 5_000),
    Goal(r"staker\.reconcile\.1000_tasks", "value", 0.1),
    Goal(r"staker\.reconcile\.20000_joins", "ratio", 1.5),
    Goal(r"verification\.\w+\.contributor", "ratio", 0.05),
    Goal(r"verification\.\w+\.committee", "ratio", 0.475),
    Goal(r"verification\.attestation", "ratio", 1),
)
"""Stated for two idle cores; the first goal that applies counts."""


def find_goal(found: Measurement) -> Goal | None:
    """Return the goal of a measurement, if it has one."""
    return next((goal for goal in GOALS if goal.applies_to(found)), None)


def list_missed(measurements: Sequence[Measurement]) -> list[str]:
    """Return a line for each measurement that misses its goal."""
    judged = ((found, find_goal(found)) for found in measurements)
    return [
        f"{found.name}: {found.value:.3f} {found.unit}, {found.ratio:.3f} x, "
        f"not {goal.describe(found)}"
        for found, goal in judged
        if goal is not None and not goal.is_met(found)
    ]
