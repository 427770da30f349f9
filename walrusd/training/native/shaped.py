"""The compiled attention and convolution. They return None as ``kernels.py`` says."""

import ctypes

import torch
from torch import Tensor

from walrusd.training.native.library import empty, find_kernel

SPARE = 64
"""Floats after padded images: kernels read whole vectors, and drop what is outside the images."""


def _numbers(*values: int) -> ctypes.Array[ctypes.c_int64]:
    return (ctypes.c_int64 * len(values))(*values)


def _rows(x: Tensor) -> Tensor:
    """Return ``x``, or a copy, whose last axis is contiguous."""
    return x if x.stride(-1) == 1 else x.contiguous()


def attend(
    q: Tensor, k: Tensor, v: Tensor, scale: float, bits: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor] | None:
    """Return query, key and value on their grids, numerators, totals and output.

    ``q`` is ``(b, h, t, d)``, ``k`` and ``v`` are ``(b, j, t, d)``. The query's grid and the output
    are ``(b·h, t, d)``, the other grids ``(b·j, t, d)``, totals ``(b·h, t, 1)``. Numerators,
    ``(b·h, t, t)``, are defined on and below the diagonal only.
    """
    kernel = find_kernel("attention", q, k, v)
    if kernel is None:
        return None
    q, k, v = _rows(q), _rows(k), _rows(v)
    batch, heads, length, size = q.shape
    grids = [empty((x.shape[0] * x.shape[1], length, size)) for x in (q, k, v)]
    numerators = empty((batch * heads, length, length))
    totals = empty((batch * heads, length, 1))
    output = empty((batch * heads, length, size))
    strides = [step for x in (q, k, v) for step in x.stride()[:3]]
    failed = kernel(
        *(x.data_ptr() for x in (q, k, v, *grids, numerators, totals, output)),
        _numbers(batch, heads, k.shape[1], length, size, *strides),
        scale,
        bits,
    )
    return None if failed else (grids[0], grids[1], grids[2], numerators, totals, output)


