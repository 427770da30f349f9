"""A second implementation of the arithmetic and of whole training runs, from the specification.

Bytes in, numbers and hashes out: nothing here imports what it is compared with, and callers hand
over no shape, no schedule and no decoded row. ``python -m tests.training.oracle`` runs a plan.
"""

from . import lines
from .arithmetic import (
    exact_product,
    exp,
    exp2,
    fold,
    fold_rows,
    grid,
    log,
    mean,
    mm,
    quantise,
    reciprocal_sqrt,
    sigmoid,
    sqrt,
    sum_rows,
)
from .commitments import hash_arrays
from .losses import cross_entropy
from .optimizers import sgd
from .trace import describe

__all__ = [
    "cross_entropy",
    "describe",
    "exact_product",
    "exp",
    "exp2",
    "fold",
    "fold_rows",
    "grid",
    "hash_arrays",
    "lines",
    "log",
    "mean",
    "mm",
    "quantise",
    "reciprocal_sqrt",
    "sgd",
    "sigmoid",
    "sqrt",
    "sum_rows",
]
