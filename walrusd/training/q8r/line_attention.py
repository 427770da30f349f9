"""Causal self-attention of profile ``exact-q8r/2``: every product by integers of 8 bits.

The softmax numerators are integers from 0 to 256, multiples of 2^−8 of the row's largest; so their
sum is exact, and they are their own grid both by rows and by columns. The factor 2^8 cancels in
the division by their sum.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from walrusd.training.native import lines as kernels
from walrusd.training.numerics import arith, functions
from walrusd.training.operators.attention import gather_groups, score_scale
from walrusd.training.plan.strict import round_to_float32
from walrusd.training.q8r import lines
from walrusd.training.q8r.lines import BITS, Lines

_LN_2 = float.fromhex("0x1.62e430p-1")
_LOWEST = -64.0
_ROUND = 1.5 * 2.0**23


@dataclass(frozen=True)
class Attended:
    """What the gradient needs of the forward pass.

    ``numerators`` are integers as float32, or as int16 where a compiled kernel made them; ``total``
    holds their sums by row.
    """

    query: Lines  # (b·h, t, d)
    key: Lines  # (b·j, t, d)
    value: Lines  # (b·j, t, d)
    numerators: Tensor  # (b·h, t, t)
    total: Tensor  # (b·h, t, 1)
    output: Tensor  # (b·h, t, d)
    shape: tuple[int, int, int, int]  # (b, h, t, d)
    key_heads: int  # j


def _flat(x: Tensor) -> Tensor:
    return x.reshape(-1, x.shape[2], x.shape[3])  # (b, h, t, d) -> (b·h, t, d)


def _future(length: int, device: torch.device) -> Tensor:
    """Return whether each key comes after the query, bool ``(t, t)``."""
    return torch.ones((length, length), dtype=torch.bool, device=device).triu_(1)


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Attended]:
    """Return the attention output and what its gradient needs.

    ``q`` and the output are ``(b, h, t, d)``; ``k`` and ``v`` are ``(b, j, t, d)``, each of their
    heads serving ``h/j`` query heads in order. SPEC §11: with
    ``Q = q·RN32(log2 e/√size)``: ``S = mm(Q, kᵀ)``; ``n = RNE(exp2(max(S − rowmax, −64))·2^8)``,
    0 where masked; ``l = RN32(Σ n)``; ``o = mm(n, v) ÷ l``, the units of ``n`` being 1.

    Raises:
        ProductBoundExceeded, NonFiniteValue: as ``lines.mm`` and ``lines.quantise``.
    """
    batch, heads, length, size = q.shape
    shape = (batch, heads, length, size)
    query = lines.quantise(_flat(q.mul(score_scale(size))))  # (b·h, t, d)
    key, value = lines.quantise(_flat(k)), lines.quantise(_flat(v))  # (b·j, t, d)
    found = kernels.attend(
        (query.values, query.units(-1)),
        (key.values, key.units(-1)),
        (value.values, value.units(-2)),
        heads,
    )
    if found is not None:
        saved = Attended(query, key, value, *found, shape, k.shape[1])
        return saved.output.view(shape), saved
    group = heads // k.shape[1]
    values = lines.spread(value, group)  # (b·h, t, d)
    future = _future(length, q.device)  # (t, t)
    scores = lines.mm(query, lines.spread(key, group), transpose_b=True)  # (b·h, t, t)
    scores.masked_fill_(future, -math.inf)
    scores.sub_(scores.amax(-1, keepdim=True)).clamp_min_(_LOWEST)
    weights = functions.exp2(scores).mul_(2.0**BITS).add_(_ROUND).sub_(_ROUND)
    numerators = weights.masked_fill_(future, 0.0)  # (b·h, t, t)
    total = numerators.double().sum(-1, keepdim=True).float()  # (b·h, t, 1)
    sums = lines.sum_products(numerators, values.integers(-2)).mul_(values.units(-2))
    output = torch.div(sums, total)  # (b·h, t, d)
    saved = Attended(query, key, value, numerators, total, output, shape, k.shape[1])
    return output.view(shape), saved


def causal_attention_backward(dy: Tensor, saved: Attended) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients by ``q``, ``k`` and ``v``, in their shapes; ``dy`` is ``(b, h, t, d)``.

    SPEC §11: ``d = dy ÷ l``; ``δ = fold(d × o)``; ``dv = mm(nᵀ, d)``;
    ``R = (mm(d, vᵀ) − δ) × n``, 0 where masked; ``dq = mm(R, k) × RN32(1/√size)``;
    ``dk = mm(Rᵀ, Q) × RN32(ln 2)``. Gradients of shared keys and values are folds over their group.

    Raises:
        ProductBoundExceeded, NonFiniteValue: as ``lines.mm`` and ``lines.quantise``.
    """
    _batch, heads, length, size = saved.shape
    query, key, value = saved.query, saved.key, saved.value
    group = heads // saved.key_heads
    scaled = torch.div(_flat(dy), saved.total)  # (b·h, t, d)
    delta = arith.fold(scaled.mul(saved.output))[..., None]  # (b·h, t, 1)
    slope = lines.quantise(scaled)
    factors = round_to_float32(1.0 / math.sqrt(size)), _LN_2
    found = kernels.attend_backward(
        (slope.values, slope.units(-1), slope.units(-2)),
        delta,
        (
            (query.values, query.units(-2)),
            (key.values, key.units(-2)),
            (value.values, value.units(-1)),
        ),
        saved.numerators,
        heads=heads,
        factors=factors,
    )
    if found is None:
        numerators = saved.numerators.float()  # (b·h, t, t)
        dv = lines.sum_products(numerators.mT, slope.integers(-2)).mul_(slope.units(-2))
        raw = lines.mm(slope, lines.spread(value, group), transpose_b=True)  # (b·h, t, t)
        raw.sub_(delta).mul_(numerators).masked_fill_(_future(length, dy.device), 0.0)
        gradient = lines.quantise(raw)
        dq = lines.mm(gradient, lines.spread(key, group)).mul_(factors[0])  # (b·h, t, d)
        dk = lines.mm(gradient, query, transpose_a=True).mul_(factors[1])  # (b·h, t, d)
    else:
        dq, dk, dv = found  # (b·h, t, d) each
    return (
        dq.view(saved.shape),
        gather_groups(dk.view(saved.shape), group),
        gather_groups(dv.view(saved.shape), group),
    )
