"""The compiled kernels as functions of tensors.

Each gives the bits of the definition of the same name, in the module that calls it, which has the
formulas. Each returns None where the kernel is missing or does not take its arguments: then the
caller falls back on the definition, which also raises any error.
"""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from walrusd.training.native.library import empty, find_kernel


def quantise(x: Tensor, bits: int) -> Tensor | None:
    """Return the grid values of ``x``, of any shape, as float32 in that shape."""
    kernel = find_kernel("quantise", x)
    if kernel is None:
        return None
    x = x.contiguous()
    y = torch.empty_like(x)
    return None if kernel(x.data_ptr(), y.data_ptr(), x.numel(), bits) else y


def is_finite(x: Tensor) -> bool | None:
    """Return whether every value of ``x``, of any shape, is finite."""
    kernel = find_kernel("check_finite", x)
    if kernel is None:
        return None
    x = x.contiguous()
    return kernel(x.data_ptr(), x.numel()) == 0


def find_peak(x: Tensor) -> float | None:
    """Return the largest magnitude of ``x``, of any shape; None too if a value is not finite."""
    kernel = find_kernel("peak", x)
    if kernel is None:
        return None
    x = x.contiguous()
    largest = ctypes.c_float()
    failed = kernel(x.data_ptr(), x.numel(), ctypes.addressof(largest))
    return None if failed else largest.value


def sum_squares(x: Tensor, exponent: int) -> int | None:
    """Return the exact sum of the squares of ``RNE(x/2^exponent)``, integers of 20 bits."""
    kernel = find_kernel("sum_squares", x)
    if kernel is None:
        return None
    x = x.contiguous()
    sums = (ctypes.c_uint64 * 2)()
    failed = kernel(x.data_ptr(), x.numel(), exponent, ctypes.addressof(sums))
    return None if failed else (sums[0] << 32) + sums[1]


