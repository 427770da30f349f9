"""Declarative models: what a plan may ask for, expanded to layers and named tensors. No torch."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

from walrusd.training.strict import Fields

MAX_WIDTH = 8192
"""Largest contraction length that stays exact with 20-bit operands: 2·20 + 13 = 53 bits."""

MAX_HIDDEN = 32


@dataclass(frozen=True)
class LinearSpec:
    """``y = x Wᵀ + b``; ``W`` is ``(outputs, inputs)``, ``b`` is ``(outputs,)``."""

    name: str
    inputs: int
    outputs: int


@dataclass(frozen=True)
class ReluSpec:
    """``max(x, 0)``."""


LayerSpec = LinearSpec | ReluSpec


@dataclass(frozen=True)
class TensorSpec:
    """One weight tensor: its name and its shape."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class MlpSpec:
    """A multilayer perceptron: linear layers with ReLU between them."""

    inputs: int
    hidden: tuple[int, ...]
    classes: int

    def layers(self) -> tuple[LayerSpec, ...]:
        """Return the layers in forward order."""
        widths = (self.inputs, *self.hidden, self.classes)
        layers: list[LayerSpec] = []
        for index, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            if index:
                layers.append(ReluSpec())
            layers.append(LinearSpec(f"linear{index:02d}", inputs, outputs))
        return tuple(layers)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return the weight tensors in name order, the order of every flat layout."""
        tensors = []
        for layer in self.layers():
            if isinstance(layer, LinearSpec):
                tensors.append(TensorSpec(f"{layer.name}.bias", (layer.outputs,)))
                tensors.append(TensorSpec(f"{layer.name}.weight", (layer.outputs, layer.inputs)))
        return tuple(sorted(tensors, key=lambda tensor: tensor.name))

    def multiply_adds(self) -> int:
        """Return the multiply–adds of one row's forward pass."""
        return sum(
            layer.inputs * layer.outputs for layer in self.layers() if isinstance(layer, LinearSpec)
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "kind": "mlp",
            "inputs": self.inputs,
            "hidden": list(self.hidden),
            "classes": self.classes,
        }


ModelSpec = MlpSpec


def read_model_spec(fields: Fields) -> ModelSpec:
    """Read a model spec from a plan.

    Raises:
        PlanRefused: naming the key that is wrong.
    """
    fields.choice("kind", "mlp")
    spec = MlpSpec(
        inputs=fields.integer("inputs", 1, MAX_WIDTH),
        hidden=fields.integers("hidden", 1, MAX_WIDTH, range(MAX_HIDDEN + 1)),
        classes=fields.integer("classes", 2, 256),
    )
    fields.finish()
    return spec
