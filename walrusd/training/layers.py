"""Layers as explicit pairs of forward and backward. No autograd.

``forward`` returns the output and what ``backward`` needs of it; ``backward`` returns the gradient
by the input and stores those of the weights by tensor name. Shapes: activations ``(rows, width)``.
"""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from walrusd.training import arith
from walrusd.training.arith import Operand
from walrusd.training.modelspec import LayerSpec, LinearSpec

Named = dict[str, Tensor]


@dataclass(frozen=True)
class Prepared:
    """Weights of one step and their quantised matrices, shared by all its micro-batches."""

    weights: Named
    operands: dict[str, Operand]


class Layer(Protocol):
    """One layer. ``Tape`` is whatever its own backward needs."""

    def forward(self, x: Tensor, prepared: Prepared) -> tuple[Tensor, "Tape"]:
        """Return the output and the tape."""
        ...

    def backward(
        self, dy: Tensor, tape: "Tape", prepared: Prepared, gradients: Named, *, need_dx: bool
    ) -> Tensor | None:
        """Store weight gradients; return the input's gradient if ``need_dx``."""
        ...


Tape = Operand | Tensor


class Linear:
    """``y = RN32(mm(x, Wᵀ) + b)``; ``dx = mm(dy, W)``, ``dW = mm(dyᵀ, x)``, ``db = Σ q(dy)``.

    All products use the same three quantised tensors.
    """

    def __init__(self, spec: LinearSpec) -> None:
        self.weight = f"{spec.name}.weight"
        self.bias = f"{spec.name}.bias"

    def forward(self, x: Tensor, prepared: Prepared) -> tuple[Tensor, Tape]:
        """Return ``(rows, outputs)``; the tape is the quantised input."""
        operand = arith.quantise(x)
        y = arith.mm(operand, prepared.operands[self.weight], transpose_b=True)
        return y.add_(prepared.weights[self.bias]), operand

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Named, *, need_dx: bool
    ) -> Tensor | None:
        """Store both gradients; return ``(rows, inputs)`` if ``need_dx``."""
        assert isinstance(tape, Operand)
        operand = arith.quantise(dy)
        gradients[self.weight] = arith.mm(operand, tape, transpose_a=True)
        gradients[self.bias] = arith.sum_rows(operand)
        return arith.mm(operand, prepared.operands[self.weight]) if need_dx else None


class Relu:
    """``y = max(x, 0)``; ``dx = dy`` where ``y > 0``, else 0."""

    def forward(self, x: Tensor, _prepared: Prepared) -> tuple[Tensor, Tape]:
        """Return the output, which is also the tape."""
        y = x.clamp_min(0.0)
        return y, y

    def backward(
        self, dy: Tensor, tape: Tape, _prepared: Prepared, _gradients: Named, *, need_dx: bool
    ) -> Tensor | None:
        """Return the input's gradient."""
        assert isinstance(tape, Tensor)
        return dy.mul(tape.gt(0.0)) if need_dx else None


def build_layer(spec: LayerSpec) -> Layer:
    """Return the layer that ``spec`` declares."""
    return Linear(spec) if isinstance(spec, LinearSpec) else Relu()
