"""Families of models as sequences of layers: perceptrons, convolutional nets, transformers.

SPEC §0 gives their JSON forms, SPEC §7 their tensors.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Any, ClassVar

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
)
from walrusd.training.plan.strict import Fields, format_hex_float, round_to_float32

MAX_WIDTH = 65_536
MAX_HIDDEN = 32
MAX_VOCABULARY = 1 << 20
MAX_CONTEXT = 8192
"""Attention contracts over the context; this is the longest exact product of 20-bit numbers."""

_GPT_BOUND = round_to_float32(0.02 * math.sqrt(3.0))
"""Bound of uniform numbers with standard deviation 0.02, that of GPT-2's initial weights."""


@dataclass(frozen=True)
class MlpSpec:
    """A multilayer perceptron, ``(inputs,) -> (classes,)``: linear layers with ReLU between."""

    kind: ClassVar[str] = "mlp"
    inputs: int
    hidden: tuple[int, ...]
    classes: int

    @property
    def input_shape(self) -> Shape:
        """The shape of one row."""
        return (self.inputs,)

    def layers(self) -> tuple[LayerSpec, ...]:
        """Return the layers in forward order."""
        return _stack((self.inputs, *self.hidden, self.classes))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "kind": self.kind,
            "inputs": self.inputs,
            "hidden": list(self.hidden),
            "classes": self.classes,
        }


def _stack(widths: tuple[int, ...]) -> tuple[LayerSpec, ...]:
    layers: list[LayerSpec] = []
    for index, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        if index:
            layers.append(ActivationSpec("relu"))
        layers.append(LinearSpec(f"linear{index:02d}", inputs, outputs))
    return tuple(layers)


