"""Convolution as a matrix product of patches, and average pooling. Layout ``(b, c, H, W)``."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from walrusd.training.native import shaped
from walrusd.training.numerics import arith
from walrusd.training.numerics.arith import Operand
from walrusd.training.plan.strict import round_to_float32

T = TypeVar("T")


@dataclass(frozen=True)
class Patches(Generic[T]):
    """What a convolution's gradient needs: the quantised patches and the sizes around them."""

    operand: T  # (b·H'·W', c·k·k)
    shape: tuple[int, int, int, int]  # (b, c, H, W)
    kernel: int  # k
    padding: int

    @property
    def output_sides(self) -> tuple[int, int]:
        """The height and width of the output, ``(H', W')``."""
        _count, _channels, height, width = self.shape
        grown = 2 * self.padding - self.kernel + 1
        return height + grown, width + grown


@dataclass(frozen=True)
class Padded:
    """What the compiled kernels need instead: the images on their grid, in a border of zeros."""

    images: Tensor  # (b, c, H + 2·padding, W + 2·padding)
    kernel: int  # k
    padding: int

    def to_patches(self) -> Patches[Operand]:
        """Return what the torch definition needs."""
        count, channels, high, wide = self.images.shape
        sides = high - 2 * self.padding, wide - 2 * self.padding
        patches = Operand(cut_patches(self.images, self.kernel, 0), arith.BITS)  # (b·H'·W', c·k·k)
        return Patches(patches, (count, channels, *sides), self.kernel, self.padding)


def _pad(x: Tensor, padding: int) -> Tensor:
    return torch.nn.functional.pad(x, (padding,) * 4) if padding else x


def cut_patches(x: Tensor, kernel: int, padding: int) -> Tensor:
    """Return the patches of ``(b, c, H, W)`` as ``(b·H'·W', c·k·k)``, one row per output place.

    A row holds the channels in order, each by kernel row and column.
    """
    found = shaped.cut_patches(x, kernel, padding)
    if found is not None:
        return found
    windows = _pad(x, padding).unfold(2, kernel, 1).unfold(3, kernel, 1)  # (b, c, H', W', k, k)
    count, channels, height, width = windows.shape[:4]
    rows = windows.permute(0, 2, 3, 1, 4, 5)  # (b, H', W', c, k, k)
    return rows.reshape(count * height * width, channels * kernel * kernel)


def conv2d(
    x: Tensor, weight: Operand, bias: Tensor, *, kernel: int, padding: int
) -> tuple[Tensor, Patches[Operand] | Padded]:
    """Return ``RN32(mm(patches, Wᵀ) + b)``, ``(b, o, H', W')``, and what the gradient needs.

    SPEC §4. ``x`` is ``(b, c, H, W)``, ``weight`` holds the matrix ``(o, c·k·k)``, ``bias`` is
    ``(o,)``; the stride is 1.

    Raises:
        ProductBoundExceeded, NonFiniteValue: as ``arith.mm`` and ``arith.quantise``.
    """
    count, channels, height, width = x.shape
    found = _convolve(x, weight, bias, kernel, padding)
    if found is not None:
        return found
    operand = arith.quantise(cut_patches(x, kernel, padding))  # (b·H'·W', c·k·k)
    saved = Patches(operand, (count, channels, height, width), kernel, padding)
    y = arith.mm(operand, weight, transpose_b=True).add_(bias)  # (b·H'·W', o)
    # (b, H', W', o) -> (b, o, H', W')
    return y.view(count, *saved.output_sides, -1).permute(0, 3, 1, 2).contiguous(), saved


