"""Losses with the gradient of their scaled sum, and the embedding."""

import torch
from torch import Tensor

from walrusd.errors import MalformedData
from walrusd.training.native import kernels
from walrusd.training.numerics import arith, functions


def cross_entropy(logits: Tensor, labels: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Return the loss of each row and the gradient of ``scale · Σ loss`` by the logits.

    ``logits`` is ``(n, classes)``, ``labels`` int64 ``(n,)``, ``scale`` a float32 value. In order:
    ``t = z − max z``; ``e = exp(t)``; ``l = fold(e)``; loss ``log(l) − t[label]``; gradient
    ``(e/l − onehot)·scale``.

    Raises:
        NonFiniteValue: if a logit is NaN or infinite.
    """
    found = kernels.cross_entropy(logits, labels, scale)
    if found is not None:
        return found
    arith.require_finite(logits, "a logit")
    shifted = logits - logits.amax(-1, keepdim=True)
    exponentials = functions.exp(shifted)
    total = arith.fold(exponentials)
    column = labels[:, None]
    loss = functions.log(total).sub_(shifted.gather(1, column)[:, 0])
    gradient = torch.div(exponentials, total[:, None])
    gradient.scatter_(1, column, gradient.gather(1, column).sub_(1.0))
    return loss, gradient.mul_(scale)


def mean_squared_error(y: Tensor, target: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Return the loss of each row, ``mean(d·d)`` with ``d = y − target``, and ``d·scale``.

    The caller's ``scale`` holds the two and the number of targets, so that the second is the
    gradient of the batch's mean loss.

    Raises:
        NonFiniteValue: if an output is NaN or infinite.
    """
    arith.require_finite(y, "an output")
    difference = y.sub(target)
    return arith.mean(difference.mul(difference)), difference.mul(scale)


def embedding(numbers: Tensor, table: Tensor) -> Tensor:
    """Return the rows of ``table`` that ``numbers``, int64 of one axis, name.

    Raises:
        MalformedData: if a number is outside the table.
    """
    if numbers.numel() and not 0 <= int(numbers.min()) <= int(numbers.max()) < table.shape[0]:
        raise MalformedData(f"a token is outside the vocabulary of {table.shape[0]}")
    return table.index_select(0, numbers)


def embedding_backward(numbers: Tensor, dy: Tensor, rows: int) -> Tensor:
    """Return ``RN32`` of the exact sums of ``q(dy)`` by row of a table of ``rows`` rows.

    The sums are exact, so their order does not matter, nor whether they are made by atomics.

    Raises:
        ProductBoundExceeded: if there are so many numbers that float64 sums could round.
        NonFiniteValue: if a gradient is NaN or infinite.
    """
    operand = arith.quantise(dy)
    arith.check_sum_bound(operand, numbers.shape[0])
    sums = torch.zeros((rows, dy.shape[1]), dtype=torch.float64, device=dy.device)
    return sums.index_add_(0, numbers, operand.wide).float()
