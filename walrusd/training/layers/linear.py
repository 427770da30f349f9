"""Linear maps, with or without an adapter, and the layers made of several of them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from walrusd.training.layers.layers import Tape
from walrusd.training.layers.prepared import Gradients, MicroBatch, Prepared
from walrusd.training.layers.profiles import GridOperand
from walrusd.training.layers.rope import compute_rope_tables
from walrusd.training.operators import attention, elementwise
from walrusd.training.plan.layerspec import AttentionSpec, GatedSpec, LinearSpec
from walrusd.training.plan.lora import LoraSpec


@dataclass(frozen=True)
class Mapped:
    """What a map's gradient needs: the quantised input, and the adapter's quantised middle."""

    operand: GridOperand  # (m, i)
    middle: GridOperand | None  # (m, r)


class Map:
    """``y = RN32(mm(x, Wᵀ) + b)``; ``dx = mm(dy, W)``, ``dW = mm(dyᵀ, x)``, ``db = Σ q(dy)``.

    ``x`` is ``(m, i)``, ``W`` ``(o, i)``, ``y`` ``(m, o)`` (SPEC §4). All products use the same
    three quantised tensors. With an adapter ``A``, ``(r, i)``, and ``B``, ``(o, r)`` (Hu et al.,
    2021), ``h = mm(x, Aᵀ)`` and
    ``y = RN32(y + RN32(mm(h, Bᵀ)·s))``; its gradients follow the same rules, and ``dx`` gains
    ``mm(dh, A)``.
    """

    def __init__(self, spec: LinearSpec, lora: LoraSpec | None) -> None:
        self.inputs = spec.inputs
        self._weight = spec.weight
        self._bias = f"{spec.name}.bias" if spec.bias else None
        adapted = lora is not None and lora.adapts(spec)
        self._scale = lora.scale if adapted and lora is not None else None
        self._down, self._up = f"{spec.name}.lora_a", f"{spec.name}.lora_b"

    def forward(self, operand: GridOperand, prepared: Prepared) -> tuple[Tensor, Mapped]:
        """Return ``(m, o)`` for a quantised ``(m, i)``."""
        profile, operands = prepared.profile, prepared.operands
        y = profile.mm(operand, operands[self._weight], transpose_b=True)  # (m, o)
        if self._bias is not None:
            y.add_(prepared.weights[self._bias])
        if self._scale is None:
            return y, Mapped(operand, None)
        narrow = profile.mm(operand, operands[self._down], transpose_b=True)  # (m, r)
        middle = profile.quantise(narrow)
        change = profile.mm(middle, operands[self._up], transpose_b=True)  # (m, o)
        return y.add_(change.mul_(self._scale)), Mapped(operand, middle)

    def backward(
        self,
        dy: Tensor,
        saved: Mapped,
        prepared: Prepared,
        gradients: Gradients,
        *,
        need_dx: bool,
    ) -> Tensor | None:
        """Add the gradients; return ``(m, i)`` for ``dy`` ``(m, o)`` if ``need_dx``."""
        profile, operands = prepared.profile, prepared.operands
        operand = profile.quantise(dy)  # (m, o)
        if gradients.wants(self._weight):  # (o, i)
            gradients.add(self._weight, profile.mm(operand, saved.operand, transpose_a=True))
        if self._bias is not None and gradients.wants(self._bias):
            gradients.add(self._bias, profile.sum_rows(operand))  # (o,)
        dx = profile.mm(operand, operands[self._weight]) if need_dx else None  # (m, i)
        if self._scale is None or saved.middle is None:
            return dx
        change = profile.quantise(dy.mul(self._scale))  # (m, o)
        gradients.add(self._up, profile.mm(change, saved.middle, transpose_a=True))  # (o, r)
        middle = profile.quantise(profile.mm(change, operands[self._up]))  # (m, r)
        gradients.add(self._down, profile.mm(middle, saved.operand, transpose_a=True))  # (r, i)
        if dx is None:
            return None
        return dx.add_(profile.mm(middle, operands[self._down]))


class Linear:
    """A map on the last axis, ``(b, …, i) -> (b, …, o)``."""

    def __init__(self, spec: LinearSpec, lora: LoraSpec | None) -> None:
        self._map = Map(spec, lora)

    def forward(self, x: Tensor, prepared: Prepared, _batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the output with the last axis replaced."""
        operand = prepared.profile.quantise(x.reshape(-1, self._map.inputs))  # (m, i)
        y, saved = self._map.forward(operand, prepared)
        return y.view(*x.shape[:-1], -1), saved

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Add the gradients; return the input's if needed."""
        flat = dy.reshape(-1, dy.shape[-1])  # (m, o)
        dx = self._map.backward(flat, tape, prepared, gradients, need_dx=need_dx)
        return None if dx is None else dx.view(*dy.shape[:-1], -1)