def attend_backward(
    dy: Tensor,
    saved: tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor],
    factors: tuple[float, float],
    bits: int,
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return the gradients by ``q``, ``k`` and ``v``, each ``(b·h, t, d)``.

    ``dy`` is ``(b, h, t, d)``, ``saved`` what ``attend`` returned; ``factors`` multiply the first
    two results.
    """
    kernel = find_kernel("attention_backward", dy, *saved)
    if kernel is None:
        return None
    query, key, value, numerators, totals, output = saved
    dy = _rows(dy)
    batch, heads, length, size = dy.shape
    divided, dq, dk, dv = (torch.empty_like(query) for _ in range(4))
    deltas = empty((batch * heads, length))
    failed = kernel(
        dy.data_ptr(),
        output.data_ptr(),
        *(x.data_ptr() for x in (query, key, value, numerators, totals)),
        *(x.data_ptr() for x in (divided, deltas, dq, dk, dv)),
        _numbers(batch, heads, key.shape[0] // batch, length, size, *dy.stride()[:3], *[0] * 6),
        *factors,
        bits,
    )
    return None if failed else (dq, dk, dv)


def quantise_padded(x: Tensor, padding: int, bits: int) -> Tensor | None:
    """Return the grid values of images ``(b, c, H, W)`` in a border of zeros.

    The result is ``(b, c, H + 2·padding, W + 2·padding)``, followed by ``SPARE`` more floats.
    """
    kernel = find_kernel("quantise_padded", x)
    if kernel is None:
        return None
    x = x.contiguous()
    count, channels, height, width = x.shape
    sides = height + 2 * padding, width + 2 * padding
    size = count * channels * sides[0] * sides[1]
    padded = torch.zeros(size + SPARE, dtype=torch.float32)
    failed = kernel(x.data_ptr(), padded.data_ptr(), count * channels, height, width, padding, bits)
    return None if failed else padded[:size].view(count, channels, *sides)


def convolve(padded: Tensor, weight: Tensor, bias: Tensor, kernel_side: int) -> Tensor | None:
    """Return the convolution, ``(b, o, H', W')``, of what ``quantise_padded`` returned.

    ``weight`` holds grid values, ``(o, c·k·k)``; ``bias`` is ``(o,)``.
    """
    kernel = find_kernel("convolve", padded, weight, bias)
    if kernel is None:
        return None
    count, channels, high, wide = padded.shape
    outputs = weight.shape[0]
    y = empty((count, outputs, high - kernel_side + 1, wide - kernel_side + 1))
    failed = kernel(
        padded.data_ptr(),
        weight.contiguous().data_ptr(),
        bias.contiguous().data_ptr(),
        y.data_ptr(),
        _numbers(count, channels, high, wide, outputs, kernel_side),
    )
    return None if failed else y


def convolve_backward(
    dy: Tensor, padded: Tensor, weight: Tensor, padding: int, kernel_side: int, *, need_dx: bool
) -> tuple[Tensor | None, Tensor] | None:
    """Return the gradients by input, ``(b, c, H, W)``, and weight, ``(o, c·k·k)``.

    ``dy`` holds grid values, ``(b, o, H', W')``; ``padded`` is as for ``convolve``.
    """
    by_input = find_kernel("convolve_input", dy, weight)
    by_weight = find_kernel("convolve_weights", dy, padded)
    if by_input is None or by_weight is None:
        return None
    count, channels, high, wide = padded.shape
    outputs = dy.shape[1]
    widened = torch.nn.functional.pad(dy, (0, kernel_side - 1))
    numbers = _numbers(count, channels, high, wide, outputs, kernel_side)
    dweight = empty((outputs, channels * kernel_side * kernel_side))
    if by_weight(padded.data_ptr(), widened.data_ptr(), dweight.data_ptr(), numbers):
        return None
    if not need_dx:
        return None, dweight
    dx = empty((count, channels, high - 2 * padding, wide - 2 * padding))
    weight = weight.contiguous()
    if by_input(widened.data_ptr(), weight.data_ptr(), dx.data_ptr(), numbers, padding):
        return None
    return dx, dweight


def sum_planes(x: Tensor) -> Tensor | None:
    """Return ``RN32`` of the exact sums by channel of grid values ``(b, c, H, W)``: ``(c,)``."""
    kernel = find_kernel("sum_planes", x)
    if kernel is None:
        return None
    x = x.contiguous()
    sums = empty(x.shape[1])
    kernel(x.data_ptr(), sums.data_ptr(), x.shape[0], x.shape[1], x.shape[2] * x.shape[3])
    return sums


def pool(x: Tensor, size: int, share: float) -> Tensor | None:
    """Return the average pooling of ``(b, c, H, W)``, ``(b, c, H/s, W/s)``.

    The sides are multiples of ``size``; ``share`` is ``RN32(1/s²)``.
    """
    kernel = find_kernel("pool", x)
    if kernel is None:
        return None
    x = x.contiguous()
    count, channels, height, width = x.shape
    y = empty((count, channels, height // size, width // size))
    rows = count * channels * (height // size)
    failed = kernel(x.data_ptr(), y.data_ptr(), rows, width // size, size, share)
    return None if failed else y


def pool_backward(dy: Tensor, size: int, share: float) -> Tensor | None:
    """Return the gradient by the images, ``(b, c, H, W)``, for ``dy`` ``(b, c, H/s, W/s)``."""
    kernel = find_kernel("pool_backward", dy)
    if kernel is None:
        return None
    dy = dy.contiguous()
    count, channels, high, wide = dy.shape
    dx = empty((count, channels, high * size, wide * size))
    kernel(dy.data_ptr(), dx.data_ptr(), count * channels * high, wide, size, share)
    return dx


def cut_patches(x: Tensor, kernel_side: int, padding: int) -> Tensor | None:
    """Return the patches of images ``(b, c, H, W)``: ``(b·H'·W', c·k·k)``."""
    kernel = find_kernel("cut_patches", x)
    if kernel is None or x.numel() == 0:
        return None
    x = x.contiguous()
    count, channels, height, width = x.shape
    places = (height + 2 * padding - kernel_side + 1) * (width + 2 * padding - kernel_side + 1)
    patches = empty((count * places, channels * kernel_side * kernel_side))
    sizes = _numbers(count, channels, height, width, kernel_side, padding)
    return None if kernel(x.data_ptr(), patches.data_ptr(), sizes) else patches


def paste_patches(
    patches: Tensor, shape: tuple[int, int, int, int], kernel_side: int, padding: int
) -> Tensor | None:
    """Return images of ``shape``, ``(b, c, H, W)``: the sums of patches where they overlap.

    ``patches`` is ``(b·H'·W', c·k·k)``.
    """
    kernel = find_kernel("paste_patches", patches)
    if kernel is None or patches.numel() == 0:
        return None
    patches = patches.contiguous()
    x = empty(shape)
    sizes = _numbers(*shape, kernel_side, padding)
    return None if kernel(patches.data_ptr(), x.data_ptr(), sizes) else x
