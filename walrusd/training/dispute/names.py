"""Names of operations, as the list and the run make them: the place of a layer, and what it is."""

from walrusd.training.plan.layerspec import (
    ActivationSpec,
    AttentionSpec,
    Conv2dSpec,
    DropoutSpec,
    EmbeddingSpec,
    FlattenSpec,
    GatedSpec,
    LayerSpec,
    LinearSpec,
    NormSpec,
    PoolSpec,
    PositionsSpec,
    ResidualSpec,
)
from walrusd.training.plan.lora import LoraSpec


def name_kind(spec: LayerSpec) -> str:
    """Return the kind of a layer, in the words of a plan's list of layers."""
    match spec:
        case ActivationSpec():
            return spec.function
        case NormSpec():
            return "rms_norm" if spec.rms else "layer_norm"
        case _:
            return _KINDS[type(spec)]


_KINDS: dict[type[LayerSpec], str] = {
    LinearSpec: "linear",
    Conv2dSpec: "conv2d",
    EmbeddingSpec: "embedding",
    PositionsSpec: "positions",
    DropoutSpec: "dropout",
    AttentionSpec: "attention",
    GatedSpec: "gated_mlp",
    PoolSpec: "average_pool",
    FlattenSpec: "flatten",
    ResidualSpec: "residual",
}


JOINERS: dict[type[LayerSpec], str] = {AttentionSpec: "attend", GatedSpec: "inner"}
"""What stands between the first maps of a layer and the last one."""


def name_layer(path: str, index: int, spec: LayerSpec) -> str:
    """Return a layer's name: ``path``, its two-digit index, its name in the plan or its kind."""
    match spec:
        case ActivationSpec() | PoolSpec() | FlattenSpec() | ResidualSpec():
            label = name_kind(spec)
        case GatedSpec():
            label = spec.gate.name.removesuffix(".gate")
        case _:
            label = spec.name
    return f"{path}{index:02d} {label}".rstrip()


def name_inner(layer: str, part: str) -> str:
    """Return the name of a part of a layer that is made of several."""
    return f"{layer}.{part}"


def name_role(spec: LinearSpec) -> str:
    """Return what a map is in its layer, such as ``query``: the last part of its name."""
    return spec.name.rpartition(".")[2]


def list_map_weights(spec: LinearSpec, lora: LoraSpec | None) -> list[str]:
    """Return the names of the tensors that a map uses."""
    names = [spec.weight, *([f"{spec.name}.bias"] if spec.bias else [])]
    if lora is not None and lora.adapts(spec):
        names += [f"{spec.name}.lora_a", f"{spec.name}.lora_b"]
    return names
