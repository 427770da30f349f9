"""Losses with the gradient of their scaled sum, and the embedding. SPEC §4, §5."""

import torch
from torch import Tensor

from walrusd.errors import MalformedData
from walrusd.training.native import kernels
from walrusd.training.numerics import arith, functions


def cross_entropy(logits: Tensor, labels: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Return the loss of each row, ``(m,)``, and the gradient of ``scale·Σ loss``, ``(m, c)``.

    ``logits`` is ``(m, c)``, ``labels`` int64 ``(m,)``, ``scale`` a float32 value. In order:
    ``t = z − max z``; ``e = exp(t)``; ``l = fold(e)``; loss ``log(l) − t[label]``; gradient
    ``(e/l − onehot)·scale``.

    Raises:
        NonFiniteValue: if a logit is NaN or infinite.
    """
    found = kernels.cross_entropy(logits, labels, scale)
    if found is not None:
        return found
    arith.require_finite(logits, "a logit")
    shifted = logits - logits.amax(-1, keepdim=True)  # (m, c)
    exponentials = functions.exp(shifted)  # (m, c)
    total = arith.fold(exponentials)  # (m,)
    column = labels[:, None]  # (m, 1), int64
    loss = functions.log(total).sub_(shifted.gather(1, column)[:, 0])  # (m,)
    gradient = torch.div(exponentials, total[:, None])  # (m, c)
    gradient.scatter_(1, column, gradient.gather(1, column).sub_(1.0))
    return loss, gradient.mul_(scale)


def mean_squared_error(y: Tensor, target: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Return the loss of each row, ``mean(d·d)`` with ``d = y − target``, and ``d·scale``.

    ``y``, ``target`` and the second result are ``(m, o)``, the losses ``(m,)``. With the caller's
    ``scale = 2/(rows·o)`` the second result is the gradient of the batch's mean loss.

    Raises:
        NonFiniteValue: if an output is NaN or infinite.
    """
    arith.require_finite(y, "an output")
    difference = y.sub(target)  # (m, o)
    return arith.mean(difference.mul(difference)), difference.mul(scale)  # (m,), (m, o)


def embedding(numbers: Tensor, table: Tensor) -> Tensor:
    """Return the rows of ``table``, ``(v, w)``, that ``numbers``, int64 ``(m,)``, name: ``(m, w)``.

    Raises:
        MalformedData: if a number is outside the table.
    """
    if numbers.numel() and not 0 <= int(numbers.min()) <= int(numbers.max()) < table.shape[0]:
        raise MalformedData(f"a token is outside the vocabulary of {table.shape[0]}")
    return table.index_select(0, numbers)  # (m, w)


def embedding_backward(numbers: Tensor, dy: Tensor, rows: int) -> Tensor:
    """Return the table's gradient, ``(v, w)``: ``RN32`` of the exact sums of ``q(dy)`` by row.

    ``numbers`` is int64 ``(m,)``, ``dy`` is ``(m, w)``, and the table has ``rows`` rows. Exact sums
    do not depend on their order, nor on whether atomic additions make them.

    Raises:
        ProductBoundExceeded: if there are so many numbers that float64 sums could round.
        NonFiniteValue: if a gradient is NaN or infinite.
    """
    operand = arith.quantise(dy)  # (m, w)
    arith.check_sum_bound(operand, numbers.shape[0])
    sums = torch.zeros((rows, dy.shape[1]), dtype=torch.float64, device=dy.device)
    return sums.index_add_(0, numbers, operand.wide).float()  # (v, w)
