"""The operations of a micro-batch: forward through the layers, the loss, and backward.

A layer made of several maps is taken apart. Backward goes no lower than the first layer with a
trained tensor, and an operation without a wanted output is not listed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from walrusd.training.dispute.forms import Form
from walrusd.training.dispute.names import (
    JOINERS,
    list_map_weights,
    name_inner,
    name_kind,
    name_layer,
    name_role,
)
from walrusd.training.dispute.operation import Input, InputSource, Operation, OperationList, take
from walrusd.training.plan.dataspec import TabularFloatSchema
from walrusd.training.plan.layerspec import (
    AttentionSpec,
    GatedSpec,
    LayerSpec,
    LinearSpec,
    ResidualSpec,
    Shape,
)
from walrusd.training.plan.plan import Plan
from walrusd.training.plan.shapes import compute_output_shape


@dataclass(frozen=True)
class _Passed:
    """A layer that was passed forward: its place, its input and what it put out on the way."""

    spec: LayerSpec
    name: str
    x: Input
    shape: Shape
    parts: tuple[int, ...] = ()
    inner: "tuple[_Passed, ...]" = ()


class _Walk(OperationList):
    """Lists the operations of a micro-batch of ``rows`` rows."""

    def __init__(self, plan: Plan, rows: int) -> None:
        super().__init__()
        self._lora = plan.model.lora
        self._rows = rows
        self._trained = {tensor.name: tensor.shape for tensor in plan.model.tensors()}
        self.gradients: dict[str, int] = {}
        """The operation with the gradient of each tensor so far."""

    def _form(self, shape: Shape) -> Form:
        return Form("f32", (self._rows, *shape))

    def _flat(self, shape: Shape, width: int) -> Form:
        """Return the form of ``(m, width)``, a row for each place of the micro-batch."""
        return Form("f32", (self._rows * math.prod(shape[:-1]), width))

    def _weights(self, names: Sequence[str]) -> list[Input]:
        return [
            Input(name, InputSource.STATE, of=f"weight/{name}")
            if name in self._trained
            else Input(name, InputSource.FROZEN, of=name)
            for name in names
        ]

    # Forward.

    def forward(
        self, layers: Sequence[LayerSpec], path: str, x: Input, shape: Shape
    ) -> tuple[Input, list[_Passed]]:
        """List layers one after the other; return the output and what backward needs."""
        passed = []
        for index, spec in enumerate(layers):
            name = name_layer(path, index, spec)
            match spec:
                case ResidualSpec():
                    y, layer = self._pass_residual(spec, f"{path}{index:02d}.", name, x, shape)
                case AttentionSpec() | GatedSpec():
                    y, layer = self._pass_parts(spec, name, x, shape)
                case _:
                    y, layer = self._pass_layer(spec, name, x, shape)
            passed.append(layer)
            x, shape = replace(y, name="x"), compute_output_shape(spec, shape)
        return x, passed

    def _pass_layer(
        self, spec: LayerSpec, name: str, x: Input, shape: Shape
    ) -> tuple[Input, _Passed]:
        form = self._form(compute_output_shape(spec, shape))
        weights = self._weights(self._list_weights(spec))
        kind = name_kind(spec)
        place = self.add(f"{kind}.forward", f"forward {name}", form, x, *weights)
        return take("y", place), _Passed(spec, name, x, shape)

    def _pass_residual(
        self, spec: ResidualSpec, path: str, name: str, x: Input, shape: Shape
    ) -> tuple[Input, _Passed]:
        f, inner = self.forward(spec.layers, path, x, shape)
        form = self._form(shape)
        place = self.add("residual.forward", f"forward {name}", form, x, replace(f, name="f"))
        return take("y", place), _Passed(spec, name, x, shape, inner=tuple(inner))

    def _pass_parts(
        self, spec: AttentionSpec | GatedSpec, name: str, x: Input, shape: Shape
    ) -> tuple[Input, _Passed]:
        """List the grid of the input, the first maps of it, what joins them, and the last map."""
        kind, joiner = name_kind(spec), JOINERS[type(spec)]
        *first, last = spec.linears()
        form = self._flat(shape, first[0].inputs)
        grid = self.add(f"{kind}.grid", f"forward {name_inner(name, 'grid')}", form, x)
        parts = [grid, *(self._pass_map(part, name, grid, shape) for part in first)]
        made = [take(name_role(part), at) for part, at in zip(first, parts[1:], strict=True)]
        form = self._flat(shape, last.inputs)
        joined = self.add(f"{kind}.{joiner}", f"forward {name_inner(name, joiner)}", form, *made)
        parts.append(joined)
        y = self._pass_map(last, name, joined, shape)
        return take("y", y), _Passed(spec, name, x, shape, tuple(parts))

    def _pass_map(self, spec: LinearSpec, name: str, x: int, shape: Shape) -> int:
        weights = self._weights(list_map_weights(spec, self._lora))
        form = self._flat(shape, spec.outputs)
        title = f"forward {name_inner(name, name_role(spec))}"
        return self.add("linear.forward", title, form, take("x", x), *weights)

    def _list_weights(self, spec: LayerSpec) -> list[str]:
        if isinstance(spec, LinearSpec):
            return list_map_weights(spec, self._lora)
        return [tensor.name for tensor in spec.tensors()]

    # Backward.

    def backward(
        self, passed: Sequence[_Passed], dy: Input, *, lowest: int, need_dx: bool
    ) -> Input | None:
        """List layers backwards down to layer ``lowest``; return the last ``dx`` if wanted."""
        found: Input | None = dy
        for index in range(len(passed) - 1, lowest - 1, -1):
            assert found is not None, "only the lowest layer leaves out the gradient of its input"
            wanted = need_dx or index > lowest
            layer = passed[index]
            match layer.spec:
                case ResidualSpec():
                    found = self._return_residual(layer, found, need_dx=wanted)
                case AttentionSpec() | GatedSpec():
                    found = self._return_parts(layer, found, need_dx=wanted)
                case _:
                    weights = self._list_weights(layer.spec)
                    given = (layer.x, *self._weights(weights))
                    form = self._form(layer.shape) if wanted else None
                    kind = name_kind(layer.spec)
                    found = self._list_gradients(kind, layer.name, found, given, weights, dx=form)
            found = None if found is None else replace(found, name="dy")
        return found

    def _list_gradients(
        self,
        kind: str,
        name: str,
        dy: Input,
        given: Sequence[Input],
        weights: Sequence[str],
        *,
        dx: Form | None,
    ) -> Input | None:
        """List the gradients of the trained ones of ``weights``, ``dx``, and sums of gradients."""
        found = {}
        for tensor in sorted(set(weights) & self._trained.keys()):
            role = tensor.rpartition(".")[2]
            form = Form("f32", self._trained[tensor])
            title = f"backward {name}: {tensor}"
            found[tensor] = self.add(f"{kind}.backward.{role}", title, form, dy, *given)
        back = None
        if dx is not None:
            back = take("dx", self.add(f"{kind}.backward", f"backward {name}", dx, dy, *given))
        for tensor, place in found.items():
            before = self.gradients.get(tensor)
            self.gradients[tensor] = place
            if before is not None:
                form = Form("f32", self._trained[tensor])
                both = take("before", before), take("gradient", place)
                self.gradients[tensor] = self.add("add", f"add {tensor}", form, *both)
        return back

    def _return_residual(self, layer: _Passed, dy: Input, *, need_dx: bool) -> Input | None:
        inner = self.backward(layer.inner, dy, lowest=0, need_dx=need_dx)
        if inner is None:
            return None
        both = dy, replace(inner, name="f")
        form = self._form(layer.shape)
        return take("dx", self.add("residual.backward", f"backward {layer.name}", form, *both))

    def _return_parts(self, layer: _Passed, dy: Input, *, need_dx: bool) -> Input | None:
        """List the last map, then for each of the others its gradient and itself, and the sum."""
        spec = layer.spec
        assert isinstance(spec, AttentionSpec | GatedSpec)
        kind, joiner = name_kind(spec), JOINERS[type(spec)]
        *first, last = spec.linears()
        grid, *made, joined = layer.parts
        inputs = [take(name_role(part), at) for part, at in zip(first, made, strict=True)]
        back = self._return_map(last, layer, joined, dy, need_dx=True)
        assert back is not None
        sums = []
        for part in first:
            role = name_role(part)
            title = f"backward {name_inner(layer.name, joiner)}: {role}"
            form = self._flat(layer.shape, part.outputs)
            given = replace(back, name=f"d{name_role(last)}"), *inputs
            change = self.add(f"{kind}.{joiner}.backward.{role}", title, form, *given)
            dx = self._return_map(part, layer, grid, take("dy", change), need_dx=need_dx)
            if dx is not None:
                sums.append(replace(dx, name=role))
        if not need_dx:
            return None
        form = self._form(layer.shape)
        title = f"backward {name_inner(layer.name, 'sum')}"
        return take("dx", self.add(f"{kind}.sum", title, form, *sums))

    def _return_map(
        self, spec: LinearSpec, layer: _Passed, x: int, dy: Input, *, need_dx: bool
    ) -> Input | None:
        weights = list_map_weights(spec, self._lora)
        given = take("x", x), *self._weights(weights)
        form = self._flat(layer.shape, spec.inputs) if need_dx else None
        name = name_inner(layer.name, name_role(spec))
        return self._list_gradients("linear", name, dy, given, weights, dx=form)


@dataclass(frozen=True)
class MicroBatchList:
    """A micro-batch's operations, and which have its loss and the sum of each gradient so far."""

    operations: tuple[Operation, ...]
    loss: int
    sums: Mapping[str, int]


