"""The arithmetic that a plan names: how products, convolution and attention are computed.

Everything else is the same in every profile. Layers reach it as ``prepared.profile``; what a
profile's ``quantise`` returns is for its own products alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from walrusd.training.numerics import arith
from walrusd.training.operators import attention, convolution
from walrusd.training.plan.plan import EXACT_Q8R, EXACT_Q20
from walrusd.training.q8r import line_attention, line_convolution, lines

GridOperand = Any
"""An operand of products, as the profile's ``quantise`` makes it."""

Saved = Any
"""What the backward function of a pair needs of its forward function."""


class Product(Protocol):
    """A matrix product of two operands, either of them transposed first."""

    def __call__(
        self,
        a: GridOperand,
        b: GridOperand,
        /,
        *,
        transpose_a: bool = False,
        transpose_b: bool = False,
    ) -> Tensor:
        """Return ``(m, n)``, float32, of ``(m, k)`` and ``(k, n)`` once transposed."""
        ...


@dataclass(frozen=True)
class Profile:
    """The functions of one profile; their definitions document shapes, formulas and errors."""

    quantise: Callable[[Tensor], GridOperand]
    mm: Product
    sum_rows: Callable[[GridOperand], Tensor]
    attend: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Saved]]
    attend_backward: Callable[[Tensor, Saved], tuple[Tensor, Tensor, Tensor]]
    conv2d: Callable[..., tuple[Tensor, Saved]]
    conv2d_backward: Callable[..., tuple[Tensor | None, Tensor, Tensor]]


PROFILES = {
    EXACT_Q20: Profile(
        quantise=arith.quantise,
        mm=arith.mm,
        sum_rows=arith.sum_rows,
        attend=attention.causal_attention,
        attend_backward=attention.causal_attention_backward,
        conv2d=convolution.conv2d,
        conv2d_backward=convolution.conv2d_backward,
    ),
    EXACT_Q8R: Profile(
        quantise=lines.quantise,
        mm=lines.mm,
        sum_rows=lines.sum_rows,
        attend=line_attention.causal_attention,
        attend_backward=line_attention.causal_attention_backward,
        conv2d=line_convolution.conv2d,
        conv2d_backward=line_convolution.conv2d_backward,
    ),
}
"""By the name in the plan."""
