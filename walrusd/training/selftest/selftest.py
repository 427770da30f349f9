"""Checks that this machine, with these libraries, gives the golden bits of every operation."""

import hashlib
import math
from collections.abc import Callable

import torch
from torch import Tensor

from walrusd.errors import DeviceRefused
from walrusd.training.native import library
from walrusd.training.numerics import arith, functions
from walrusd.training.numerics.arith import Operand
from walrusd.training.numerics.device import find_device
from walrusd.training.numerics.random import compute_uniform
from walrusd.training.operators import losses
from walrusd.training.plan.optimspec import SgdSpec
from walrusd.training.q8r import line_attention, lines
from walrusd.training.run.optim import Sgd
from walrusd.training.selftest.golden import GOLDEN
from walrusd.training.selftest.kernels import check_kernels

_SEED = b"walrusd exact arithmetic selftest"[:32]
_PER_THREAD = 1 << 16
"""More than torch's grain of 32768 elements, so that every thread gets a share."""


def _uniform(name: str, *shape: int) -> Tensor:
    return torch.from_numpy(compute_uniform(_SEED, 0, name, shape, 1.0)).to(find_device())


def _wide(name: str, *shape: int) -> Tensor:
    """Return values over many binary orders of magnitude: uniform ones to the seventh power."""
    x = _uniform(name, *shape)
    square = x.mul(x)
    return square.mul(square).mul(square).mul(x)


def _positive(name: str, *shape: int) -> Tensor:
    """Return values over most of the exponents that occur, the least of them 2^−10."""
    return _wide(name, *shape).abs().add(2.0**-20).mul(1024.0)


def _quantise() -> list[Tensor]:
    return [arith.quantise(_wide("q", 70_000)).values.float()]


def _mm() -> list[Tensor]:
    a = arith.quantise(_wide("mm-a", 96, 700))
    b = arith.quantise(_wide("mm-b", 700, 80))
    c = arith.quantise(_wide("mm-c", 96, 80))
    return [
        arith.mm(a, b),
        arith.mm(c, b, transpose_b=True),
        arith.mm(a, c, transpose_a=True),
    ]


def _mm_limit() -> list[Tensor]:
    """The longest product, large terms that cancel: one wrong bit anywhere shows in the result."""
    units = 2.0**-arith.BITS
    a = arith.quantise(_uniform("lim-a", 24, 4096)).values
    b = arith.quantise(_uniform("lim-b", 4096, 40)).values
    nudge = arith.quantise(_uniform("lim-n", 4096, 40)).values.sign().mul(units)
    unit = torch.tensor(units, dtype=torch.float64, device=a.device)
    left = Operand(torch.cat([a, -a], 1), arith.BITS, unit)
    right = Operand(torch.cat([b, b + nudge], 0), arith.BITS, unit)
    return [arith.mm(left, right)]


def _sum_rows() -> list[Tensor]:
    return [arith.sum_rows(arith.quantise(_wide("sum", 5000, 33)))]


def _fold() -> list[Tensor]:
    return [arith.fold(_wide("fold", 7, 10_001)), arith.mean(_wide("mean", 3, 77))]


def _exp() -> list[Tensor]:
    return [
        functions.exp2(_uniform("exp2", 70_000).mul(126.0)),
        functions.exp(_wide("exp", 70_000).mul(90.0)),
    ]


def _log() -> list[Tensor]:
    return [functions.log(_positive("log", 70_000))]


def _sqrt() -> list[Tensor]:
    return [functions.sqrt(_positive("sqrt", 70_000))]


def _divide() -> list[Tensor]:
    return [torch.div(_wide("div-a", 70_000), _positive("div-b", 70_000))]


def _cross_entropy() -> list[Tensor]:
    logits = _uniform("xent", 512, 10).mul(30.0)
    labels = torch.arange(512, device=logits.device).remainder(10)
    return list(losses.cross_entropy(logits, labels, 2.0**-9))


def _sgd() -> list[Tensor]:
    weights = {"w": _uniform("sgd-w", 70_000)}
    momenta = {"w": _wide("sgd-m", 70_000)}
    lr, momentum = float.fromhex("0x1.99999ap-5"), float.fromhex("0x1.ccccccp-1")
    Sgd(SgdSpec(lr, momentum), [momenta]).step(weights, {"w": _wide("sgd-g", 70_000)}, lr)
    return [weights["w"], momenta["w"]]