@dataclass(frozen=True)
class ConvnetSpec:
    """Convolutions with ReLU and average pooling, then a perceptron: ``(c, H, W) -> (o,)``."""

    kind: ClassVar[str] = "convnet"
    image: tuple[int, int, int]
    channels: tuple[int, ...]
    kernel: int
    pool: int
    hidden: tuple[int, ...]
    classes: int

    @property
    def input_shape(self) -> Shape:
        """The shape of one row: channels, height, width."""
        return self.image

    def layers(self) -> tuple[LayerSpec, ...]:
        """Return the layers in forward order. Convolutions keep the sides, pooling divides them."""
        layers: list[LayerSpec] = []
        counts = (self.image[0], *self.channels)
        for index, (inputs, outputs) in enumerate(itertools.pairwise(counts)):
            name = f"conv{index:02d}"
            layers.append(Conv2dSpec(name, inputs, outputs, self.kernel, self.kernel // 2))
            layers.append(ActivationSpec("relu"))
            if self.pool > 1:
                layers.append(PoolSpec(self.pool))
        sides = [side // self.pool ** len(self.channels) for side in self.image[1:]]
        layers.append(FlattenSpec())
        features = counts[-1] * math.prod(sides)
        return (*layers, *_stack((features, *self.hidden, self.classes)))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "kind": self.kind,
            "image": list(self.image),
            "channels": list(self.channels),
            "kernel": self.kernel,
            "pool": self.pool,
            "hidden": list(self.hidden),
            "classes": self.classes,
        }


@dataclass(frozen=True)
class GptSpec:
    """A causal transformer in the style of GPT-2 or of Llama: tokens ``(t,) -> (t, v)``.

    GPT-2 (Radford et al., 2019): learned positions, LayerNorm, GELU, biases. Llama (Touvron et
    al., 2023): rotary positions, RMSNorm, gated SiLU, no biases. Both normalise before each part
    and once at the end.
    """

    kind: ClassVar[str] = "gpt"
    style: str
    vocabulary: int
    context: int
    width: int
    blocks: int
    heads: int
    key_heads: int
    hidden: int
    tied: bool
    epsilon: float
    rope_base: int
    dropout: int

    @property
    def input_shape(self) -> Shape:
        """The shape of one row of tokens."""
        return (self.context,)

    @property
    def _gpt2(self) -> bool:
        return self.style == "gpt2"

    def layers(self) -> tuple[LayerSpec, ...]:
        """Return the layers in forward order."""
        table = EmbeddingSpec("tokens", self.vocabulary, self.width, _GPT_BOUND)
        layers: list[LayerSpec] = [table]
        if self._gpt2:
            layers.append(PositionsSpec("positions", self.context, self.width, _GPT_BOUND))
        layers += self._dropout("embedding")
        for index in range(self.blocks):
            name = f"block{index:02d}"
            layers.append(ResidualSpec((self._norm(f"{name}.norm1"), *self._attention(name))))
            layers.append(ResidualSpec((self._norm(f"{name}.norm2"), *self._feed_forward(name))))
        layers.append(self._norm("norm"))
        tied = "tokens.weight" if self.tied else ""
        head = LinearSpec("head", self.width, self.vocabulary, False, _GPT_BOUND, tied)
        return (*layers, head)

    def _norm(self, name: str) -> NormSpec:
        return NormSpec(name, self.width, self.epsilon, rms=not self._gpt2)

    def _dropout(self, name: str) -> list[LayerSpec]:
        return [DropoutSpec(f"{name}.dropout", self.dropout)] if self.dropout else []

    def _linear(self, name: str, inputs: int, outputs: int, *, last: bool = False) -> LinearSpec:
        # As in GPT-2, the maps that add to the residual stream begin smaller, by the square root of
        # how many there are.
        scale = math.sqrt(2.0 * self.blocks) if last else 1.0
        bound = round_to_float32(_GPT_BOUND / scale)
        return LinearSpec(name, inputs, outputs, self._gpt2, bound)

    def _attention(self, block: str) -> list[LayerSpec]:
        name, width = f"{block}.attention", self.width
        narrow = width // self.heads * self.key_heads
        attention = AttentionSpec(
            name,
            width,
            self.context,
            self.heads,
            self.key_heads,
            0 if self._gpt2 else self.rope_base,
            query=self._linear(f"{name}.query", width, width),
            key=self._linear(f"{name}.key", width, narrow),
            value=self._linear(f"{name}.value", width, narrow),
            output=self._linear(f"{name}.output", width, width, last=True),
        )
        return [attention, *self._dropout(name)]

    def _feed_forward(self, block: str) -> list[LayerSpec]:
        name, width = f"{block}.mlp", self.width
        up = self._linear(f"{name}.up", width, self.hidden)
        down = self._linear(f"{name}.down", self.hidden, width, last=True)
        if self._gpt2:
            return [up, ActivationSpec("gelu"), down, *self._dropout(name)]
        gate = self._linear(f"{name}.gate", width, self.hidden)
        return [GatedSpec(gate, up, down), *self._dropout(name)]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        document = {
            "kind": self.kind,
            "style": self.style,
            "vocabulary": self.vocabulary,
            "context": self.context,
            "width": self.width,
            "layers": self.blocks,
            "heads": self.heads,
            "kv_heads": self.key_heads,
            "hidden": self.hidden,
            "tied": self.tied,
            "norm_epsilon": format_hex_float(self.epsilon),
            "dropout": self.dropout,
        }
        return document if self._gpt2 else document | {"rope_base": self.rope_base}


def read_mlp(fields: Fields) -> MlpSpec:
    """Read the JSON form. Raises PlanRefused if a key is wrong, naming it."""
    return MlpSpec(
        inputs=fields.integer("inputs", 1, MAX_WIDTH),
        hidden=fields.integers("hidden", 1, MAX_WIDTH, range(MAX_HIDDEN + 1)),
        classes=fields.integer("classes", 1, MAX_WIDTH),
    )


def read_convnet(fields: Fields) -> ConvnetSpec:
    """Read the JSON form. Raises PlanRefused if a key is wrong, naming it."""
    channels, height, width = fields.integers("image", 1, 4096, range(3, 4))
    counts = fields.integers("channels", 1, 4096, range(1, MAX_HIDDEN + 1))
    kernel = fields.integer("kernel", 1, 15)
    if kernel % 2 == 0:
        raise fields.refuse("kernel", "odd, so that a convolution keeps the sides")
    pool = fields.integer("pool", 1, 16)
    if any(side % pool ** len(counts) for side in (height, width)):
        raise fields.refuse("pool", "such that every pooling divides the sides")
    return ConvnetSpec(
        image=(channels, height, width),
        channels=counts,
        kernel=kernel,
        pool=pool,
        hidden=fields.integers("hidden", 1, MAX_WIDTH, range(MAX_HIDDEN + 1)),
        classes=fields.integer("classes", 1, MAX_WIDTH),
    )


def read_gpt(fields: Fields) -> GptSpec:
    """Read the JSON form. Raises PlanRefused if a key is wrong, naming it."""
    style = fields.choice("style", "gpt2", "llama")
    spec = GptSpec(
        style=style,
        vocabulary=fields.integer("vocabulary", 2, MAX_VOCABULARY),
        context=fields.integer("context", 1, MAX_CONTEXT),
        width=fields.integer("width", 1, MAX_WIDTH),
        blocks=fields.integer("layers", 1, 99),
        heads=fields.integer("heads", 1, 1024),
        key_heads=fields.integer("kv_heads", 1, 1024),
        hidden=fields.integer("hidden", 1, MAX_WIDTH),
        tied=fields.boolean("tied"),
        epsilon=fields.float32("norm_epsilon", 2.0**-60, 1.0),
        rope_base=0 if style == "gpt2" else fields.integer("rope_base", 2, 1 << 40),
        dropout=fields.integer("dropout", 0, 255),
    )
    if spec.width % spec.heads or (style == "llama" and spec.width // spec.heads % 2):
        raise fields.refuse("heads", "a divisor of the width; heads of Llama have an even width")
    if spec.heads % spec.key_heads:
        raise fields.refuse("kv_heads", "a divisor of heads")
    if style == "gpt2" and spec.key_heads != spec.heads:
        raise fields.refuse("kv_heads", "equal to heads in the style of GPT-2")
    return spec
