"""Compares the compiled kernels with the torch definitions when a process starts to train.

The golden hashes show that the definitions are right on this machine; this shows that the kernels
follow them, for those kernels that the golden operations do not call.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from walrusd.errors import NonFiniteValue
from walrusd.training.native import library
from walrusd.training.numerics import arith
from walrusd.training.numerics.random import compute_uniform
from walrusd.training.operators import attention, convolution, elementwise, norms
from walrusd.training.plan.optimspec import AdamWSpec
from walrusd.training.q8r import line_attention, line_convolution, lines
from walrusd.training.run import clipping
from walrusd.training.run.optim import AdamW

_SEED = b"walrusd check of compiled kernels"[:32]

Operation = Callable[[], list[Tensor]]


def _draw(name: str, *shape: int) -> Tensor:
    """Return values over many binary orders of magnitude: uniform ones to the fifth power."""
    x = torch.from_numpy(compute_uniform(_SEED, 0, name, shape, 1.0))
    return x.mul(x).mul_(x).mul_(x).mul_(x).mul_(4.0)


def _attention() -> list[Tensor]:
    q, dy = _draw("q", 2, 6, 75, 20), _draw("dy", 2, 6, 75, 20)
    k, v = _draw("k", 2, 3, 75, 20), _draw("v", 2, 3, 75, 20)
    output, saved = attention.causal_attention(q, k, v)
    return [output, *attention.causal_attention_backward(dy, saved)]


def _convolution() -> list[Tensor]:
    x, dy = _draw("x", 10, 3, 33, 31), _draw("dy", 10, 9, 33, 31)
    weight = arith.quantise(_draw("weight", 9, 27))
    y, saved = convolution.conv2d(x, weight, _draw("bias", 9), kernel=3, padding=1)
    dx, *rest = convolution.conv2d_backward(dy, saved, weight, need_dx=True)
    assert dx is not None
    pooled = convolution.average_pool(y[:, :, :32, :30].contiguous(), 2)
    return [y, dx, *rest, pooled, convolution.average_pool_backward(pooled, 2)]


def _norms() -> list[Tensor]:
    x, dy = _draw("x", 300, 257), _draw("dy", 300, 257)
    gain, bias = _draw("gain", 257), _draw("bias", 257)
    layered, saved = norms.layer_norm(x, gain, bias, 2.0**-17)
    found = [layered, *norms.layer_norm_backward(dy, saved, gain)]
    scaled, saved = norms.rms_norm(x, gain, 2.0**-17)
    return [*found, scaled, *norms.rms_norm_backward(dy, saved, gain)]


def _activations() -> list[Tensor]:
    x, dy = _draw("x", 70_001), _draw("dy", 70_001)
    rectified = elementwise.relu(x)
    bell, bell_gate = elementwise.gelu(x)
    swish, swish_gate = elementwise.silu(x)
    return [
        elementwise.relu_backward(dy, rectified),
        bell,
        elementwise.gelu_backward(dy, x, bell_gate),
        swish,
        elementwise.silu_backward(dy, x, swish_gate),
    ]


def _adamw() -> list[Tensor]:
    named = [{"w": _draw(name, 301, 233)} for name in ("weight", "first", "gradient")]
    weights, first, gradients = named
    second = {"w": first["w"].mul(first["w"])}
    lr, beta1, beta2, epsilon = (2.0**-7, 0.875, 0.9375, 2.0**-20)
    AdamW(AdamWSpec(lr, beta1, beta2, epsilon, 0.125), [first, second], [1.0, 1.0]).step(
        weights, gradients, lr
    )
    return [weights["w"], first["w"], second["w"]]


def _clipping() -> list[Tensor]:
    gradients = [_draw("gradient", 301, 233), _draw("bias", 233)]
    clipping.clip_by_global_norm(gradients, 0.5)
    # Integers of 20 ones on the grid: a coarser grid would give another norm.
    norm = clipping.compute_global_norm([torch.full((233,), 1.0 - 2.0**-20, dtype=torch.float32)])
    return [*gradients, torch.tensor(norm, dtype=torch.float32), arith.fold_rows(gradients[0])]


def _finite() -> list[Tensor]:
    """Whether a value that is not finite is found, in every thread's share."""
    met = []
    for place in (0, 35_000, 70_000):
        x = _draw("x", 70_001)
        x[place] = float("nan") if place else float("-inf")
        try:
            arith.require_finite(x, "a value")
        except NonFiniteValue:
            met.append(place)
    return [torch.tensor(met, dtype=torch.int64)]


def _lines() -> list[Tensor]:
    """Odd sizes, both ways to read an operand, and more terms than 32 bits hold."""
    a, b = (lines.quantise(_draw(name, 77, 601)) for name in ("a", "b"))
    full = lines.quantise(torch.full((7, 16_500), 255.75, dtype=torch.float32))
    return [
        lines.mm(a, b, transpose_b=True),
        lines.mm(a, b, transpose_a=True),
        lines.mm(full, full, transpose_b=True),
        a.units(-1),
        a.units(-2),
    ]


def _line_attention() -> list[Tensor]:
    q, dy = _draw("q", 2, 6, 75, 21), _draw("dy", 2, 6, 75, 21)
    k, v = _draw("k", 2, 3, 75, 21), _draw("v", 2, 3, 75, 21)
    output, saved = line_attention.causal_attention(q, k, v)
    return [output, *line_attention.causal_attention_backward(dy, saved)]


def _line_convolution() -> list[Tensor]:
    x, dy = _draw("x", 4, 3, 13, 11), _draw("dy", 4, 9, 13, 11)
    weight = lines.quantise(_draw("weight", 9, 27))
    y, saved = line_convolution.conv2d(x, weight, _draw("bias", 9), kernel=3, padding=1)
    dx, *rest = line_convolution.conv2d_backward(dy, saved, weight, need_dx=True)
    assert dx is not None
    return [y, dx, *rest]


OPERATIONS: tuple[Operation, ...] = (
    _attention,
    _convolution,
    _norms,
    _activations,
    _adamw,
    _clipping,
    _finite,
    _lines,
    _line_attention,
    _line_convolution,
)


def check_kernels() -> None:
    """Set the kernels aside if an operation gives other bits with them than by its definition."""
    for operation in OPERATIONS:
        library.take_called()
        found = operation()
        called = library.take_called()
        if not called:
            continue
        with library.definitions_only():
            expected = operation()
        if not all(map(torch.equal, found, expected)):
            library.set_aside(called)