def product(left: Tensor, right: Tensor) -> Tensor | None:
    """Return ``RN32`` of the exact product ``(m, n)`` of grid values, of any strides.

    ``left`` is ``(m, k)``, ``right`` ``(k, n)``.
    """
    kernel = find_kernel("product", left, right)
    if kernel is None:
        return None
    rows, depth = left.shape
    columns = right.shape[1]
    if 0 in (rows, columns, depth) or depth != right.shape[0]:
        return None
    result = empty((rows, columns))  # (m, n)
    failed = kernel(
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


def sum_rows(x: Tensor) -> Tensor | None:
    """Return ``RN32`` of the exact sums over the rows of grid values ``(m, n)``: ``(n,)``."""
    kernel = find_kernel("sum_rows", x)
    if kernel is None:
        return None
    x = x.contiguous()
    sums = empty(x.shape[1])
    kernel(x.data_ptr(), sums.data_ptr(), x.shape[0], x.shape[1])
    return sums


def fold(x: Tensor) -> Tensor | None:
    """Return the binary fold over the last axis, ``(…, n) -> (…)``."""
    kernel = find_kernel("fold", x)
    if kernel is None or x.numel() == 0:
        return None
    x = x.contiguous()
    sums = empty(x.shape[:-1])  # (…)
    kernel(x.data_ptr(), sums.data_ptr(), sums.numel(), x.shape[-1])
    return sums


def fold_each(tensors: Sequence[Tensor]) -> Tensor | None:
    """Return the fold of all elements of each tensor, in C order: ``(len(tensors),)``."""
    kernel = find_kernel("fold", *tensors)
    if kernel is None or not all(x.numel() for x in tensors):
        return None
    flat = [x.contiguous() for x in tensors]
    sums = empty(len(flat))
    place = sums.data_ptr()
    for at, x in enumerate(flat):
        kernel(x.data_ptr(), place + 4 * at, 1, x.numel())
    return sums


def fold_rows(x: Tensor) -> Tensor | None:
    """Return the binary fold over the first axis, ``(n, …) -> (…)``."""
    kernel = find_kernel("fold_rows", x)
    if kernel is None or x.numel() == 0:
        return None
    x = x.contiguous()
    sums = empty(x.shape[1:])  # (…)
    kernel(x.data_ptr(), sums.data_ptr(), x.shape[0], sums.numel())
    return sums


def relu_backward(dy: Tensor, y: Tensor) -> Tensor | None:
    """Return ``dy`` where ``y > 0``, else 0; both have any one shape."""
    kernel = find_kernel("relu_backward", dy, y)
    if kernel is None:
        return None
    dy, y = dy.contiguous(), y.contiguous()
    dx = torch.empty_like(dy)
    kernel(dy.data_ptr(), y.data_ptr(), dx.data_ptr(), dx.numel())
    return dx


def activate(name: str, x: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return ``x·s`` and ``s`` of the activation ``gelu`` or ``silu``, in the shape of ``x``."""
    kernel = find_kernel(name, x)
    if kernel is None:
        return None
    x = x.contiguous()
    y, gate = torch.empty_like(x), torch.empty_like(x)
    kernel(x.data_ptr(), y.data_ptr(), gate.data_ptr(), x.numel())
    return y, gate


def activate_backward(name: str, dy: Tensor, x: Tensor, gate: Tensor) -> Tensor | None:
    """Return the gradient by the input of ``gelu`` or ``silu``; all tensors have one shape."""
    kernel = find_kernel(f"{name}_backward", dy, x, gate)
    if kernel is None:
        return None
    dy, x, gate = dy.contiguous(), x.contiguous(), gate.contiguous()
    dx = torch.empty_like(dy)
    kernel(dy.data_ptr(), x.data_ptr(), gate.data_ptr(), dx.data_ptr(), dx.numel())
    return dx


def normalise(
    x: Tensor, gain: Tensor, bias: Tensor | None, epsilon: float, inverse: float
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return output ``(m, w)``, unit rows ``(m, w)`` and scales ``(m, 1)``.

    They are those of LayerNorm or, without a bias, of RMSNorm. ``x`` is ``(m, w)``, ``gain`` and
    ``bias`` are ``(w,)``, ``inverse`` is ``RN32(1/w)``.
    """
    kernel = find_kernel("norm", x, gain)
    if kernel is None:
        return None
    x = x.contiguous()
    y, unit, scale = torch.empty_like(x), torch.empty_like(x), empty((x.shape[0], 1))
    failed = kernel(
        x.data_ptr(),
        gain.contiguous().data_ptr(),
        None if bias is None else bias.contiguous().data_ptr(),
        y.data_ptr(),
        unit.data_ptr(),
        scale.data_ptr(),
        x.shape[0],
        x.shape[1],
        epsilon,
        inverse,
    )
    return None if failed else (y, unit, scale)


def normalise_backward(
    dy: Tensor, unit: Tensor, scale: Tensor, gain: Tensor, inverse: float, *, centred: bool
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return the gradients by input ``(m, w)``, gain ``(w,)`` and bias ``(w,)``.

    The last is empty for RMSNorm, which is not ``centred``. ``dy`` and ``unit`` are ``(m, w)``,
    ``scale`` is ``(m, 1)``.
    """
    kernel = find_kernel("norm_backward", dy, unit, scale, gain)
    if kernel is None:
        return None
    dy = dy.contiguous()
    width = dy.shape[1]
    dx, dgain, dbias = torch.empty_like(dy), empty(width), empty(width * centred)
    failed = kernel(
        dy.data_ptr(),
        unit.contiguous().data_ptr(),
        scale.contiguous().data_ptr(),
        gain.contiguous().data_ptr(),
        dx.data_ptr(),
        dgain.data_ptr(),
        dbias.data_ptr() if centred else None,
        dy.shape[0],
        width,
        inverse,
    )
    return None if failed else (dx, dgain, dbias)


def cross_entropy(logits: Tensor, labels: Tensor, scale: float) -> tuple[Tensor, Tensor] | None:
    """Return the losses ``(m,)`` and the scaled gradient ``(m, c)``.

    ``logits`` is ``(m, c)``, ``labels`` int64 ``(m,)``.
    """
    kernel = find_kernel("cross_entropy", logits)
    if kernel is None or labels.dtype != torch.int64 or labels.shape != logits.shape[:1]:
        return None
    logits, labels = logits.contiguous(), labels.contiguous()
    losses, gradient = empty(logits.shape[0]), torch.empty_like(logits)
    failed = kernel(
        logits.data_ptr(),
        labels.data_ptr(),
        losses.data_ptr(),
        gradient.data_ptr(),
        logits.shape[0],
        logits.shape[1],
        scale,
    )
    return None if failed else (losses, gradient)


def sgd(weights: Tensor, momenta: Tensor, gradient: Tensor, lr: float, momentum: float) -> bool:
    """Do one step of SGD in place on contiguous tensors of one shape; return whether done."""
    kernel = find_kernel("sgd", weights, momenta, gradient)
    if kernel is None or not (weights.is_contiguous() and momenta.is_contiguous()):
        return False
    gradient = gradient.contiguous()
    kernel(
        weights.data_ptr(),
        momenta.data_ptr(),
        gradient.data_ptr(),
        weights.numel(),
        lr,
        momentum,
    )
    return True


def adamw(
    weights: Tensor,
    first: Tensor,
    second: Tensor,
    gradient: Tensor,
    constants: tuple[float, float, float, float, float],
) -> bool:
    """Do one step of AdamW in place on contiguous tensors of one shape; return whether done.

    ``constants`` are ``β1``, ``β2``, and the ``e``, ``c`` and ``decay`` of the step.
    """
    kernel = find_kernel("adamw", weights, first, second, gradient)
    contiguous = weights.is_contiguous() and first.is_contiguous() and second.is_contiguous()
    if kernel is None or not contiguous:
        return False
    gradient = gradient.contiguous()
    kernel(
        weights.data_ptr(),
        first.data_ptr(),
        second.data_ptr(),
        gradient.data_ptr(),
        weights.numel(),
        *constants,
    )
    return True
