"""A model as a plan declares it: a family or a list of layers, possibly with adapters. No torch."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from walrusd.training.plan.builders import (
    ConvnetSpec,
    GptSpec,
    MlpSpec,
    read_convnet,
    read_gpt,
    read_mlp,
)
from walrusd.training.plan.layerlist import LayerListSpec, read_layer_list
from walrusd.training.plan.layerspec import (
    EmbeddingSpec,
    LayerSpec,
    Shape,
    TensorSpec,
    list_linears,
)
from walrusd.training.plan.lora import LoraSpec, read_lora
from walrusd.training.plan.shapes import compute_multiply_adds, run_shapes
from walrusd.training.plan.strict import Fields

Family = MlpSpec | ConvnetSpec | GptSpec | LayerListSpec

MAX_TENSORS = 4096
MAX_WEIGHTS = 1 << 36


@dataclass(frozen=True)
class ModelSpec:
    """A model of a family. With LoRA, only the adapters are trained."""

    family: Family
    lora: LoraSpec | None = None

    @cached_property
    def layers(self) -> tuple[LayerSpec, ...]:
        """The layers in forward order."""
        return self.family.layers()

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The shapes of one row before, between and after the layers."""
        return tuple(run_shapes(self.layers, self.family.input_shape))

    @property
    def input_shape(self) -> Shape:
        """The shape of one row's inputs."""
        return self.family.input_shape

    @property
    def output_shape(self) -> Shape:
        """The shape of one row's outputs: the last axis holds classes, or targets."""
        return self.shapes[-1]

    @property
    def takes_tokens(self) -> bool:
        """Whether the inputs are token numbers."""
        return isinstance(self.layers[0], EmbeddingSpec)

    @cached_property
    def _base(self) -> tuple[TensorSpec, ...]:
        tensors = [tensor for layer in self.layers for tensor in layer.tensors()]
        return tuple(sorted(tensors, key=lambda tensor: tensor.name))

    @cached_property
    def _trained(self) -> tuple[TensorSpec, ...]:
        if self.lora is None:
            return self._base
        return tuple(sorted(self.lora.tensors(self.layers), key=lambda tensor: tensor.name))

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return the trained tensors in name order, the order of every flat layout."""
        return self._trained

    def frozen_tensors(self) -> tuple[TensorSpec, ...]:
        """Return the tensors that training only reads, in name order."""
        return () if self.lora is None else self._base

    @property
    def lowest_trained(self) -> int:
        """The index of the first layer with a trained tensor: gradients go no lower."""
        for index, layer in enumerate(self.layers):
            if self.lora.tensors((layer,)) if self.lora is not None else layer.tensors():
                return index
        raise ValueError("a model has at least one trained tensor")

    @property
    def size(self) -> int:
        """The number of all weights, trained and frozen: what a weights file holds."""
        return sum(tensor.size for tensor in (*self.tensors(), *self.frozen_tensors()))

    def multiply_adds(self) -> int:
        """Return the multiply–adds of one row's forward pass."""
        return sum(
            compute_multiply_adds(layer, shape)
            for layer, shape in zip(self.layers, self.shapes, strict=False)
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        document = self.family.to_json()
        return document if self.lora is None else document | {"lora": self.lora.to_json()}


def read_model_spec(fields: Fields) -> ModelSpec:
    """Read a model spec from a plan.

    Raises:
        PlanRefused: naming the key that is wrong.
    """
    family: Family
    match fields.choice("kind", "mlp", "convnet", "gpt", "layers"):
        case "mlp":
            family = read_mlp(fields)
        case "convnet":
            family = read_convnet(fields)
        case "gpt":
            family = read_gpt(fields)
        case _:
            family = read_layer_list(fields)
    lora = read_lora(fields.fields("lora")) if fields.has("lora") else None
    fields.finish()
    model = ModelSpec(family, lora)
    _check(model, fields)
    return model


def _check(model: ModelSpec, fields: Fields) -> None:
    names = [tensor.name for tensor in (*model.tensors(), *model.frozen_tensors())]
    if len(names) > MAX_TENSORS or model.size > MAX_WEIGHTS:
        most = f"{MAX_TENSORS} tensors and {MAX_WEIGHTS} weights"
        raise fields.refuse("kind", f"a model of at most {most}")
    if len(set(names)) != len(names):
        raise fields.refuse("layers", "layers with distinct names")
    if not model.output_shape:
        misfit = len(model.shapes) - 2
        raise fields.refuse("layers", f"such that layer {misfit} takes {model.shapes[-2]}")
    if not model.tensors():
        raise fields.refuse("lora", "an adapter of at least one linear layer")
    if model.lora is not None:
        names = [linear.name for linear in list_linears(model.layers)]
        for target in model.lora.targets:
            if not any(fnmatchcase(name, target) for name in names):
                raise fields.refuse("lora", f"without the target {target!r}, which no layer has")
