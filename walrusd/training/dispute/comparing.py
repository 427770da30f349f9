"""Where two transcripts differ first: a step, an operation of it, a leaf of its output.

This is bisection as in refereed delegation of computation (Canetti, Riva and Rothblum, 2011), with
256 children at a time: each answer is held against the root that was given before.
"""

from dataclasses import dataclass

from walrusd.errors import ForeignTranscript
from walrusd.training.dispute.reader import Transcript
from walrusd.training.dispute.step_log import StepLog
from walrusd.training.dispute.tree import find_difference

STEP_PARTS = ("losses", "folds", "chain", "state_root")


@dataclass(frozen=True)
class StepDifference:
    """The first step at which two transcripts differ, and in which parts of it."""

    step: int
    parts: tuple[str, ...]


@dataclass(frozen=True)
class OutputDifference:
    """The first operation whose outputs differ in two logs, and the first leaf that does.

    ``leaf`` is None where the output is a hash, or one of the two is missing.
    """

    number: int
    leaf: int | None


def check_comparable(a: Transcript, b: Transcript) -> None:
    """Check that two transcripts are about the same work from the same state.

    Raises:
        ForeignTranscript: if they are not.
    """
    for what in ("subject", "segment", "start_root"):
        if getattr(a.beginning, what) != getattr(b.beginning, what):
            raise ForeignTranscript(
                f"the transcripts differ in {what.replace('_', ' ')}",
                hint="compare transcripts of the same segment of the same submission, from the "
                "same state; if they start from different states, compare the segment before",
            )


def find_step(a: Transcript, b: Transcript) -> StepDifference | None:
    """Return the first step at which two comparable transcripts differ; None if they agree."""
    index = find_difference(a.tree(), b.tree())
    if index is None:
        return None
    step = a.steps.start + index
    left, right = a.get_record(step), b.get_record(step)
    if left.code is not None or right.code is not None:
        return StepDifference(step, ("ending",))
    return StepDifference(
        step, tuple(part for part in STEP_PARTS if getattr(left, part) != getattr(right, part))
    )


def find_output(a: StepLog, b: StepLog) -> OutputDifference | None:
    """Return the first output that two logs of one step record differently; None if they agree.

    Raises:
        MalformedTranscript: if the leaves of that output do not lead to its digest.
    """
    number = find_difference(a.tree(), b.tree())
    if number is None:
        return None
    left, right = a.leaf_tree(number), b.leaf_tree(number)
    leaf = None if left is None or right is None else find_difference(left, right)
    return OutputDifference(number, leaf)