def list_micro_batch(plan: Plan, number: int, rows: int) -> MicroBatchList:
    """Return the operations of micro-batch ``number``, which has ``rows`` rows.

    From the second on, each gradient is added to the sum of those before, which the micro-batch
    before has; its numbers are negative here. All after the third have the operations of the third.
    """
    walk = _Walk(plan, rows)
    model, wide = plan.model, isinstance(plan.dataset, TabularFloatSchema)
    constants = [
        Input(name, InputSource.CONSTANT, of=name) for name in ("seed", "step", "micro-batch")
    ]
    chosen = take("rows", walk.add("rows", "choose rows", Form("i64", (rows,)), *constants))
    given = chosen, Input("dataset", InputSource.DATASET, of="rows")
    form = Form("i64" if model.takes_tokens else "f32", (rows, *model.input_shape))
    x = take("x", walk.add("inputs", "read inputs", form, *given))
    axes = (model.output_shape[-1],) if wide else model.output_shape[:-1]
    form = Form("f32" if wide else "i64", (rows, *axes))
    targets = take("targets", walk.add("targets", "read targets", form, *given))
    y, passed = walk.forward(model.layers, "", x, model.input_shape)
    compared = replace(y, name="outputs"), targets
    form = Form("f32", (rows, *model.output_shape))
    dy = take("dy", walk.add(f"{plan.loss}.gradient", "loss gradient", form, *compared))
    walk.backward(passed, dy, lowest=model.lowest_trained, need_dx=False)
    loss = walk.add(plan.loss, "loss", Form("f32"), *compared)
    sums, length, tensors = dict(walk.gradients), loss + 1, model.tensors()
    for index, tensor in enumerate(tensors if number else ()):
        # The micro-batch before is as long as this one, or ends with its loss if it is the first.
        before = sums[tensor.name] - length if number == 1 else index - len(tensors)
        both = take("before", before), take("gradient", sums[tensor.name])
        form = Form("f32", tensor.shape)
        sums[tensor.name] = walk.add("accumulate", f"accumulate {tensor.name}", form, *both)
    return MicroBatchList(tuple(walk.operations), loss, sums)