def conv2d_backward(
    dy: Tensor, saved: Patches[Operand] | Padded, weight: Operand, *, need_dx: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Return the gradients by input (if needed), weight matrix and bias.

    They are ``(b, c, H, W)``, ``(o, c·k·k)`` and ``(o,)`` for ``dy`` ``(b, o, H', W')``. SPEC §4:
    ``dW = mm(dyᵀ, patches)``, ``db = Σ q(dy)``; the input's gradient adds the products
    ``mm(dy, W)`` of the kernel's offsets ``(i, j)`` in row order, one RN32 addition each.

    Raises:
        ProductBoundExceeded, NonFiniteValue: as ``arith.mm`` and ``arith.quantise``.
    """
    if isinstance(saved, Padded):
        found = _convolve_backward(dy, saved, weight, need_dx=need_dx)
        if found is not None:
            return found
        saved = saved.to_patches()
    rows = dy.permute(0, 2, 3, 1).reshape(-1, dy.shape[1])  # (b·H'·W', o)
    operand = arith.quantise(rows)
    gradient = arith.mm(operand, saved.operand, transpose_a=True)  # (o, c·k·k)
    bias = arith.sum_rows(operand)  # (o,)
    if not need_dx:
        return None, gradient, bias
    return paste_patches(arith.mm(operand, weight), saved), gradient, bias


def _convolve(
    x: Tensor, weight: Operand, bias: Tensor, kernel: int, padding: int
) -> tuple[Tensor, Padded] | None:
    """Compute ``conv2d`` by compiled kernels; None where they cannot.

    Every place of ``x`` is in some patch, so images and patches have the same grid.
    """
    if arith.exponents_stay_on_device or max(weight.values.shape) > arith.BLOCK:
        return None
    images = shaped.quantise_padded(x, padding, arith.BITS)
    if images is None:
        return None
    y = shaped.convolve(images, weight.values, bias, kernel)
    return None if y is None else (y, Padded(images, kernel, padding))


def _convolve_backward(
    dy: Tensor, saved: Padded, weight: Operand, *, need_dx: bool
) -> tuple[Tensor | None, Tensor, Tensor] | None:
    """Compute ``conv2d_backward`` by compiled kernels; None where they cannot."""
    operand = arith.quantise(dy)
    arith.check_sum_bound(operand, dy.numel() // dy.shape[1])
    found = shaped.convolve_backward(
        operand.values, saved.images, weight.values, saved.padding, saved.kernel, need_dx=need_dx
    )
    if found is None:
        return None
    bias = shaped.sum_planes(operand.values)
    return None if bias is None else (*found, bias)


def paste_patches(parts: Tensor, saved: Patches[T]) -> Tensor:
    """Return the images ``(b, c, H, W)`` that the patches ``(b·H'·W', c·k·k)`` add up to.

    From zeros, the columns of ``parts`` are added offset by offset, in order.
    """
    found = shaped.paste_patches(parts, saved.shape, saved.kernel, saved.padding)
    if found is not None:
        return found
    count, channels, height, width = saved.shape
    high, wide = saved.output_sides
    kernel, padding = saved.kernel, saved.padding
    sides = height + 2 * padding, width + 2 * padding
    sums = torch.zeros((count, channels, *sides), dtype=torch.float32, device=parts.device)
    pieces = parts.view(count, high, wide, channels, kernel, kernel)  # (b, H', W', c, k, k)
    for i in range(kernel):
        for j in range(kernel):
            part = pieces[..., i, j].permute(0, 3, 1, 2)  # (b, c, H', W')
            sums[:, :, i : i + high, j : j + wide].add_(part)
    return sums[:, :, padding : padding + height, padding : padding + width].contiguous()


def average_pool(x: Tensor, size: int) -> Tensor:
    """Return ``RN32(fold(window)·RN32(1/s²))`` of ``(b, c, H, W)``: ``(b, c, H/s, W/s)``.

    The sides are multiples of ``size``; a window is folded in row order.
    """
    found = shaped.pool(x, size, _share(size))
    if found is not None:
        return found
    count, channels, height, width = x.shape
    windows = x.view(count, channels, height // size, size, width // size, size)
    flat = windows.permute(0, 1, 2, 4, 3, 5).reshape(
        count, channels, height // size, width // size, size * size
    )  # (b, c, H/s, W/s, s·s)
    return arith.fold(flat).mul(_share(size))


def average_pool_backward(dy: Tensor, size: int) -> Tensor:
    """Return ``RN32(dy·RN32(1/s²))`` at every place of its window: ``(b, c, H, W)``."""
    found = shaped.pool_backward(dy, size, _share(size))
    if found is not None:
        return found
    return dy.mul(_share(size)).repeat_interleave(size, 2).repeat_interleave(size, 3)


def _share(size: int) -> float:
    """Return ``RN32(1/s²)``."""
    return round_to_float32(1.0 / (size * size))
