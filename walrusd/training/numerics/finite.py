"""Where values stay on a device: whether the operands of a micro-batch's products were finite.

On the CPU ``quantise`` looks at each operand and refuses it. On a GPU that would stop the queue at
every product, and what is wrong with an operand need not show in what comes after it: a gradient
may end below the last trained layer. So the largest magnitudes are kept, and read once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from walrusd.errors import NonFiniteValue, ProductBoundExceeded

_noted: ContextVar[list[Tensor] | None] = ContextVar("noted", default=None)


def note_operand(largest: Tensor) -> None:
    """Keep the largest magnitude of an operand, or those of its parts, on its device.

    Outside of ``operands_watched`` nothing is kept.
    """
    noted = _noted.get()
    if noted is not None:
        noted.append(largest.amax().double())


@contextmanager
def operands_watched() -> Iterator[None]:
    """End the block as it would have ended had each operand been looked at when it was made.

    Raises:
        NonFiniteValue: if an operand that was noted in the block is NaN or infinite, also when
            something else ended the block after that.
    """
    noted: list[Tensor] = []
    token = _noted.set(noted)
    try:
        yield
    except (NonFiniteValue, ProductBoundExceeded):
        _require_all_finite(noted)
        raise
    finally:
        _noted.reset(token)
    _require_all_finite(noted)


def _require_all_finite(noted: list[Tensor]) -> None:
    if noted and not bool(torch.isfinite(torch.stack(noted)).all()):
        raise NonFiniteValue("a product's operand became NaN or infinite")