def _line_mm() -> list[Tensor]:
    a = lines.quantise(_wide("mm-a", 96, 700))
    b = lines.quantise(_wide("mm-b", 700, 80))
    c = lines.quantise(_wide("mm-c", 96, 80))
    return [
        lines.mm(a, b),
        lines.mm(c, b, transpose_b=True),
        lines.mm(a, c, transpose_a=True),
    ]


def _line_mm_limit() -> list[Tensor]:
    """Integers up to the largest, 256, in terms that cancel."""
    a = _uniform("lim-a", 24, 4096).mul(255.984375)
    b = _uniform("lim-b", 4096, 40).mul(255.0).round()
    nudge = _uniform("lim-n", 4096, 40).sign()
    left, right = torch.cat([a, a], 1), torch.cat([b, nudge.sub(b)], 0)
    return [lines.mm(lines.quantise(left), lines.quantise(right))]


def _line_attention() -> list[Tensor]:
    query, key, value, dy = (_uniform(name, 1, 2, 150, 24) for name in "qkvd")
    output, saved = line_attention.causal_attention(query.mul(6.0), key.mul(6.0), value)
    return [output, *line_attention.causal_attention_backward(dy, saved)]


OPERATIONS: dict[str, Callable[[], list[Tensor]]] = {
    "quantise": _quantise,
    "mm": _mm,
    "mm_limit": _mm_limit,
    "sum_rows": _sum_rows,
    "fold": _fold,
    "exp": _exp,
    "log": _log,
    "sqrt": _sqrt,
    "divide": _divide,
    "cross_entropy": _cross_entropy,
    "sgd": _sgd,
    "line_mm": _line_mm,
    "line_mm_limit": _line_mm_limit,
    "line_attention": _line_attention,
}


def hash_tensors(tensors: list[Tensor]) -> str:
    """Return SHA-256, hexadecimal, over the canonical float32 bytes of ``tensors``."""
    state = hashlib.sha256()
    for tensor in tensors:
        state.update((tensor + 0.0).contiguous().cpu().numpy().astype("<f4", copy=False).tobytes())
    return state.hexdigest()


def check_subnormals() -> None:
    """Check that no thread of this process flushes subnormal numbers to zero.

    Raises:
        DeviceRefused: if one does.
    """
    smallest = math.ldexp(1.0, -126)
    x = torch.full((_PER_THREAD * torch.get_num_threads(),), smallest, dtype=torch.float32)
    halves = x.mul(0.5)
    # Compared as integers: a thread that flushes would also read a subnormal as zero.
    kept = bool(halves.view(torch.int32).eq(1 << 22).all())
    if not kept or not bool(halves.mul(2.0).view(torch.int32).eq(1 << 23).all()):
        raise DeviceRefused(
            "a thread flushes subnormal numbers to zero",
            hint="run without -ffast-math libraries and without set_flush_denormal",
        )


def _hash_operation(name: str) -> str:
    """Hash an operation. If compiled kernels give a wrong hash, set them aside and hash again."""
    library.take_called()
    value = hash_tensors(OPERATIONS[name]())
    called = library.take_called()
    if value != GOLDEN[name] and called:
        library.set_aside(called)
        value = hash_tensors(OPERATIONS[name]())
    return value


def selftest() -> dict[str, str]:
    """Hash every operation and compare with the golden hashes; return the hashes.

    Compiled kernels that give other bits are set aside first.

    Raises:
        DeviceRefused: if one differs, naming the operation, or a thread flushes subnormals.
    """
    check_subnormals()
    check_kernels()
    hashes = {name: _hash_operation(name) for name in OPERATIONS}
    wrong = [name for name, value in hashes.items() if GOLDEN[name] != value]
    if wrong:
        raise DeviceRefused(
            f"this machine does not give the golden bits of: {', '.join(wrong)}",
            hint="report its processor and torch version; work done on it would look forged",
            operations=wrong,
        )
    return hashes
