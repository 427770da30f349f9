"""Causal self-attention with exact products (Vaswani et al., 2017), and rotary positions.

The softmax numerators are powers of two on a grid of 2^−20, so that their sum and their product
with the values are exact. Every result is a function of whole rows: it does not depend on how the
work is cut into groups of heads, which only keeps it in the cache.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from walrusd.training.native import shaped
from walrusd.training.numerics import arith, functions
from walrusd.training.numerics.arith import Operand
from walrusd.training.plan.strict import round_to_float32

_LOG2_E = float.fromhex("0x1.715476p+0")
_LN_2 = float.fromhex("0x1.62e430p-1")
_LOWEST = -64.0
"""Scores this far below their row's largest give a numerator of zero on the grid."""

_NUMERATOR_BITS = 20
_NUMERATOR_MAGIC = 12.0
"""``1.5·2^23·2^−20``: added and subtracted, it rounds ``[0, 1]`` to multiples of 2^−20."""

_GROUP_ELEMENTS = 1 << 19
"""Scores held at once: 4 MB as float64."""


@dataclass(frozen=True)
class Attended:
    """What the gradient needs of the forward pass."""

    query: Operand  # (b·h, t, d)
    key: Operand  # (b·j, t, d)
    value: Operand  # (b·j, t, d)
    numerators: Tensor  # (b·h, t, t)
    total: Tensor  # (b·h, t, 1)
    output: Tensor  # (b·h, t, d)
    shape: tuple[int, int, int, int]  # (b, h, t, d)
    key_heads: int  # j


def score_scale(size: int) -> float:
    """Return ``RN32(log2 e/√size)``, which makes scores logarithms to base two."""
    return round_to_float32(_LOG2_E / math.sqrt(size))


def _flat(x: Tensor) -> Tensor:
    """Return ``(b, h, t, d)`` as ``(b·h, t, d)``, contiguous."""
    return x.reshape(-1, x.shape[2], x.shape[3])


def spread_groups(x: Tensor, group: int) -> Tensor:
    """Return keys or values, ``(b·j, t, d)``, once for each query head of their group."""
    return x if group == 1 else x.repeat_interleave(group, 0)  # (b·h, t, d)


def _groups(count: int, length: int) -> list[slice]:
    """Return slices of ``b·h`` heads whose scores fit the cache together."""
    step = max(1, _GROUP_ELEMENTS // (length * length))
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Attended]:
    """Return the attention output and what its gradient needs.

    ``q`` and the output are ``(b, h, t, d)``; ``k`` and ``v`` are ``(b, j, t, d)``, each of their
    heads serving ``h/j`` query heads in order (Ainslie et al., 2023). SPEC §4: with
    ``Q = q(q·RN32(log2 e/√size))``, ``K = q(k)``, ``V = q(v)``, grids per tensor:
    ``S = RN32(Q·Kᵀ)``; ``e = exp2(max(S − rowmax, −64))`` on multiples of 2^−20, 0 where masked;
    ``l = RN32(Σ e)``; ``o = RN32(e·V)/l``.

    Raises:
        ProductBoundExceeded, NonFiniteValue: as ``arith.bmm`` and ``arith.quantise``.
    """
    batch, heads, length, size = q.shape
    shape = (batch, heads, length, size)  # (b, h, t, d)
    if max(length, size) <= arith.BLOCK and not arith.exponents_stay_on_device:
        found = shaped.attend(q, k, v, score_scale(size), arith.BITS)
        if found is not None:
            grid_q, grid_k, grid_v = (Operand(x, arith.BITS) for x in found[:3])
            saved = Attended(grid_q, grid_k, grid_v, *found[3:], shape, k.shape[1])
            return saved.output.view(shape), saved
    group = heads // k.shape[1]
    query = arith.quantise(_flat(q.mul(score_scale(size))))  # (b·h, t, d), float64
    key, value = arith.quantise(_flat(k)), arith.quantise(_flat(v))  # (b·j, t, d), float64
    keys, values = spread_groups(key.values, group), spread_groups(value.values, group)
    future = torch.ones((length, length), dtype=torch.bool, device=q.device).triu_(1)  # (t, t)
    numerators = torch.empty((batch * heads, length, length), dtype=torch.float32, device=q.device)
    total = torch.empty((batch * heads, length, 1), dtype=torch.float32, device=q.device)
    output = torch.empty((batch * heads, length, size), dtype=torch.float32, device=q.device)
    for part in _groups(batch * heads, length):
        scores = arith.bmm(
            Operand(query.values[part], query.bits),
            Operand(keys[part], key.bits),
            transpose_b=True,
        )
        scores.masked_fill_(future, -math.inf)  # (part, t, t)
        scores.sub_(scores.amax(-1, keepdim=True)).clamp_min_(_LOWEST)
        weights = functions.exp2(scores).masked_fill_(future, 0.0)
        weights.add_(_NUMERATOR_MAGIC).sub_(_NUMERATOR_MAGIC)
        wide = Operand(weights.double(), _NUMERATOR_BITS)  # (part, t, t), float64
        numerators[part] = weights
        total[part] = wide.values.sum(-1, keepdim=True).float()  # (part, t, 1)
        torch.div(arith.bmm(wide, Operand(values[part], value.bits)), total[part], out=output[part])
    saved = Attended(query, key, value, numerators, total, output, shape, k.shape[1])
    return output.view(shape), saved  # (b, h, t, d)


