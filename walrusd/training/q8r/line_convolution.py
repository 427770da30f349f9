"""Convolution of profile ``exact-q8r/2``: the product of patches, one grid for each line.

A patch is a row of the product, so the places of an output have grids of their own.
"""

from torch import Tensor

from walrusd.training.operators.convolution import Patches, cut_patches, paste_patches
from walrusd.training.q8r import lines
from walrusd.training.q8r.lines import Lines


def conv2d(
    x: Tensor, weight: Lines, bias: Tensor, *, kernel: int, padding: int
) -> tuple[Tensor, Patches[Lines]]:
    """Return ``mm(patches, Wᵀ) + b``, ``(b, o, H', W')``, and what the gradient needs.

    SPEC §11. ``x`` is ``(b, c, H, W)``, ``weight`` holds the matrix ``(o, c·k·k)``, ``bias`` is
    ``(o,)``; the stride is 1.

    Raises:
        ProductBoundExceeded, NonFiniteValue: as ``lines.mm`` and ``lines.quantise``.
    """
    count, channels, height, width = x.shape
    operand = lines.quantise(cut_patches(x, kernel, padding))  # (b·H'·W', c·k·k)
    saved = Patches(operand, (count, channels, height, width), kernel, padding)
    y = lines.mm(operand, weight, transpose_b=True).add_(bias)  # (b·H'·W', o)
    # (b, H', W', o) -> (b, o, H', W')
    return y.view(count, *saved.output_sides, -1).permute(0, 3, 1, 2).contiguous(), saved


def conv2d_backward(
    dy: Tensor, saved: Patches[Lines], weight: Lines, *, need_dx: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Return the gradients by input (if needed), weight matrix and bias.

    They are ``(b, c, H, W)``, ``(o, c·k·k)`` and ``(o,)`` for ``dy`` ``(b, o, H', W')``. SPEC §11:
    ``dW = mm(dyᵀ, patches)``; ``db`` folds ``dy`` over all places; the input's gradient adds the
    columns of ``mm(dy, W)`` by the kernel's offsets ``(i, j)`` in row order, RN32 each.

    Raises:
        ProductBoundExceeded, NonFiniteValue: as ``lines.mm`` and ``lines.quantise``.
    """
    operand = lines.quantise(dy.permute(0, 2, 3, 1).reshape(-1, dy.shape[1]))  # (b·H'·W', o)
    gradient = lines.mm(operand, saved.operand, transpose_a=True)  # (o, c·k·k)
    bias = lines.sum_rows(operand)  # (o,)
    if not need_dx:
        return None, gradient, bias
    return paste_patches(lines.mm(operand, weight), saved), gradient, bias
