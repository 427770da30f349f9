"""The shapes of the rows that go through layers, and the work of layers. No torch.

Shapes are of one row, as in ``layerspec.py``.
"""

import math

from walrusd.training.plan.layerspec import (
    AttentionSpec,
    Conv2dSpec,
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
)


def compute_output_shape(  # noqa: PLR0911 - one per kind
    layer: LayerSpec, shape: Shape
) -> Shape:
    """Return the shape of a layer's output, or the empty shape if the input does not fit."""
    match layer:
        case LinearSpec():
            return (*shape[:-1], layer.outputs) if shape[-1:] == (layer.inputs,) else ()
        case Conv2dSpec():
            grown = 2 * layer.padding - layer.kernel + 1
            if len(shape) != 3 or shape[0] != layer.channels or min(shape[1:]) + grown < 1:
                return ()
            return (layer.outputs, shape[1] + grown, shape[2] + grown)
        case EmbeddingSpec():
            return (*shape, layer.width) if len(shape) == 1 else ()
        case PositionsSpec():
            return shape if shape == (layer.length, layer.width) else ()
        case AttentionSpec():
            return shape if shape == (layer.length, layer.width) else ()
        case NormSpec():
            return shape if shape[-1] == layer.width else ()
        case GatedSpec():
            return shape if shape[-1] == layer.gate.inputs else ()
        case PoolSpec():
            sides = shape[1:]
            if len(shape) != 3 or any(side % layer.size for side in sides):
                return ()
            return (shape[0], sides[0] // layer.size, sides[1] // layer.size)
        case FlattenSpec():
            return (math.prod(shape),)
        case ResidualSpec():
            return shape if run_shapes(layer.layers, shape)[-1] == shape else ()
        case _:
            return shape


def run_shapes(layers: tuple[LayerSpec, ...], shape: Shape) -> list[Shape]:
    """Return the shapes before, between and after layers, ending with an empty one at a misfit."""
    shapes = [shape]
    for layer in layers:
        shapes.append(compute_output_shape(layer, shapes[-1]))
        if not shapes[-1]:
            break
    return shapes


def compute_multiply_adds(layer: LayerSpec, shape: Shape) -> int:
    """Return the multiply–adds of one row's forward pass; ``shape`` is that of the input."""
    places = math.prod(shape[:-1])
    match layer:
        case LinearSpec():
            return places * layer.inputs * layer.outputs
        case Conv2dSpec():
            output = compute_output_shape(layer, shape)
            return math.prod(output) * layer.inputs
        case AttentionSpec():
            maps = sum(places * part.inputs * part.outputs for part in layer.linears())
            return maps + 2 * places * places * layer.width
        case GatedSpec():
            return sum(places * part.inputs * part.outputs for part in layer.linears())
        case ResidualSpec():
            shapes = run_shapes(layer.layers, shape)
            return sum(
                compute_multiply_adds(inner, before)
                for inner, before in zip(layer.layers, shapes, strict=False)
            )
        case _:
            return 0
