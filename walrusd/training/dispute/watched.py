"""Watched layers: the same arithmetic, and a record of every operation.

The records are made from the arguments and results of layers, so they are made alike on every
device and in every profile of the arithmetic. Activations are ``(b, …)``, as in ``layers``.
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
    """Any layer that is one operation forward and one backward, ``(b, …) -> (b, …)``."""

    def __init__(self, log: OperationLog, name: str, weights: Sequence[str], inner: Layer) -> None:
        self._log, self._name, self._weights, self._inner = log, name, tuple(weights), inner

    def forward(self, x: Tensor, prepared: Prepared, batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the layer's output; the tape also holds the description of ``x``."""
        given = {"x": self._log.describe(x), **self._log.weights(prepared, self._weights)}
        y, tape = self._inner.forward(x, prepared, batch)
        self._log.add(f"forward {self._name}", given, {"y": self._log.describe(y)})
        return y, (tape, given["x"])

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the layer's ``dx``, in the shape of ``x``, and record it with the gradients."""
        inner, x = tape
        given = {"dy": self._log.describe(dy), "x": x}
        given |= self._log.weights(prepared, self._weights)
        sink = Sink(self._log, gradients)
        dx = self._inner.backward(dy, inner, prepared, sink, need_dx=need_dx)
        sink.record(f"backward {self._name}", given, dx)
        return dx


class WatchedResidual:
    """A residual whose inner layers are watched; the sum is an operation of its own."""

    def __init__(self, log: OperationLog, name: str, inner: Sequence[Layer]) -> None:
        self._log, self._name, self._inner = log, name, Residual(tuple(inner))

    def forward(self, x: Tensor, prepared: Prepared, batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the sum ``x + f(x)``."""
        given = {"x": self._log.describe(x)}
        y, tapes = self._inner.forward(x, prepared, batch)
        given["f"] = self._log.find_last("y", given["x"])
        self._log.add(f"forward {self._name}", given, {"y": self._log.describe(y)})
        return y, tapes

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the sum ``dy + f'(dy)``."""
        given = {"dy": self._log.describe(dy)}
        dx = self._inner.backward(dy, tape, prepared, gradients, need_dx=need_dx)
        if dx is not None:
            given["f"] = self._log.find_last("dx", given["dy"])
            self._log.add(f"backward {self._name}", given, {"dx": self._log.describe(dx)})
        return dx


class WatchedLoss:
    """A last layer that passes everything on unchanged, and records what the loss did."""

    def __init__(self, log: OperationLog) -> None:
        self._log = log
        self.outputs: Value | None = None
        self.targets: Value | None = None

    def given(self) -> Values:
        """Return the descriptions of the loss's inputs."""
        assert self.outputs is not None
        assert self.targets is not None
        return {"outputs": self.outputs, "targets": self.targets}

    def forward(self, x: Tensor, _prepared: Prepared, _batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return ``x``, the outputs ``(b, …, c)``."""
        self.outputs = self._log.describe(x)
        return x, None

    def backward(
        self, dy: Tensor, _tape: Tape, _prepared: Prepared, _sink: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return ``dy``, ``(b, …, c)``."""
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

    ``before_forward`` and ``before_backward`` record the operation that made the map's input, as
    soon as that is known.
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
        """Return the map's output, ``(m, o)`` for ``(m, i)``."""
        self.x = self._log.describe(operand.values.float())  # (m, i)
        if self.before_forward is not None:
            self.before_forward(self.x)
        given = {"x": self.x, **self._log.weights(prepared, self._used)}
        y, saved = super().forward(operand, prepared)  # (m, o)
        self.y = self._log.describe(y)
        self._log.add(f"forward {self._name}", given, {"y": self.y})
        return y, saved

    def backward(
        self, dy: Tensor, saved: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the map's ``dx``, ``(m, i)`` for ``dy`` ``(m, o)``, if ``need_dx``."""
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
        """Return the value ``what`` (``x``, ``y`` or ``dx``) under the map's own name."""
        value: Value | None = getattr(self, what)
        assert value is not None, f"{self._name} has no {what} yet"
        return {f"{prefix}{self._name.rpartition('.')[2]}": value}
