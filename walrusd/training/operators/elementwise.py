"""Activations and dropout, each with its gradient: one IEEE operation per element at a time.

Forward functions return the value and what the gradient needs. SPEC §4 gives the order of the
operations. Tensors have any one shape, which is that of every result.
"""

import torch
from torch import Tensor

from walrusd.training.native import kernels
from walrusd.training.numerics import functions
from walrusd.training.plan.strict import round_to_float32

_GELU_A = round_to_float32(1.5957691216057308)
"""``2·√(2/π)``: GELU's tanh form is ``x·sigmoid(A·x + B·x³)``."""

_GELU_B = round_to_float32(0.044715 * 1.5957691216057308)
_GELU_3B = round_to_float32(3 * _GELU_B)


def relu(x: Tensor) -> Tensor:
    """Return ``max(x, 0)``, which is also what its gradient needs."""
    return x.clamp_min(0.0)


def relu_backward(dy: Tensor, y: Tensor) -> Tensor:
    """Return ``dy`` where ``y > 0``, else 0."""
    found = kernels.relu_backward(dy, y)
    return dy.mul(y.gt(0.0)) if found is None else found


def gelu(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``x·s`` and ``s = sigmoid(((x·x)·B + A)·x)`` (Hendrycks and Gimpel, 2016)."""
    found = kernels.activate("gelu", x)
    if found is not None:
        return found
    gate = functions.sigmoid(x.mul(x).mul_(_GELU_B).add_(_GELU_A).mul_(x))  # (…), as x
    return x.mul(gate), gate


def gelu_backward(dy: Tensor, x: Tensor, gate: Tensor) -> Tensor:
    """Return ``dy·((w·(1 − s) + 1)·s)`` with ``w = ((x·x)·3B + A)·x``."""
    found = kernels.activate_backward("gelu", dy, x, gate)
    if found is not None:
        return found
    slope = x.mul(x).mul_(_GELU_3B).add_(_GELU_A).mul_(x)
    return _gate_slope(slope, gate).mul_(dy)


def silu(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``x·s`` and ``s = sigmoid(x)`` (Elfwing et al., 2018)."""
    found = kernels.activate("silu", x)
    if found is not None:
        return found
    gate = functions.sigmoid(x)
    return x.mul(gate), gate


def silu_backward(dy: Tensor, x: Tensor, gate: Tensor) -> Tensor:
    """Return ``dy·((x·(1 − s) + 1)·s)``."""
    found = kernels.activate_backward("silu", dy, x, gate)
    return _gate_slope(x.clone(), gate).mul_(dy) if found is None else found


def _gate_slope(slope: Tensor, gate: Tensor) -> Tensor:
    """Return ``(slope·(1 − gate) + 1)·gate``, computed in place in ``slope``."""
    return slope.mul_(torch.neg(gate).add_(1.0)).add_(1.0).mul_(gate)


def dropout(x: Tensor, kept: Tensor, threshold: int) -> Tensor:
    """Return ``(x·kept)·RN32(256/(256 − threshold))`` (Srivastava et al., 2014).

    ``kept`` holds a bool per element, false with probability ``threshold/256``. The gradient is
    the same function of ``dy``.
    """
    return x.mul(kept).mul_(round_to_float32(256.0 / (256 - threshold)))
