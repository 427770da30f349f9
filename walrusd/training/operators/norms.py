"""LayerNorm and RMSNorm over rows ``(rows, width)``; all sums are binary folds.

Ba, Kiros and Hinton, 2016; Zhang and Sennrich, 2019.
"""

from dataclasses import dataclass

from torch import Tensor

from walrusd.training.native import kernels
from walrusd.training.numerics import arith, functions
from walrusd.training.plan.strict import round_to_float32


@dataclass(frozen=True)
class Normalised:
    """What a gradient needs: the rows ``unit`` before the gain, and each row's ``scale``."""

    unit: Tensor
    scale: Tensor


def layer_norm(x: Tensor, gain: Tensor, bias: Tensor, epsilon: float) -> tuple[Tensor, Normalised]:
    """Return ``unit·gain + bias`` with ``c = x − mean(x)``, ``unit = c·rsqrt(mean(c·c) + ε)``."""
    found = kernels.normalise(x, gain, bias, epsilon, _inverse(x))
    if found is not None:
        return found[0], Normalised(*found[1:])
    centred = x.sub(arith.mean(x)[:, None])
    saved = _normalise(centred, epsilon)
    return saved.unit.mul(gain).add_(bias), saved


def layer_norm_backward(
    dy: Tensor, saved: Normalised, gain: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients by input, gain and bias.

    With ``d = dy·gain``: ``dx = ((d − mean(d)) − unit·mean(d·unit))·scale``; the others are folds
    over the rows of ``dy·unit`` and of ``dy``.
    """
    found = kernels.normalise_backward(
        dy, saved.unit, saved.scale, gain, _inverse(dy), centred=True
    )
    if found is not None:
        return found
    inner = dy.mul(gain)
    along = arith.mean(inner.mul(saved.unit))[:, None]
    dx = inner.sub_(arith.mean(inner)[:, None]).sub_(saved.unit.mul(along)).mul_(saved.scale)
    return dx, arith.fold_rows(dy.mul(saved.unit)), arith.fold_rows(dy)


def rms_norm(x: Tensor, gain: Tensor, epsilon: float) -> tuple[Tensor, Normalised]:
    """Return ``unit·gain`` with ``unit = x·rsqrt(mean(x·x) + ε)``."""
    found = kernels.normalise(x, gain, None, epsilon, _inverse(x))
    if found is not None:
        return found[0], Normalised(*found[1:])
    saved = _normalise(x, epsilon)
    return saved.unit.mul(gain), saved


def rms_norm_backward(dy: Tensor, saved: Normalised, gain: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients by input and gain: ``dx = (d − unit·mean(d·unit))·scale``."""
    found = kernels.normalise_backward(
        dy, saved.unit, saved.scale, gain, _inverse(dy), centred=False
    )
    if found is not None:
        return found[:2]
    inner = dy.mul(gain)
    along = arith.mean(inner.mul(saved.unit))[:, None]
    dx = inner.sub_(saved.unit.mul(along)).mul_(saved.scale)
    return dx, arith.fold_rows(dy.mul(saved.unit))


def _inverse(x: Tensor) -> float:
    return round_to_float32(1.0 / x.shape[-1])


def _normalise(x: Tensor, epsilon: float) -> Normalised:
    scale = functions.reciprocal_sqrt(arith.mean(x.mul(x)).add_(epsilon))[:, None]
    return Normalised(x.mul(scale), scale)
