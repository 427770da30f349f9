"""Convolution of profile ``exact-q8r/1``: the product of patches, one grid for each line.

A patch is a row of the product, so the places of an output have grids of their own.
"""

from torch import Tensor

from walrusd.training.operators.convolution import Patches, cut_patches, paste_patches
from walrusd.training.q8r import lines
from walrusd.training.q8r.lines import Lines


def conv2d(
    x: Tensor, weight: Lines, bias: Tensor, *, kernel: int, padding: int
) -> tuple[Tensor, Patches[Lines]]:
    """Return ``(n, outputs, h', w')``: ``mm(patches, Wᵀ) + b``.

    ``weight`` holds the matrix ``(outputs, c·k·k)``; the stride is 1.

    Raises:
        ProductBoundExceeded, NonFiniteValue: as ``lines.mm`` and ``lines.quantise``.
    """
    count, channels, height, width = x.shape
    operand = lines.quantise(cut_patches(x, kernel, padding))
    saved = Patches(operand, (count, channels, height, width), kernel, padding)
    y = lines.mm(operand, weight, transpose_b=True).add_(bias)
    return y.view(count, *saved.output_sides, -1).permute(0, 3, 1, 2).contiguous(), saved


def conv2d_backward(
    dy: Tensor, saved: Patches[Lines], weight: Lines, *, need_dx: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Return the gradients by input (if needed), weight matrix ``(outputs, c·k·k)`` and bias.

    ``dW = mm(dyᵀ, patches)``; ``db`` folds ``dy`` over all places. The input's gradient adds the
    columns of ``mm(dy, W)`` by the kernel's offsets ``(i, j)`` in row order, RN32 each.
    """
    operand = lines.quantise(dy.permute(0, 2, 3, 1).reshape(-1, dy.shape[1]))
    gradient = lines.mm(operand, saved.operand, transpose_a=True)
    bias = lines.sum_rows(operand)
    if not need_dx:
        return None, gradient, bias
    return paste_patches(lines.mm(operand, weight), saved), gradient, bias
