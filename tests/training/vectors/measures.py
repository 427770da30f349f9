"""The cost of a run and of a step, and an evaluation (SPEC chapter 10)."""

from fractions import Fraction

from .exact import rn64

LARGEST_STEP_COST = 2**63 - 1


def mean_cost(losses):
    """Return the mean of losses in units of 2^−32, rounded to an integer, ties to even."""
    return round(sum(losses) / Fraction(len(losses)) * 2**32)


def compute_cost(losses):
    """Return the cost of a run from the losses of its last segment; None if it needs 65 bits."""
    cost = mean_cost(losses)
    return cost if cost < 2**64 else None


def compute_step_cost(losses):
    return min(mean_cost(losses), LARGEST_STEP_COST)


def evaluate(run):
    """Return what an evaluation of a run's weights on all its rows gives."""
    inputs, labels = run.decode(range(len(run.rows)))
    assert len(inputs) <= 1024, "one piece is enough for the examples"
    logits = run.forward(inputs)[-1]
    correct = sum(row.index(max(row)) == label for row, label in zip(logits, labels, strict=True))
    losses = [run.row_loss(row, label) for row, label in zip(logits, labels, strict=True)]
    return {
        "correct": correct,
        "places": len(labels),
        "rows": len(labels),
        "accuracy": rn64(Fraction(correct, len(labels))),
        "loss": rn64(sum(losses) / Fraction(len(losses))),
    }
