"""Watched layers that consist of several maps, and the building of a watched model.

Every map, and every computation between maps, is an operation of its own.
"""

from collections.abc import Callable, Sequence

from torch import Tensor

from walrusd.training.dispute.oplog import OperationLog, Values
from walrusd.training.dispute.transcript import Value
from walrusd.training.dispute.watched import (
    WatchedLayer,
    WatchedMap,
    WatchedResidual,
    list_map_weights,
)
from walrusd.training.layers.layers import Layer, Tape
from walrusd.training.layers.linear import Attention, Gated
from walrusd.training.layers.model import build_layer
from walrusd.training.layers.prepared import Gradients, MicroBatch, Prepared
from walrusd.training.plan.layerspec import (
    ActivationSpec,
    AttentionSpec,
    FlattenSpec,
    GatedSpec,
    LayerSpec,
    LinearSpec,
    PoolSpec,
    ResidualSpec,
)
from walrusd.training.plan.lora import LoraSpec


class _Parts:
    """What watched layers with several maps have in common: the grid before, the sum after."""

    def __init__(self, log: OperationLog, name: str, inputs: Sequence[WatchedMap]) -> None:
        self._log, self._name, self._inputs = log, name, tuple(inputs)
        self._x: Value | None = None
        inputs[0].before_forward = self._record_grid

    def start(self, x: Tensor) -> None:
        """Note the layer's input, ``(b, …)``."""
        self._x = self._log.describe(x)

    def _record_grid(self, grid: Value) -> None:
        assert self._x is not None
        self._log.add(f"forward {self._name}.grid", {"x": self._x}, {"grid": grid})

    def finish_backward(self, dx: Tensor | None) -> None:
        """Record that the gradients of the maps of the input are added, in order."""
        if dx is None:
            return
        given: Values = {}
        for each in self._inputs:
            given |= each.known("dx", "dx/")
        self._log.add(f"backward {self._name}.sum", given, {"dx": self._log.describe(dx)})


class WatchedAttention(Attention):
    """Attention, ``(b, t, w)``: the grid, the maps, and what is between them, both ways."""

    def __init__(self, log: OperationLog, spec: AttentionSpec, lora: LoraSpec | None) -> None:
        super().__init__(spec, lora)
        self._log, self._name = log, spec.name
        inner = [WatchedMap(log, part, lora) for part in (spec.query, spec.key, spec.value)]
        last = WatchedMap(log, spec.output, lora)
        self._watched, self._last = inner, last
        self._maps, self._output = [*inner], last
        self._parts = _Parts(log, spec.name, inner)
        last.before_forward = self._record_attend
        for each, name in zip(inner, ("query", "key", "value"), strict=True):
            each.before_backward = self._make_recorder(name)

    def _known(self) -> Values:
        found: Values = {}
        for each in self._watched:
            found |= each.known("y")
        return found

    def _record_attend(self, joined: Value) -> None:
        self._log.add(f"forward {self._name}.attend", self._known(), {"joined": joined})

    def _make_recorder(self, name: str) -> Callable[[Value], None]:
        def record(gradient: Value) -> None:
            given = {**self._last.known("dx", "d"), **self._known()}
            outputs = {f"d{name}": gradient}
            self._log.add(f"backward {self._name}.attend.{name}", given, outputs)

        return record

    def forward(self, x: Tensor, prepared: Prepared, batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the layer's output, ``(b, t, w)``."""
        self._parts.start(x)
        return super().forward(x, prepared, batch)

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the layer's ``dx``, ``(b, t, w)``, if ``need_dx``."""
        dx = super().backward(dy, tape, prepared, gradients, need_dx=need_dx)
        self._parts.finish_backward(dx)
        return dx


class WatchedGated(Gated):
    """A gated layer, ``(b, …, i)``: the grid, the maps, and what is between them, both ways."""

    def __init__(self, log: OperationLog, spec: GatedSpec, lora: LoraSpec | None) -> None:
        super().__init__(spec, lora)
        self._log, self._name = log, spec.gate.name.removesuffix(".gate")
        gate, up = WatchedMap(log, spec.gate, lora), WatchedMap(log, spec.up, lora)
        down = WatchedMap(log, spec.down, lora)
        self._gate, self._up, self._down = gate, up, down
        self._parts = _Parts(log, self._name, [gate, up])

        def known() -> Values:
            return {**gate.known("y"), **up.known("y")}

        def record(name: str, gradient: Value) -> None:
            given = {**down.known("dx", "d"), **known()}
            log.add(f"backward {self._name}.inner.{name}", given, {f"d{name}": gradient})

        def record_inner(inner: Value) -> None:
            log.add(f"forward {self._name}.inner", known(), {"inner": inner})

        down.before_forward = record_inner
        gate.before_backward = lambda gradient: record("gate", gradient)
        up.before_backward = lambda gradient: record("up", gradient)

    def forward(self, x: Tensor, prepared: Prepared, batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the layer's output, in the shape of ``x``."""
        self._parts.start(x)
        return super().forward(x, prepared, batch)

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the layer's ``dx``, in the shape of ``dy``, if ``need_dx``."""
        dx = super().backward(dy, tape, prepared, gradients, need_dx=need_dx)
        self._parts.finish_backward(dx)
        return dx


def build_watched_layers(
    specs: Sequence[LayerSpec], lora: LoraSpec | None, log: OperationLog, path: str = ""
) -> list[Layer]:
    """Return the layers that ``specs`` declare, watched. Names give their place in the model."""
    found: list[Layer] = []
    for index, spec in enumerate(specs):
        name = f"{path}{index:02d} {_name(spec)}".rstrip()
        match spec:
            case ResidualSpec():
                inner = build_watched_layers(spec.layers, lora, log, f"{path}{index:02d}.")
                found.append(WatchedResidual(log, name, inner))
            case AttentionSpec():
                found.append(WatchedAttention(log, spec, lora))
            case GatedSpec():
                found.append(WatchedGated(log, spec, lora))
            case LinearSpec():
                weights = list_map_weights(spec, lora)
                found.append(WatchedLayer(log, name, weights, build_layer(spec, lora)))
            case _:
                weights = [tensor.name for tensor in spec.tensors()]
                found.append(WatchedLayer(log, name, weights, build_layer(spec, lora)))
    return found


def _name(spec: LayerSpec) -> str:
    match spec:
        case ActivationSpec():
            return spec.function
        case PoolSpec():
            return "average_pool"
        case FlattenSpec():
            return "flatten"
        case ResidualSpec():
            return "residual"
        case GatedSpec():
            return spec.gate.name.removesuffix(".gate")
        case _:
            return spec.name