class Attention:
    """Causal self-attention, ``(b, t, w) -> (b, t, w)``.

    Query, key and value are maps of one quantised input.
    """

    def __init__(self, spec: AttentionSpec, lora: LoraSpec | None) -> None:
        self._spec = spec
        self._maps = [Map(part, lora) for part in (spec.query, spec.key, spec.value)]
        self._output = Map(spec.output, lora)
        self._tables: tuple[Tensor, Tensor] | None = None
        if spec.rope_base:
            tables = compute_rope_tables(spec.length, spec.size, spec.rope_base)
            self._tables = torch.from_numpy(tables[0].copy()), torch.from_numpy(tables[1].copy())

    def _split(self, flat: Tensor, rows: int) -> Tensor:
        """Return ``(b·t, h·d)`` as ``(b, h, t, d)``, a view."""
        return flat.view(rows, self._spec.length, -1, self._spec.size).transpose(1, 2)

    def _join(self, x: Tensor) -> Tensor:
        """Return ``(b, h, t, d)`` as ``(b·t, h·d)``."""
        return x.transpose(1, 2).reshape(x.shape[0] * self._spec.length, -1)

    def forward(self, x: Tensor, prepared: Prepared, _batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return ``(b, t, w)``."""
        operand = prepared.profile.quantise(x.reshape(-1, self._spec.width))  # (b·t, w)
        mapped = [each.forward(operand, prepared) for each in self._maps]  # (b·t, h·d), (b·t, j·d)
        query, key, value = (self._split(y, x.shape[0]) for y, _saved in mapped)
        if self._tables is not None:
            cosine, sine = (table.to(x.device) for table in self._tables)  # (t, d/2) each
            query, key = (attention.rotate(part, cosine, sine) for part in (query, key))
        attended, saved = prepared.profile.attend(query, key, value)  # (b, h, t, d)
        joined = prepared.profile.quantise(self._join(attended))  # (b·t, w)
        y, saved_output = self._output.forward(joined, prepared)  # (b·t, w)
        return y.view(x.shape), ([part for _y, part in mapped], saved, saved_output)

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Add the gradients; ``dx`` is the sum of the three maps', in the order q, k, v."""
        saved_maps, saved, saved_output = tape
        rows = dy.shape[0]
        flat = dy.reshape(-1, self._spec.width)  # (b·t, w)
        joined = self._output.backward(flat, saved_output, prepared, gradients, need_dx=True)
        assert joined is not None
        # dq is (b, h, t, d); dk and dv are (b, j, t, d).
        dq, dk, dv = prepared.profile.attend_backward(self._split(joined, rows), saved)
        if self._tables is not None:
            cosine, sine = (table.to(dy.device) for table in self._tables)
            dq, dk = (attention.rotate(part, cosine, sine.neg()) for part in (dq, dk))
        dx: Tensor | None = None
        for each, part, back in zip(self._maps, saved_maps, (dq, dk, dv), strict=True):
            change = each.backward(self._join(back), part, prepared, gradients, need_dx=need_dx)
            dx = change if dx is None or change is None else dx.add_(change)
        return None if dx is None else dx.view(dy.shape)


class Gated:
    """``down(silu(gate(x))·up(x))`` (Shazeer, 2020), ``(b, …, i) -> (b, …, i)``."""

    def __init__(self, spec: GatedSpec, lora: LoraSpec | None) -> None:
        self._gate, self._up = Map(spec.gate, lora), Map(spec.up, lora)
        self._down = Map(spec.down, lora)

    def forward(self, x: Tensor, prepared: Prepared, _batch: MicroBatch) -> tuple[Tensor, Tape]:
        """Return the output in the shape of the input."""
        operand = prepared.profile.quantise(x.reshape(-1, self._gate.inputs))  # (m, i)
        gate, saved_gate = self._gate.forward(operand, prepared)  # (m, o)
        up, saved_up = self._up.forward(operand, prepared)  # (m, o)
        active, share = elementwise.silu(gate)  # (m, o) each
        inner = prepared.profile.quantise(active.mul(up))  # (m, o)
        y, saved_down = self._down.forward(inner, prepared)  # (m, i)
        return y.view(x.shape), (saved_gate, saved_up, saved_down, gate, share, active, up)

    def backward(
        self, dy: Tensor, tape: Tape, prepared: Prepared, gradients: Gradients, *, need_dx: bool
    ) -> Tensor | None:
        """Add the gradients; ``dx`` is the sum of gate's and up's, in that order."""
        saved_gate, saved_up, saved_down, gate, share, active, up = tape
        flat = dy.reshape(-1, dy.shape[-1])  # (m, i)
        inner = self._down.backward(flat, saved_down, prepared, gradients, need_dx=True)  # (m, o)
        assert inner is not None
        dgate = elementwise.silu_backward(inner.mul(up), gate, share)  # (m, o)
        dx = self._gate.backward(dgate, saved_gate, prepared, gradients, need_dx=need_dx)
        change = self._up.backward(
            inner.mul(active), saved_up, prepared, gradients, need_dx=need_dx
        )
        return None if dx is None or change is None else dx.add_(change).view(dy.shape)
