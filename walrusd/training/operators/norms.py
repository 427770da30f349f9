"""LayerNorm (Ba, Kiros and Hinton, 2016) and RMSNorm (Zhang and Sennrich, 2019), SPEC §4.

They work on the rows of a matrix ``(m, w)``; all sums are binary folds.
"""

from dataclasses import dataclass

from torch import Tensor

from walrusd.training.native import kernels
from walrusd.training.numerics import arith, functions
from walrusd.training.plan.strict import round_to_float32


@dataclass(frozen=True)
class Normalised:
    """What a gradient needs: the rows ``unit`` before the gain, and each row's ``scale``."""

    unit: Tensor  # (m, w)
    scale: Tensor  # (m, 1)


def layer_norm(x: Tensor, gain: Tensor, bias: Tensor, epsilon: float) -> tuple[Tensor, Normalised]:
    """Return ``unit·gain + bias`` with ``c = x − mean(x)``, ``unit = c·rsqrt(mean(c·c) + ε)``.

    ``x`` and the output are ``(m, w)``; ``gain`` and ``bias`` are ``(w,)``.
    """
    found = kernels.normalise(x, gain, bias, epsilon, _inverse(x))
    if found is not None:
        return found[0], Normalised(*found[1:])
    centred = x.sub(arith.mean(x)[:, None])  # (m, w) − (m, 1)
    saved = _normalise(centred, epsilon)
    return saved.unit.mul(gain).add_(bias), saved  # (m, w)


def layer_norm_backward(
    dy: Tensor, saved: Normalised, gain: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients by input ``(m, w)``, gain ``(w,)`` and bias ``(w,)``.

    With ``d = dy·gain``: ``dx = ((d − mean(d)) − unit·mean(d·unit))·scale``; the others are folds
    over the rows of ``dy·unit`` and of ``dy``.
    """
    found = kernels.normalise_backward(
        dy, saved.unit, saved.scale, gain, _inverse(dy), centred=True
    )
    if found is not None:
        return found
    inner = dy.mul(gain)  # (m, w)
    along = arith.mean(inner.mul(saved.unit))[:, None]  # (m, 1)
    dx = inner.sub_(arith.mean(inner)[:, None]).sub_(saved.unit.mul(along)).mul_(saved.scale)
    return dx, arith.fold_rows(dy.mul(saved.unit)), arith.fold_rows(dy)  # (m, w), (w,), (w,)


def rms_norm(x: Tensor, gain: Tensor, epsilon: float) -> tuple[Tensor, Normalised]:
    """Return ``unit·gain``, ``(m, w)``, with ``unit = x·rsqrt(mean(x·x) + ε)``."""
    found = kernels.normalise(x, gain, None, epsilon, _inverse(x))
    if found is not None:
        return found[0], Normalised(*found[1:])
    saved = _normalise(x, epsilon)
    return saved.unit.mul(gain), saved  # (m, w)


def rms_norm_backward(dy: Tensor, saved: Normalised, gain: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients by input ``(m, w)`` and gain ``(w,)``.

    With ``d = dy·gain``: ``dx = (d − unit·mean(d·unit))·scale``; the other is the fold over the
    rows of ``dy·unit``.
    """
    found = kernels.normalise_backward(
        dy, saved.unit, saved.scale, gain, _inverse(dy), centred=False
    )
    if found is not None:
        return found[:2]
    inner = dy.mul(gain)  # (m, w)
    along = arith.mean(inner.mul(saved.unit))[:, None]  # (m, 1)
    dx = inner.sub_(saved.unit.mul(along)).mul_(saved.scale)
    return dx, arith.fold_rows(dy.mul(saved.unit))  # (m, w), (w,)


def _inverse(x: Tensor) -> float:
    """Return ``RN32(1/w)``."""
    return round_to_float32(1.0 / x.shape[-1])


def _normalise(x: Tensor, epsilon: float) -> Normalised:
    scale = functions.reciprocal_sqrt(arith.mean(x.mul(x)).add_(epsilon))[:, None]  # (m, 1)
    return Normalised(x.mul(scale), scale)
