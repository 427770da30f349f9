"""Whether the operands of a micro-batch's products were finite, where values stay on a device.

On the CPU ``quantise`` checks each operand at once. On a GPU that would stall the queue at every
product; and a bad operand need not show in later values: its gradient may stop below the last
trained layer. So the largest magnitudes are kept on the device, and read once per micro-batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from walrusd.errors import NonFiniteValue, ProductBoundExceeded

_noted: ContextVar[list[Tensor] | None] = ContextVar("noted", default=None)


def note_operand(largest: Tensor) -> None:
    """Keep the largest magnitude of an operand, or those of its parts (any shape), on its device.

    Does nothing outside ``operands_watched``.
    """
    noted = _noted.get()
    if noted is not None:
        noted.append(largest.amax().double())  # (), float64


@contextmanager
def operands_watched() -> Iterator[None]:
    """Make the block end as if each operand had been checked when it was made.

    Raises:
        NonFiniteValue: if an operand noted in the block is NaN or infinite, even if a later
            ``ProductBoundExceeded`` ended the block.
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
