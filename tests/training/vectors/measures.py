"""The cost of a run and of a step, and an evaluation (SPEC chapter 10)."""

from fractions import Fraction

from .exact import rn64

LARGEST_STEP_COST = 2**63 - 1
PIECE = 1024


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
    """Return what an evaluation of a perceptron's weights on all its rows gives."""
    correct, losses = 0, []
    for start in range(0, len(run.rows), PIECE):
        inputs, labels = run.decode(range(len(run.rows))[start : start + PIECE])
        for logits, label in zip(run.forward(inputs)[-1], labels, strict=True):
            correct += logits.index(max(logits)) == label
            losses.append(run.row_loss(logits, label))
    count = len(losses)
    return {
        "correct": correct,
        "places": count,
        "rows": count,
        "accuracy": rn64(Fraction(correct, count)),
        "loss": rn64(sum(losses) / Fraction(count)),
    }
