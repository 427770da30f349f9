"""Convolution as a product of patches, with loops over the kernel, and average pooling."""

import numpy as np

from .arithmetic import F32, f32, fold


def conv2d(products, x, weight, bias, padding):
    """``x`` is ``(n, channels, height, width)``; ``weight`` is ``(out, channels, k, k)``.

    ``products`` has the ``mm`` and ``sum_rows`` of the profile.
    """
    mm, sum_rows = products.mm, products.sum_rows
    count, channels, height, width = x.shape
    outputs, _, size, _ = weight.shape
    high, wide = height + 2 * padding - size + 1, width + 2 * padding - size + 1
    padded = np.zeros((count, channels, height + 2 * padding, width + 2 * padding), F32)
    padded[:, :, padding : padding + height, padding : padding + width] = x
    offsets = [(i, j) for i in range(size) for j in range(size)]
    patches = np.stack([padded[:, :, i : i + high, j : j + wide] for i, j in offsets], 2)
    rows = patches.transpose(0, 3, 4, 1, 2).reshape(count * high * wide, channels * size * size)
    flat = weight.reshape(outputs, -1)
    y = mm(rows, flat.T) + bias

    def backward(dy):
        d = dy.transpose(0, 2, 3, 1).reshape(-1, outputs)
        parts = mm(d, flat).reshape(count, high, wide, channels, size * size)
        back = np.zeros_like(padded)
        for number, (i, j) in enumerate(offsets):
            back[:, :, i : i + high, j : j + wide] += parts[..., number].transpose(0, 3, 1, 2)
        dx = back[:, :, padding : padding + height, padding : padding + width]
        return dx, mm(d.T, rows).reshape(weight.shape), sum_rows(d)

    return y.reshape(count, high, wide, outputs).transpose(0, 3, 1, 2), backward


def average_pool(x, size):
    """The mean of each ``size × size`` window; the sides are multiples of ``size``."""
    count, channels, height, width = x.shape
    windows = x.reshape(count, channels, height // size, size, width // size, size)
    flat = windows.transpose(0, 1, 2, 4, 3, 5).reshape(*windows.shape[:3], width // size, -1)
    share = f32(1.0 / (size * size))

    def backward(dy):
        return np.repeat(np.repeat(dy * share, size, axis=2), size, axis=3)

    return fold(flat) * share, backward
