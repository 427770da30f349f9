"""Declarative layers: what a model is made of, and the tensors of each. No torch.

Shapes are of one row, without the batch: ``(features,)``, ``(channels, height, width)``, token
numbers ``(t,)``, or ``(t, width)``.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from walrusd.training.plan.strict import round_to_float32

Shape = tuple[int, ...]


@dataclass(frozen=True)
class TensorSpec:
    """One tensor: its name, its shape, and its initial values.

    They are uniform in ``[−bound, bound)`` if ``bound`` is positive, else all ``constant``.
    """

    name: str
    shape: Shape
    bound: float = 0.0
    constant: float = 0.0

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


def compute_he_bound(inputs: int) -> float:
    """Return ``RN32(RN64(√(6/inputs)))``, the bound of uniform weights (He et al., 2015).

    Python's ``math.sqrt`` is the IEEE operation, correctly rounded everywhere.
    """
    return round_to_float32(math.sqrt(6.0 / inputs))


@dataclass(frozen=True)
class LinearSpec:
    """``y = x·Wᵀ + b`` on the last axis; ``W`` is ``(outputs, inputs)``.

    ``tied`` names another layer's matrix of that shape to use in place of an own one.
    """

    name: str
    inputs: int
    outputs: int
    bias: bool = True
    bound: float = 0.0
    tied: str = ""

    @property
    def weight(self) -> str:
        """The name of the matrix."""
        return self.tied or f"{self.name}.weight"

    def tensors(self) -> list[TensorSpec]:
        """Return the layer's own tensors."""
        found = []
        if not self.tied:
            bound = self.bound or compute_he_bound(self.inputs)
            found.append(TensorSpec(self.weight, (self.outputs, self.inputs), bound))
        if self.bias:
            found.append(TensorSpec(f"{self.name}.bias", (self.outputs,)))
        return found


@dataclass(frozen=True)
class Conv2dSpec:
    """A convolution of stride 1; the matrix is ``(outputs, channels·kernel²)``."""

    name: str
    channels: int
    outputs: int
    kernel: int
    padding: int

    @property
    def inputs(self) -> int:
        """The length of one output's contraction."""
        return self.channels * self.kernel * self.kernel

    def tensors(self) -> list[TensorSpec]:
        """Return the layer's tensors."""
        shape = (self.outputs, self.inputs)
        return [
            TensorSpec(f"{self.name}.weight", shape, compute_he_bound(self.inputs)),
            TensorSpec(f"{self.name}.bias", (self.outputs,)),
        ]


@dataclass(frozen=True)
class EmbeddingSpec:
    """Rows of a table ``(rows, width)`` by token number: ``(t,) -> (t, width)``."""

    name: str
    rows: int
    width: int
    bound: float

    def tensors(self) -> list[TensorSpec]:
        """Return the table."""
        return [TensorSpec(f"{self.name}.weight", (self.rows, self.width), self.bound)]


@dataclass(frozen=True)
class PositionsSpec:
    """A learned vector added to each place of a sequence ``(length, width)``."""

    name: str
    length: int
    width: int
    bound: float

    def tensors(self) -> list[TensorSpec]:
        """Return the table of places."""
        return [TensorSpec(f"{self.name}.weight", (self.length, self.width), self.bound)]


@dataclass(frozen=True)
class NormSpec:
    """LayerNorm, or RMSNorm if ``rms``, over the last axis."""

    name: str
    width: int
    epsilon: float
    rms: bool = False

    def tensors(self) -> list[TensorSpec]:
        """Return gain and, for LayerNorm, bias."""
        found = [TensorSpec(f"{self.name}.weight", (self.width,), constant=1.0)]
        if not self.rms:
            found.append(TensorSpec(f"{self.name}.bias", (self.width,)))
        return found


@dataclass(frozen=True)
class ActivationSpec:
    """``relu``, ``gelu`` or ``silu``, element by element."""

    function: str

    def tensors(self) -> list[TensorSpec]:
        """Return nothing: an activation has no tensors."""
        return []


@dataclass(frozen=True)
class DropoutSpec:
    """Each element becomes 0 with probability ``threshold/256`` while training."""

    name: str
    threshold: int

    def tensors(self) -> list[TensorSpec]:
        """Return nothing: the mask is drawn, not learned."""
        return []


@dataclass(frozen=True)
class AttentionSpec:
    """Causal self-attention with four linear maps; rotary positions if ``rope_base`` is not 0."""

    name: str
    width: int
    length: int
    heads: int
    key_heads: int
    rope_base: int
    query: LinearSpec
    key: LinearSpec
    value: LinearSpec
    output: LinearSpec

    @property
    def size(self) -> int:
        """The width of one head."""
        return self.width // self.heads

    def tensors(self) -> list[TensorSpec]:
        """Return the tensors of the four maps."""
        return [tensor for part in self.linears() for tensor in part.tensors()]

    def linears(self) -> tuple[LinearSpec, ...]:
        """Return the four maps."""
        return (self.query, self.key, self.value, self.output)


@dataclass(frozen=True)
class GatedSpec:
    """``down(silu(gate(x))·up(x))``: the feed-forward part of Llama (Shazeer, 2020)."""

    gate: LinearSpec
    up: LinearSpec
    down: LinearSpec

    def tensors(self) -> list[TensorSpec]:
        """Return the tensors of the three maps."""
        return [tensor for part in self.linears() for tensor in part.tensors()]

    def linears(self) -> tuple[LinearSpec, ...]:
        """Return the three maps."""
        return (self.gate, self.up, self.down)


@dataclass(frozen=True)
class PoolSpec:
    """The averages of windows of ``size × size``, which do not overlap."""

    size: int

    def tensors(self) -> list[TensorSpec]:
        """Return nothing."""
        return []


@dataclass(frozen=True)
class FlattenSpec:
    """All axes of a row as one, in C order."""

    def tensors(self) -> list[TensorSpec]:
        """Return nothing."""
        return []


@dataclass(frozen=True)
class ResidualSpec:
    """``x + f(x)``, ``f`` being a sequence of layers that keeps the shape."""

    layers: "tuple[LayerSpec, ...]"

    def tensors(self) -> list[TensorSpec]:
        """Return the tensors of the inner layers."""
        return [tensor for layer in self.layers for tensor in layer.tensors()]


LayerSpec = (
    LinearSpec
    | Conv2dSpec
    | EmbeddingSpec
    | PositionsSpec
    | NormSpec
    | ActivationSpec
    | DropoutSpec
    | AttentionSpec
    | GatedSpec
    | PoolSpec
    | FlattenSpec
    | ResidualSpec
)


def list_linears(layers: tuple[LayerSpec, ...]) -> Iterator[LinearSpec]:
    """Yield every linear map of a model, in forward order."""
    for layer in layers:
        match layer:
            case LinearSpec():
                yield layer
            case AttentionSpec() | GatedSpec():
                yield from layer.linears()
            case ResidualSpec():
                yield from list_linears(layer.layers)
            case _:
                pass
