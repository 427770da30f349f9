"""Watched layers: the same arithmetic, and a record of every output.

Outputs are recorded as layers return them, so they are recorded alike on every device and in every
profile of the arithmetic. Activations are ``(b, …)``, as in ``layers``.
"""

from collections.abc import Sequence

from torch import Tensor

from walrusd.training.dispute.names import name_inner, name_role
from walrusd.training.dispute.oplog import OperationLog
from walrusd.training.layers.layers import Layer, Residual, Tape
from walrusd.training.layers.linear import Map
from walrusd.training.layers.prepared import Gradients, MicroBatch, Prepared
from walrusd.training.plan.layerspec import LinearSpec
from walrusd.training.plan.lora import LoraSpec


class Sink(Gradients):
    """Holds back the gradients of one layer until they are recorded."""

    def __init__(self, log: OperationLog, real: Gradients) -> None:
        super().__init__(frozenset())
        self._log = log
        self._real = real
        self._held: list[tuple[str, Tensor]] = []

    def wants(self, name: str) -> bool:
        """Return whether the real sink wants the tensor."""
        return self._real.wants(name)

    def add(self, name: str, gradient: Tensor) -> None:
        """Hold a gradient that the real sink wants."""
        if self._real.wants(name):
            self._held.append((name, gradient))

    def record(self, name: str, dx: Tensor | None) -> None:
        """Record what a layer gave, and pass its gradients on: in name order, then ``dx``."""
        self._held.sort(key=lambda item: item[0])
        for tensor, gradient in self._held:
            self._log.put(f"{name}: {tensor}", gradient)
        if dx is not None:
            self._log.put(name, dx)
        for tensor, gradient in self._held:
            again = tensor in self._real.named
            self._real.add(tensor, gradient)
            if again:
                self._log.put(f"add {tensor}", self._real.named[tensor])


class WatchedLayer:
    """A layer that is one operation forward, ``(b, …) -> (b, …)``."""

    def __init__(self, log: OperationLog, name: str, inner: Layer) -> None:
        self._log, self._name, self._inner = log, name, inner

    def forward(self, x: Tensor, prepared: Prepared, batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the layer's output."""
        y, tape = self._inner.forward(x, prepared, batch)
        self._log.put(f"forward {self._name}", y)
        return y, tape

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the layer's ``dx``, in the shape of ``x``, and record it with the gradients."""
        sink = Sink(self._log, gradients)
        dx = self._inner.backward(dy, tape, prepared, sink, need_dx=need_dx)
        sink.record(f"backward {self._name}", dx)
        return dx


class WatchedResidual:
    """A residual whose inner layers are watched; the sum is an operation of its own."""

    def __init__(self, log: OperationLog, name: str, inner: Sequence[Layer]) -> None:
        self._log, self._name, self._inner = log, name, Residual(tuple(inner))

    def forward(self, x: Tensor, prepared: Prepared, batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the sum ``x + f(x)``."""
        y, tapes = self._inner.forward(x, prepared, batch)
        self._log.put(f"forward {self._name}", y)
        return y, tapes

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the sum ``dy + f'(dy)``."""
        dx = self._inner.backward(dy, tape, prepared, gradients, need_dx=need_dx)
        if dx is not None:
            self._log.put(f"backward {self._name}", dx)
        return dx


class WatchedLoss:
    """A last layer that passes everything on unchanged, and records the loss's gradient."""

    def __init__(self, log: OperationLog) -> None:
        self._log = log

    def forward(self, x: Tensor, _prepared: Prepared, _batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return ``x``, the outputs ``(b, …, c)``."""
        return x, None

    def backward(
        self, dy: Tensor, _tape: Tape, _prepared: Prepared, _sink: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return ``dy``, ``(b, …, c)``."""
        self._log.put("loss gradient", dy)
        return dy if need_dx else None


class WatchedMap(Map):
    """A map of a layer that has several.

    ``made_input`` and ``made_gradient`` name the operations between maps that made what this one is
    given, and are recorded first: its input on the grid, and the gradient of its output.
    """

    def __init__(
        self,
        log: OperationLog,
        layer: str,
        spec: LinearSpec,
        lora: LoraSpec | None,
        *,
        made_input: str = "",
        made_gradient: str = "",
    ) -> None:
        super().__init__(spec, lora)
        self._log = log
        self._name = name_inner(layer, name_role(spec))
        self._made_input, self._made_gradient = made_input, made_gradient

    def forward(self, operand: Tape, prepared: Prepared) -> tuple[Tensor, Tape]:
        """Return the map's output, ``(m, o)`` for ``(m, i)``."""
        if self._made_input:
            self._log.put(f"forward {self._made_input}", operand.values.float())  # (m, i)
        y, saved = super().forward(operand, prepared)  # (m, o)
        self._log.put(f"forward {self._name}", y)
        return y, saved

    def backward(
        self, dy: Tensor, saved: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Return the map's ``dx``, ``(m, i)`` for ``dy`` ``(m, o)``, if ``need_dx``."""
        if self._made_gradient:
            self._log.put(f"backward {self._made_gradient}", dy)
        sink = Sink(self._log, gradients)
        dx = super().backward(dy, saved, prepared, sink, need_dx=need_dx)
        sink.record(f"backward {self._name}", dx)
        return dx
