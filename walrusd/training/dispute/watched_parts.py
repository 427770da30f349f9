"""Watched layers that consist of several maps, and the building of a watched model.

Every map, and every computation between maps, is an operation of its own.
"""

from collections.abc import Sequence

from torch import Tensor

from walrusd.training.dispute.names import JOINERS, name_inner, name_layer, name_role
from walrusd.training.dispute.oplog import OperationLog
from walrusd.training.dispute.watched import WatchedLayer, WatchedMap, WatchedResidual
from walrusd.training.layers.layers import Layer, Tape
from walrusd.training.layers.linear import Attention, Gated
from walrusd.training.layers.model import build_layer
from walrusd.training.layers.prepared import Gradients, Prepared
from walrusd.training.plan.layerspec import (
    AttentionSpec,
    GatedSpec,
    LayerSpec,
    ResidualSpec,
)
from walrusd.training.plan.lora import LoraSpec


def _watch_maps(
    log: OperationLog, name: str, spec: AttentionSpec | GatedSpec, lora: LoraSpec | None
) -> tuple[list[WatchedMap], WatchedMap]:
    """Return the watched maps of a layer: those of its input, and the last one."""
    joiner = name_inner(name, JOINERS[type(spec)])
    *first, last = spec.linears()
    maps = []
    for index, part in enumerate(first):
        grid = "" if index else name_inner(name, "grid")
        gradient = f"{joiner}: {name_role(part)}"
        maps.append(WatchedMap(log, name, part, lora, made_input=grid, made_gradient=gradient))
    return maps, WatchedMap(log, name, last, lora, made_input=joiner)


class WatchedAttention(Attention):
    """Attention, ``(b, t, w)``: the grid, the maps, and what is between them, both ways."""

    def __init__(
        self, log: OperationLog, name: str, spec: AttentionSpec, lora: LoraSpec | None
    ) -> None:
        super().__init__(spec, lora)
        self._log, self._name = log, name
        maps, self._output = _watch_maps(log, name, spec, lora)
        self._maps = [*maps]

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the layer's ``dx``, ``(b, t, w)``, if ``need_dx``."""
        dx = super().backward(dy, tape, prepared, gradients, need_dx=need_dx)
        if dx is not None:
            self._log.put(f"backward {name_inner(self._name, 'sum')}", dx)
        return dx


class WatchedGated(Gated):
    """A gated layer, ``(b, …, i)``: the grid, the maps, and what is between them, both ways."""

    def __init__(
        self, log: OperationLog, name: str, spec: GatedSpec, lora: LoraSpec | None
    ) -> None:
        super().__init__(spec, lora)
        self._log, self._name = log, name
        (self._gate, self._up), self._down = _watch_maps(log, name, spec, lora)

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the layer's ``dx``, in the shape of ``dy``, if ``need_dx``."""
        dx = super().backward(dy, tape, prepared, gradients, need_dx=need_dx)
        if dx is not None:
            self._log.put(f"backward {name_inner(self._name, 'sum')}", dx)
        return dx


def build_watched_layers(
    specs: Sequence[LayerSpec], lora: LoraSpec | None, log: OperationLog, path: str = ""
) -> list[Layer]:
    """Return the layers that ``specs`` declare, watched. Names give their place in the model."""
    found: list[Layer] = []
    for index, spec in enumerate(specs):
        name = name_layer(path, index, spec)
        match spec:
            case ResidualSpec():
                inner = build_watched_layers(spec.layers, lora, log, f"{path}{index:02d}.")
                found.append(WatchedResidual(log, name, inner))
            case AttentionSpec():
                found.append(WatchedAttention(log, name, spec, lora))
            case GatedSpec():
                found.append(WatchedGated(log, name, spec, lora))
            case _:
                found.append(WatchedLayer(log, name, build_layer(spec, lora)))
    return found
