"""Layers as explicit pairs of forward and backward. No autograd.

``forward`` returns the output and the tape, which is what ``backward`` needs; ``backward`` returns
the gradient by the input and adds those of the weights to ``gradients``. Activations are
``(b, …)``: ``(b, w)``, ``(b, t, w)`` or ``(b, c, H, W)``; linear maps and norms work on the last
axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from walrusd.training.layers.prepared import Gradients, MicroBatch, Prepared
from walrusd.training.numerics import arith
from walrusd.training.operators import convolution, elementwise, losses, norms
from walrusd.training.plan.layerspec import (
    ActivationSpec,
    Conv2dSpec,
    DropoutSpec,
    EmbeddingSpec,
    NormSpec,
    PoolSpec,
    PositionsSpec,
)

Tape = Any
"""What a layer's own ``backward`` needs of its ``forward``; opaque to everybody else."""


class Layer(Protocol):
    """One layer."""

    def forward(self, x: Tensor, prepared: Prepared, batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the output and the tape."""
        ...

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Add weight gradients; return the input's gradient if ``need_dx``."""
        ...


def run_forward(
    layers: Sequence[Layer], x: Tensor, prepared: Prepared, batch: MicroBatch
) -> tuple[Tensor, list[Tape]]:
    """Run layers one after the other; return the last output and the tape of each."""
    tapes = []
    for layer in layers:
        x, tape = layer.forward(x, prepared, batch)
        tapes.append(tape)
    return x, tapes


def run_backward(
    layers: Sequence[Layer],
    dy: Tensor,
    tapes: list[Tape],
    prepared: Prepared,
    gradients: Gradients,
    *,
    lowest: int = 0,
    need_dx: bool = False,
) -> Tensor | None:
    """Run layers backwards down to layer ``lowest``, freeing the tapes on the way.

    Returns the gradient by the input of that layer if ``need_dx``.
    """
    gradient: Tensor | None = dy
    for index in range(len(layers) - 1, lowest - 1, -1):
        assert gradient is not None, "only the lowest layer may leave out its input's gradient"
        wanted = need_dx or index > lowest
        tape = tapes.pop()
        gradient = layers[index].backward(gradient, tape, prepared, gradients, need_dx=wanted)
    return gradient if need_dx else None


class Activation:
    """ReLU, GELU or SiLU, ``(b, …) -> (b, …)``."""

    def __init__(self, spec: ActivationSpec) -> None:
        self._function = spec.function

    def forward(self, x: Tensor, _prepared: Prepared, _batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the output; the tape is what the function's gradient needs."""
        if self._function == "relu":
            y = elementwise.relu(x)
            return y, y
        function = elementwise.gelu if self._function == "gelu" else elementwise.silu
        y, gate = function(x)
        return y, (x, gate)

    def backward(
        self, dy: Tensor, tape: Tape, _prepared: Prepared, _gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the input's gradient."""
        if not need_dx:
            return None
        if self._function == "relu":
            return elementwise.relu_backward(dy, tape)
        gelu = self._function == "gelu"
        return (elementwise.gelu_backward if gelu else elementwise.silu_backward)(dy, *tape)


class Dropout:
    """Drops elements of ``(b, …)`` in training; the mask is a function of seed, step and name."""

    def __init__(self, spec: DropoutSpec) -> None:
        self._spec = spec

    def forward(self, x: Tensor, _prepared: Prepared, batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the output; the tape is the mask, or None where nothing is dropped."""
        kept = batch.draw_mask(self._spec.name, x, self._spec.threshold)  # (b, …), bool
        if kept is None:
            return x, None
        return elementwise.dropout(x, kept, self._spec.threshold), kept

    def backward(
        self, dy: Tensor, tape: Tape, _prepared: Prepared, _gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the input's gradient."""
        if not need_dx:
            return None
        return dy if tape is None else elementwise.dropout(dy, tape, self._spec.threshold)


class Norm:
    """LayerNorm or RMSNorm."""

    def __init__(self, spec: NormSpec) -> None:
        self._spec = spec
        self._gain, self._bias = f"{spec.name}.weight", f"{spec.name}.bias"

    def forward(self, x: Tensor, prepared: Prepared, _batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the output in the shape of the input."""
        flat = x.reshape(-1, self._spec.width)  # (m, w)
        gain = prepared.weights[self._gain]  # (w,)
        if self._spec.rms:
            y, saved = norms.rms_norm(flat, gain, self._spec.epsilon)
        else:
            bias = prepared.weights[self._bias]  # (w,)
            y, saved = norms.layer_norm(flat, gain, bias, self._spec.epsilon)
        return y.view(x.shape), saved

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Add the gradients of gain and bias; return the input's."""
        flat = dy.reshape(-1, self._spec.width)  # (m, w)
        gain = prepared.weights[self._gain]  # (w,)
        if self._spec.rms:
            dx, dgain = norms.rms_norm_backward(flat, tape, gain)
        else:
            dx, dgain, dbias = norms.layer_norm_backward(flat, tape, gain)
            gradients.add(self._bias, dbias)
        gradients.add(self._gain, dgain)
        return dx.view(dy.shape) if need_dx else None


class Embedding:
    """Rows of a table by token number."""

    def __init__(self, spec: EmbeddingSpec) -> None:
        self._spec = spec
        self._weight = f"{spec.name}.weight"

    def forward(self, x: Tensor, prepared: Prepared, _batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return ``(b, t, w)`` for int64 ``(b, t)``; the tape is the flat token numbers.

        Raises:
            MalformedData: if a token is outside the vocabulary.
        """
        flat = x.reshape(-1)  # (b·t,), int64
        y = losses.embedding(flat, prepared.weights[self._weight])  # (b·t, w)
        return y.view(*x.shape, self._spec.width), flat

    def backward(
        self, dy: Tensor, tape: Tape, _prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Add the table's gradient, ``(v, w)``; token numbers have none.

        Raises:
            ProductBoundExceeded, NonFiniteValue: as ``losses.embedding_backward``.
        """
        assert not need_dx, "token numbers have no gradient"
        if gradients.wants(self._weight):
            flat = dy.reshape(-1, self._spec.width)  # (b·t, w)
            gradients.add(self._weight, losses.embedding_backward(tape, flat, self._spec.rows))
        return None


class Positions:
    """A learned vector added to each place, ``(b, t, w) + (t, w)``; its gradient folds ``b``."""

    def __init__(self, spec: PositionsSpec) -> None:
        self._weight = f"{spec.name}.weight"

    def forward(self, x: Tensor, prepared: Prepared, _batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the sum; the tape is empty."""
        return x.add(prepared.weights[self._weight]), None

    def backward(
        self, dy: Tensor, _tape: Tape, _prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Add the vectors' gradient; the input's is the output's."""
        if gradients.wants(self._weight):
            gradients.add(self._weight, arith.fold_rows(dy))  # (t, w)
        return dy if need_dx else None


class Conv2d:
    """A convolution of stride 1."""

    def __init__(self, spec: Conv2dSpec) -> None:
        self._spec = spec
        self._weight, self._bias = f"{spec.name}.weight", f"{spec.name}.bias"

    def forward(self, x: Tensor, prepared: Prepared, _batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return ``(b, o, H', W')`` for ``(b, c, H, W)``."""
        return prepared.profile.conv2d(
            x,
            prepared.operands[self._weight],
            prepared.weights[self._bias],
            kernel=self._spec.kernel,
            padding=self._spec.padding,
        )

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Add both gradients; return the input's if needed."""
        weight = prepared.operands[self._weight]
        conv2d_backward = prepared.profile.conv2d_backward
        dx, dweight, dbias = conv2d_backward(dy, tape, weight, need_dx=need_dx)
        gradients.add(self._weight, dweight)
        gradients.add(self._bias, dbias)
        return dx


class Pool:
    """Average pooling, ``(b, c, H, W) -> (b, c, H/s, W/s)``."""

    def __init__(self, spec: PoolSpec) -> None:
        self._size = spec.size

    def forward(self, x: Tensor, _prepared: Prepared, _batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the averages; the tape is empty."""
        return convolution.average_pool(x, self._size), None

    def backward(
        self, dy: Tensor, _tape: Tape, _prepared: Prepared, _gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the input's gradient."""
        return convolution.average_pool_backward(dy, self._size) if need_dx else None


class Flatten:
    """All axes of a row as one."""

    def forward(self, x: Tensor, _prepared: Prepared, _batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return ``(b, …)`` as ``(b, w)``; the tape is the shape of ``x``."""
        return x.reshape(x.shape[0], -1), x.shape

    def backward(
        self, dy: Tensor, tape: Tape, _prepared: Prepared, _gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the gradient in the shape of the input."""
        return dy.reshape(tape) if need_dx else None


@dataclass(frozen=True)
class Residual:
    """``x + f(x)`` (He et al., 2016), ``f`` keeping the shape."""

    inner: tuple[Layer, ...]

    def forward(self, x: Tensor, prepared: Prepared, batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the sum; the tape holds those of the inner layers."""
        y, tapes = run_forward(self.inner, x, prepared, batch)
        return torch.add(x, y), tapes

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return ``dy + f'(dy)``."""
        inner = run_backward(self.inner, dy, tape, prepared, gradients, need_dx=need_dx)
        return None if inner is None else torch.add(dy, inner)