def causal_attention_backward(dy: Tensor, saved: Attended) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients by ``q``, ``k`` and ``v``, in their shapes; ``dy`` is ``(b, h, t, d)``.

    SPEC §4: ``d = dy/l``; ``δ = fold(d·o)``; ``dV = RN32(eᵀ·q(d))``;
    ``R = RN64(RN64(q(d)·Vᵀ − δ)·e)`` on a grid per batch and head, ``G``;
    ``dq = RN32(G·K)·RN32(1/√size)``; ``dk = RN32(Gᵀ·Q)·RN32(ln 2)``. Gradients of shared keys and
    values are folds over their group.

    Raises:
        ProductBoundExceeded, NonFiniteValue: as ``arith.bmm`` and ``arith.quantise``.
    """
    batch, heads, length, size = saved.shape
    group = heads // saved.key_heads
    factor = round_to_float32(1.0 / math.sqrt(size))
    if saved.query.values.dtype == torch.float32:
        operands = (saved.query.values, saved.key.values, saved.value.values)
        found = shaped.attend_backward(
            dy,
            (*operands, saved.numerators, saved.total, saved.output),
            (factor, _LN_2),
            arith.BITS,
        )
        if found is not None:
            dq, dk, dv = (x.view(saved.shape) for x in found)  # (b, h, t, d) each
            return dq, gather_groups(dk, group), gather_groups(dv, group)
        # The kernel does not write the masked numerators.
        saved.numerators.tril_()
    scaled = torch.div(_flat(dy), saved.total)  # (b·h, t, d)
    delta = arith.fold(scaled.mul(saved.output)).double()[..., None]  # (b·h, t, 1), float64
    slope = arith.quantise(scaled)
    keys, values = spread_groups(saved.key.values, group), spread_groups(saved.value.values, group)
    dq, dk, dv = (torch.empty_like(scaled) for _ in range(3))  # (b·h, t, d) each
    for part in _groups(batch * heads, length):
        wide = saved.numerators[part].double()  # (part, t, t)
        step = Operand(slope.values[part], slope.bits)
        dv[part] = arith.bmm(Operand(wide, _NUMERATOR_BITS), step, transpose_a=True)
        raw = arith.bmm_wide(step, Operand(values[part], saved.value.bits), transpose_b=True)
        gradient = arith.quantise_wide(raw.sub_(delta[part]).mul_(wide))  # (part, t, t), float64
        dq[part] = arith.bmm(gradient, Operand(keys[part], saved.key.bits))
        query = Operand(saved.query.values[part], saved.query.bits)
        dk[part] = arith.bmm(gradient, query, transpose_a=True)
    dq.mul_(factor)
    dk.mul_(_LN_2)
    return (
        dq.view(saved.shape),
        gather_groups(dk.view(saved.shape), group),
        gather_groups(dv.view(saved.shape), group),
    )


def gather_groups(x: Tensor, group: int) -> Tensor:
    """Return the folds of ``(b, h, t, d)`` over the query heads of each group: ``(b, j, t, d)``."""
    if group == 1:
        return x
    batch, heads, length, size = x.shape
    grouped = x.view(batch, heads // group, group, length, size)  # (b, j, h/j, t, d)
    return arith.fold_rows(grouped.movedim(2, 0).contiguous())  # (h/j, b, j, t, d) -> (b, j, t, d)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn the pairs ``(x_i, x_{i+d/2})`` by their angle (Su et al., 2021), in Llama's layout.

    ``x`` is ``(b, h, t, d)``, the tables ``(t, d/2)``. The gradient is the rotation by ``−sine``.
    """
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]  # (b, h, t, d/2) each
    turned = torch.empty_like(x)  # (b, h, t, d)
    torch.sub(first.mul(cosine), second.mul(sine), out=turned[..., :half])
    torch.add(second.mul(cosine), first.mul(sine), out=turned[..., half:])
    return turned
