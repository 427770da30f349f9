"""Models written out layer by layer: ``{"kind": "layers", "input": […], "layers": [{…}, …]}``.

Each layer gives its kind as ``layer`` and the keys of that kind (SPEC §0); input shapes follow from
the layers before. ``residual`` nests a list.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from walrusd.training.plan.builders import MAX_CONTEXT, MAX_VOCABULARY, MAX_WIDTH
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
    Shape,
    compute_he_bound,
)
from walrusd.training.plan.shapes import compute_output_shape
from walrusd.training.plan.strict import Fields, format_hex_float

MAX_LAYERS = 1024
MAX_DEPTH = 8
MAX_NAME = 64
ACTIVATIONS = ("relu", "gelu", "silu")
KINDS = (
    "linear",
    "conv2d",
    "embedding",
    "positions",
    "layer_norm",
    "rms_norm",
    *ACTIVATIONS,
    "dropout",
    "attention",
    "gated_mlp",
    "average_pool",
    "flatten",
    "residual",
)


@dataclass(frozen=True)
class LayerListSpec:
    """A model given as its layers; ``shape`` is that of one row's inputs."""

    kind: ClassVar[str] = "layers"
    shape: Shape
    listed: tuple[LayerSpec, ...]

    @property
    def input_shape(self) -> Shape:
        """The shape of one row."""
        return self.shape

    def layers(self) -> tuple[LayerSpec, ...]:
        """Return the layers in forward order."""
        return self.listed

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "kind": self.kind,
            "input": list(self.shape),
            "layers": [_layer_to_json(layer) for layer in self.listed],
        }


def _layer_to_json(layer: LayerSpec) -> dict[str, Any]:  # noqa: PLR0911 - one per kind
    match layer:
        case LinearSpec():
            return {
                "layer": "linear",
                "name": layer.name,
                "outputs": layer.outputs,
                "bias": layer.bias,
            }
        case Conv2dSpec():
            return {
                "layer": "conv2d",
                "name": layer.name,
                "outputs": layer.outputs,
                "kernel": layer.kernel,
                "padding": layer.padding,
            }
        case EmbeddingSpec():
            return {
                "layer": "embedding",
                "name": layer.name,
                "vocabulary": layer.rows,
                "width": layer.width,
            }
        case PositionsSpec():
            return {"layer": "positions", "name": layer.name}
        case NormSpec():
            return {
                "layer": "rms_norm" if layer.rms else "layer_norm",
                "name": layer.name,
                "epsilon": format_hex_float(layer.epsilon),
            }
        case ActivationSpec():
            return {"layer": layer.function}
        case DropoutSpec():
            return {"layer": "dropout", "name": layer.name, "threshold": layer.threshold}
        case AttentionSpec():
            return {
                "layer": "attention",
                "name": layer.name,
                "heads": layer.heads,
                "kv_heads": layer.key_heads,
                "rope_base": layer.rope_base,
                "bias": layer.query.bias,
            }
        case GatedSpec():
            name = layer.gate.name.removesuffix(".gate")
            return {"layer": "gated_mlp", "name": name, "hidden": layer.gate.outputs}
        case PoolSpec():
            return {"layer": "average_pool", "size": layer.size}
        case FlattenSpec():
            return {"layer": "flatten"}
        case ResidualSpec():
            inner = [_layer_to_json(part) for part in layer.layers]
            return {"layer": "residual", "layers": inner}


def read_layer_list(fields: Fields) -> LayerListSpec:
    """Read the JSON form.

    Raises:
        PlanRefused: if a key is wrong or a layer does not fit the one before, naming the key.
    """
    shape = fields.integers("input", 1, MAX_WIDTH, range(1, 4))
    return LayerListSpec(shape, _read_layers(fields, shape, 0))


def _read_layers(fields: Fields, shape: Shape, depth: int) -> tuple[LayerSpec, ...]:
    layers: list[LayerSpec] = []
    for item in fields.items("layers", MAX_LAYERS):
        layer = _read_layer(item, shape, depth)
        item.finish()
        if isinstance(layer, EmbeddingSpec) and (depth or layers):
            raise item.refuse("layer", "first in the model, if it is an embedding: it takes tokens")
        after = compute_output_shape(layer, shape)
        if not after:
            raise item.refuse("layer", f"one that takes the shape {list(shape)}")
        layers.append(layer)
        shape = after
    return tuple(layers)


def _read_layer(  # noqa: PLR0911 - one per kind
    fields: Fields, shape: Shape, depth: int
) -> LayerSpec:
    kind = fields.choice("layer", *KINDS)
    width = shape[-1]
    if kind in ACTIVATIONS:
        return ActivationSpec(kind)
    match kind:
        case "flatten":
            return FlattenSpec()
        case "average_pool":
            return PoolSpec(fields.integer("size", 1, 64))
        case "residual":
            if depth == MAX_DEPTH:
                raise fields.refuse("layer", f"nested at most {MAX_DEPTH} deep")
            return ResidualSpec(_read_layers(fields, shape, depth + 1))
    name = fields.text("name", MAX_NAME)
    match kind:
        case "linear":
            outputs = fields.integer("outputs", 1, MAX_WIDTH)
            return LinearSpec(name, width, outputs, fields.boolean("bias"))
        case "conv2d":
            return Conv2dSpec(
                name,
                shape[0],
                fields.integer("outputs", 1, MAX_WIDTH),
                fields.integer("kernel", 1, 15),
                fields.integer("padding", 0, 14),
            )
        case "embedding":
            rows = fields.integer("vocabulary", 2, MAX_VOCABULARY)
            table_width = fields.integer("width", 1, MAX_WIDTH)
            return EmbeddingSpec(name, rows, table_width, compute_he_bound(6 * table_width))
        case "positions":
            return PositionsSpec(name, shape[0], width, compute_he_bound(6 * width))
        case "layer_norm" | "rms_norm":
            epsilon = fields.float32("epsilon", 2.0**-60, 1.0)
            return NormSpec(name, width, epsilon, kind == "rms_norm")
        case "dropout":
            return DropoutSpec(name, fields.integer("threshold", 1, 255))
        case "gated_mlp":
            hidden = fields.integer("hidden", 1, MAX_WIDTH)
            gate, up = (LinearSpec(f"{name}.{w}", width, hidden, False) for w in ("gate", "up"))
            return GatedSpec(gate, up, LinearSpec(f"{name}.down", hidden, width, False))
        case _:
            return _read_attention(fields, name, shape)


def _read_attention(fields: Fields, name: str, shape: Shape) -> AttentionSpec:
    width, length = shape[-1], shape[0]
    heads = fields.integer("heads", 1, 1024)
    key_heads = fields.integer("kv_heads", 1, 1024)
    base = fields.integer("rope_base", 0, 1 << 40)
    bias = fields.boolean("bias")
    if len(shape) != 2 or length > MAX_CONTEXT:
        raise fields.refuse("layer", f"after at most {MAX_CONTEXT} vectors")
    if width % heads or (base and width // heads % 2):
        raise fields.refuse("heads", "a divisor of the width, and of half of it with rope_base")
    if heads % key_heads or base == 1:
        raise fields.refuse("kv_heads", "a divisor of heads, and rope_base 0 or at least 2")
    narrow = width // heads * key_heads

    def linear(part: str, outputs: int) -> LinearSpec:
        return LinearSpec(f"{name}.{part}", width, outputs, bias)

    return AttentionSpec(
        name,
        width,
        length,
        heads,
        key_heads,
        base,
        query=linear("query", width),
        key=linear("key", narrow),
        value=linear("value", narrow),
        output=linear("output", width),
    )
