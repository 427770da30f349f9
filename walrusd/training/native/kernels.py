"""The compiled kernels as functions of tensors. Call one only where ``library.serves`` says so.

Every function gives the bits of the definition of the same name, which is in the module that calls
it; shapes and formulas stand there. None stands for "not here": the definition must do it, and
raise what is to be raised.
"""

import torch
from torch import Tensor

from walrusd.training.native.library import get_function


def quantise(x: Tensor, bits: int) -> Tensor | None:
    """Return the grid values of ``x`` as float32."""
    x = x.contiguous()
    y = torch.empty_like(x)
    failed = get_function("quantise")(x.data_ptr(), y.data_ptr(), x.numel(), bits)
    return None if failed else y


def is_finite(x: Tensor) -> bool:
    """Say whether no value is NaN or infinite."""
    x = x.contiguous()
    return get_function("check_finite")(x.data_ptr(), x.numel()) == 0


def product(left: Tensor, right: Tensor) -> Tensor | None:
    """Return ``RN32`` of the exact product of two matrices of grid values, of any strides."""
    rows, depth = left.shape
    columns = right.shape[1]
    result = torch.empty((rows, columns))
    failed = get_function("product")(
        left.data_ptr(),
        left.stride(0),
        left.stride(1),
        right.data_ptr(),
        right.stride(1),
        right.stride(0),
        result.data_ptr(),
        rows,
        columns,
        depth,
    )
    return None if failed else result


def sum_rows(x: Tensor) -> Tensor:
    """Return ``RN32`` of the exact sums over the rows of grid values ``(rows, columns)``."""
    x = x.contiguous()
    sums = torch.empty(x.shape[1])
    get_function("sum_rows")(x.data_ptr(), sums.data_ptr(), x.shape[0], x.shape[1])
    return sums


def fold(x: Tensor) -> Tensor:
    """Return the binary fold over the last axis."""
    x = x.contiguous()
    sums = torch.empty(x.shape[:-1])
    get_function("fold")(x.data_ptr(), sums.data_ptr(), sums.numel(), x.shape[-1])
    return sums


def fold_rows(x: Tensor) -> Tensor:
    """Return the binary fold over the first axis."""
    x = x.contiguous()
    sums = torch.empty(x.shape[1:])
    get_function("fold_rows")(x.data_ptr(), sums.data_ptr(), x.shape[0], sums.numel())
    return sums


def sgd(weights: Tensor, momenta: Tensor, gradient: Tensor, lr: float, momentum: float) -> None:
    """Do one step of SGD in place on contiguous tensors."""
    get_function("sgd")(
        weights.data_ptr(),
        momenta.data_ptr(),
        gradient.contiguous().data_ptr(),
        weights.numel(),
        lr,
        momentum,
    )


def adamw(
    weights: Tensor,
    first: Tensor,
    second: Tensor,
    gradient: Tensor,
    constants: tuple[float, float, float, float, float],
) -> None:
    """Do one step of AdamW in place; ``constants`` are β1, β2, ε, rate and decay of the step."""
    get_function("adamw")(
        weights.data_ptr(),
        first.data_ptr(),
        second.data_ptr(),
        gradient.contiguous().data_ptr(),
        weights.numel(),
        *constants,
    )


def cross_entropy(logits: Tensor, labels: Tensor, scale: float) -> tuple[Tensor, Tensor] | None:
    """Return the loss of each row and the scaled gradient by the logits; labels are classes."""
    logits, labels = logits.contiguous(), labels.contiguous()
    losses, gradient = torch.empty(logits.shape[0]), torch.empty_like(logits)
    failed = get_function("cross_entropy")(
        logits.data_ptr(),
        labels.data_ptr(),
        losses.data_ptr(),
        gradient.data_ptr(),
        logits.shape[0],
        logits.shape[1],
        scale,
    )
    return None if failed else (losses, gradient)
