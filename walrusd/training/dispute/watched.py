"""Layers that are watched: the same arithmetic, and a record of every operation.

The records are made from what layers are given and what they return, so they are the same on
every device and in every profile of the arithmetic.
"""

from collections.abc import Callable, Sequence

from torch import Tensor

from walrusd.training.dispute.oplog import OperationLog, Sink, Values
from walrusd.training.dispute.transcript import Value
from walrusd.training.layers.layers import Layer, Residual, Tape
from walrusd.training.layers.linear import Map
from walrusd.training.layers.prepared import Gradients, MicroBatch, Prepared
from walrusd.training.plan.layerspec import LinearSpec
from walrusd.training.plan.lora import LoraSpec


class WatchedLayer:
    """Any layer that is one operation forward and one backward."""

    def __init__(self, log: OperationLog, name: str, weights: Sequence[str], inner: Layer) -> None:
        self._log, self._name, self._weights, self._inner = log, name, tuple(weights), inner

    def forward(self, x: Tensor, prepared: Prepared, batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return what the layer does; the tape also holds the description of ``x``."""
        given = {"x": self._log.describe(x), **self._log.weights(prepared, self._weights)}
        y, tape = self._inner.forward(x, prepared, batch)
        self._log.add(f"forward {self._name}", given, {"y": self._log.describe(y)})
        return y, (tape, given["x"])

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return what the layer does."""
        inner, x = tape
        given = {"dy": self._log.describe(dy), "x": x}
        given |= self._log.weights(prepared, self._weights)
        sink = Sink(self._log, gradients)
        dx = self._inner.backward(dy, inner, prepared, sink, need_dx=need_dx)
        sink.record(f"backward {self._name}", given, dx)
        return dx


class WatchedResidual:
    """A residual: what is inside is watched, and the sum is an operation."""

    def __init__(self, log: OperationLog, name: str, inner: Sequence[Layer]) -> None:
        self._log, self._name, self._inner = log, name, Residual(tuple(inner))

    def forward(self, x: Tensor, prepared: Prepared, batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the sum."""
        given = {"x": self._log.describe(x)}
        y, tapes = self._inner.forward(x, prepared, batch)
        given["f"] = self._log.find_last("y", given["x"])
        self._log.add(f"forward {self._name}", given, {"y": self._log.describe(y)})
        return y, tapes

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the gradient's sum."""
        given = {"dy": self._log.describe(dy)}
        dx = self._inner.backward(dy, tape, prepared, gradients, need_dx=need_dx)
        if dx is not None:
            given["f"] = self._log.find_last("dx", given["dy"])
            self._log.add(f"backward {self._name}", given, {"dx": self._log.describe(dx)})
        return dx


class WatchedLoss:
    """Stands after the last layer, passes everything on, and records what the loss did."""

    def __init__(self, log: OperationLog) -> None:
        self._log = log
        self.outputs: Value | None = None
        self.targets: Value | None = None

    def given(self) -> Values:
        """Return what the loss is computed from."""
        assert self.outputs is not None
        assert self.targets is not None
        return {"outputs": self.outputs, "targets": self.targets}

    def forward(self, x: Tensor, _prepared: Prepared, _batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return ``x``."""
        self.outputs = self._log.describe(x)
        return x, None

    def backward(
        self, dy: Tensor, _tape: Tape, _prepared: Prepared, _sink: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return ``dy``."""
        self._log.add("loss gradient", self.given(), {"dy": self._log.describe(dy)})
        return dy if need_dx else None


def list_map_weights(spec: LinearSpec, lora: LoraSpec | None) -> list[str]:
    """Return the names of the tensors that a map uses."""
    names = [spec.weight, *([f"{spec.name}.bias"] if spec.bias else [])]
    if lora is not None and lora.adapts(spec):
        names += [f"{spec.name}.lora_a", f"{spec.name}.lora_b"]
    return names


class WatchedMap(Map):
    """A map of a layer that has several. ``x`` is its input on the grid, ``y`` its last output.

    What lies before it is recorded when its input is known, by ``before_forward`` and
    ``before_backward``.
    """

    def __init__(self, log: OperationLog, spec: LinearSpec, lora: LoraSpec | None) -> None:
        super().__init__(spec, lora)
        self._log, self._name = log, spec.name
        self._used = list_map_weights(spec, lora)
        self.x: Value | None = None
        self.y: Value | None = None
        self.dx: Value | None = None
        self.before_forward: Callable[[Value], None] | None = None
        self.before_backward: Callable[[Value], None] | None = None

    def forward(self, operand: Tape, prepared: Prepared) -> tuple[Tensor, Tape]:
        """Return what the map does."""
        self.x = self._log.describe(operand.values.float())
        if self.before_forward is not None:
            self.before_forward(self.x)
        given = {"x": self.x, **self._log.weights(prepared, self._used)}
        y, saved = super().forward(operand, prepared)
        self.y = self._log.describe(y)
        self._log.add(f"forward {self._name}", given, {"y": self.y})
        return y, saved

    def backward(
        self, dy: Tensor, saved: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return what the map does."""
        found = self._log.describe(dy)
        if self.before_backward is not None:
            self.before_backward(found)
        assert self.x is not None
        given = {"dy": found, "x": self.x, **self._log.weights(prepared, self._used)}
        sink = Sink(self._log, gradients)
        dx = super().backward(dy, saved, prepared, sink, need_dx=need_dx)
        self.dx = sink.record(f"backward {self._name}", given, dx).get("dx")
        return dx

    def known(self, what: str, prefix: str = "") -> Values:
        """Return ``x``, ``y`` or ``dx`` under the map's own name."""
        value: Value | None = getattr(self, what)
        assert value is not None, f"{self._name} has no {what} yet"
        return {f"{prefix}{self._name.rpartition('.')[2]}": value}
