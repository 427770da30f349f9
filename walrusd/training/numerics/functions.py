"""Functions of single elements, each a fixed sequence of correctly rounded float32 operations.

SPEC §3 gives the order of the operations; the compiled kernels inline the same ones. Arguments and
results are float32 of one shape. Nothing here
fuses a multiplication with an addition, divides by a Python number, or calls a library function
whose last bit depends on the machine. Constants given to ``add`` and ``mul`` are exactly float32.
"""

import torch
from torch import Tensor

from walrusd.training.plan.strict import round_to_float32

_LOG2_E = float.fromhex("0x1.715476p+0")
_LN_2 = float.fromhex("0x1.62e430p-1")
_EXP2 = tuple(
    float.fromhex(text)
    for text in (
        "0x1.5bba14p-10",
        "0x1.3cea88p-7",
        "0x1.c6b752p-5",
        "0x1.ebf9bcp-3",
        "0x1.62e42ap-1",
    )
)
_LOG = tuple(round_to_float32(2.0 / odd) for odd in (11, 9, 7, 5, 3))
_SQRT_HALF_BITS = 0x3F3504F3
_ROUND = 1.5 * 2.0**23


def exp2(x: Tensor) -> Tensor:
    """Return ``2^x`` for ``−126 ≤ x ≤ 126``: a polynomial of degree 5, then an exponent shift."""
    rounded = x.add(_ROUND)
    whole = rounded.sub(_ROUND)
    rest = x.sub(whole)
    result = rest.mul(_EXP2[0])
    for coefficient in _EXP2[1:]:
        result.add_(coefficient).mul_(rest)
    result.add_(1.0)
    # The low bits of ``rounded`` are the integer; shifted left by 23 they are an exponent.
    shift = rounded.view(torch.int32).bitwise_left_shift(23)
    return result.view(torch.int32).add(shift).view(torch.float32)


def exp(x: Tensor) -> Tensor:
    """Return ``exp2(clamp(RN32(x · log2 e), −126, 126))``."""
    return exp2(x.mul(_LOG2_E).clamp_(-126.0, 126.0))


def log(x: Tensor) -> Tensor:
    """Return the natural logarithm of positive, normal ``x``.

    ``x = 2^e · m`` with ``√½ ≤ m < √2`` by integer operations on the bits; ``s = (m−1)/(m+1)``;
    ``log m = s·(2 + w·(2/3 + w·(2/5 + w·(2/7 + w·(2/9 + w·2/11)))))`` with ``w = s²``; the result
    is ``e·ln 2 + log m``. Each written operation is one rounding.
    """
    bits = x.contiguous().view(torch.int32)
    exponent = (bits - _SQRT_HALF_BITS).bitwise_right_shift(23)
    mantissa = (bits - exponent.bitwise_left_shift(23)).view(torch.float32)
    ratio = torch.div(mantissa.sub(1.0), mantissa.add(1.0))
    square = ratio.mul(ratio)
    result = square.mul(_LOG[0])
    for coefficient in _LOG[1:]:
        result.add_(coefficient).mul_(square)
    result.add_(2.0).mul_(ratio)
    return exponent.float().mul_(_LN_2).add_(result)


def sqrt(x: Tensor) -> Tensor:
    """Return the correctly rounded square root of ``x ≥ 0``; NaN for infinity.

    A float64 root with an error below 3 ulp, rounded once to float32, is right: no float32 has a
    root that close to a rounding boundary. Libraries promise less: MKL's float64 root has
    been seen with only 35 bits when two threads made a process's first call at once. One step of
    Newton's method, ``(s + x/s)/2``, takes any root with 28 or more correct bits below 2 ulp.
    """
    wide = x.double()
    # The bound avoids 0/0; half of it is zero in float32.
    root = wide.sqrt().clamp_min_(2.0**-600)
    return root.add(torch.div(wide, root)).mul_(0.5).float()


def reciprocal_sqrt(x: Tensor) -> Tensor:
    """Return ``RN32(1/sqrt(x))``, two roundings; ``x > 0``.

    NaN for infinity: an overflow must end the run, not continue as a zero.
    """
    root = sqrt(x)
    return torch.div(torch.ones((), dtype=torch.float32, device=x.device), root)


def sigmoid(x: Tensor) -> Tensor:
    """Return ``RN32(1/RN32(exp(−x) + 1))``."""
    denominator = exp(x.neg()).add_(1.0)
    return torch.div(torch.ones((), dtype=torch.float32, device=x.device), denominator)
