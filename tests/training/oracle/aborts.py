"""What ends a run, with its number (SPEC chapter 0 and docs/protocol.md, chapter 3)."""

import numpy as np

BAD_DATA = 1
NON_FINITE = 2
PRODUCT_BOUND = 3
PLAN_REFUSED = 4
UPDATE_OVERFLOW = 5


class Abort(Exception):
    """The work cannot be carried out, by anybody; ``code`` is what the chain says of it."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def require_finite(x, what):
    """End the run if a value is NaN or infinite; return ``x``."""
    if not np.isfinite(x).all():
        raise Abort(NON_FINITE, f"{what} became NaN or infinite")
    return x


def require_bound(left_bits, right_bits, length):
    """End the run if a product of grids cannot be exact in float64."""
    if left_bits + right_bits + (length - 1).bit_length() > 53:
        raise Abort(PRODUCT_BOUND, f"a product sums over {length} terms")
