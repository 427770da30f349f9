"""A log of the operations of one step, with the bytes of selected values."""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from walrusd.training.dispute.transcript import (
    Given,
    Operation,
    Value,
    canonicalise,
    compute_value_digest,
)
from walrusd.training.layers.prepared import Gradients, Prepared

Values = dict[str, Value]


class OperationLog:
    """Collects operations, and the bytes of the values that ``keep`` selects."""

    def __init__(self, keep: Callable[[Value], bool]) -> None:
        self._keep = keep
        self.operations: list[Operation] = []
        self.kept: dict[bytes, bytes] = {}
        self.prefix = ""
        """Goes before the names of operations: the micro-batch being computed."""

    def describe(self, value: Given) -> Value:
        """Return the description of a value's present content."""
        kind, shape, raw = canonicalise(value)
        found = Value(kind, shape, compute_value_digest(kind, shape, raw))
        if found.digest not in self.kept and self._keep(found):
            self.kept[found.digest] = raw
        return found

    def describe_all(self, values: Mapping[str, Given], prefix: str = "") -> Values:
        """Return the descriptions of named values, their names prefixed with ``prefix``."""
        return {f"{prefix}{name}": self.describe(value) for name, value in values.items()}

    def weights(self, prepared: Prepared, names: Sequence[str]) -> Values:
        """Return the descriptions of weights."""
        return {name: self.describe(prepared.weights[name]) for name in names}

    def add(self, name: str, inputs: Values, outputs: Values) -> Values:
        """Record an operation if it has outputs; return the outputs."""
        if outputs:
            self.operations.append(Operation(self.prefix + name, inputs, outputs))
        return outputs

    def find_last(self, output: str, default: Value) -> Value:
        """Return the latest value that an operation put out as ``output``, else ``default``."""
        for operation in reversed(self.operations):
            if output in operation.outputs:
                return operation.outputs[output]
        return default


class Sink(Gradients):
    """Holds back the gradients of one operation until it is recorded."""

    def __init__(self, log: OperationLog, real: Gradients) -> None:
        super().__init__(frozenset())
        self._log = log
        self._real = real
        self.held: list[tuple[str, Tensor]] = []

    def wants(self, name: str) -> bool:
        """Return whether the real sink wants the tensor."""
        return self._real.wants(name)

    def add(self, name: str, gradient: Tensor) -> None:
        """Hold a gradient that the real sink wants."""
        if self._real.wants(name):
            self.held.append((name, gradient))

    def record(self, name: str, inputs: Values, dx: Tensor | None) -> Values:
        """Record the operation that filled the sink, pass its gradients on, return its outputs."""
        log = self._log
        outputs = {} if dx is None else {"dx": log.describe(dx)}
        outputs |= log.describe_all(dict(self.held), "gradient/")
        log.add(name, inputs, outputs)
        for tensor, gradient in self.held:
            self._pass_on(tensor, gradient)
        return outputs

    def _pass_on(self, tensor: str, gradient: Tensor) -> None:
        before = self._real.named.get(tensor)
        if before is None:
            self._real.add(tensor, gradient)
            return
        given = self._log.describe_all({"before": before, "gradient": gradient})
        self._real.add(tensor, gradient)
        after = self._log.describe(self._real.named[tensor])
        self._log.add(f"add {tensor}", given, {"sum": after})
