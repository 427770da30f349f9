"""How well weights predict rows: no dropout, no gradient, grids of a piece of rows at a time."""

import math
from fractions import Fraction

import numpy as np

from .files import read_plan, read_weights, with_numbers
from .models import Tensors
from .networks import Net
from .rows import cut_rows, decode
from .run import compute_loss

PLACES = 1024
"""A piece has as many rows as have this many places, at least one."""


def evaluate(plan, weights, rows):
    """Return what weights get right of raw rows, and the mean loss; all arguments are bytes."""
    plan = with_numbers(read_plan(plan))
    tensors, table = Tensors(plan["model"]), cut_rows(plan["dataset"], rows)
    weights = read_weights(weights)
    piece = max(1, PLACES // math.prod(tensors.output[:-1]))
    found = {"correct": 0, "places": 0, "rows": len(table)}
    total = Fraction(0)
    with np.errstate(all="ignore"):
        for start in range(0, len(table), piece):
            part = table[start : start + piece]
            inputs, labels = decode(plan["dataset"], part, tensors.input)
            outputs, _ = Net(plan["profile"], tensors, weights).forward(inputs)
            losses, _ = compute_loss(plan["loss"], outputs, labels, len(part), len(part))
            total += sum(Fraction(float(loss)) for loss in losses)
            found["places"] += len(losses)
            if plan["loss"] != "mse":
                found["correct"] += int((outputs.argmax(-1) == labels).sum())
    accuracy = found["correct"] / found["places"]
    return found | {"accuracy": accuracy, "loss": float(total / found["places"])}
