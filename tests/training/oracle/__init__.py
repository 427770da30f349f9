"""A second implementation of the arithmetic and of whole training runs, from the specification.

NumPy and Python's integers alone: nothing here imports what it is compared with.
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
from .perceptron import gradients

__all__ = [
    "cross_entropy",
    "exact_product",
    "exp",
    "exp2",
    "fold",
    "fold_rows",
    "gradients",
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
