"""Why a plan cannot be carried out: the codes that an abort commits to (SPEC §10).

Every cause here follows from plan, rows and start state alone, so every machine that replays the
work aborts at the same step. A machine that runs out of memory says nothing about the plan.
"""

from enum import IntEnum

from walrusd.errors import (
    MalformedData,
    NonFiniteValue,
    PeerFault,
    PlanRefused,
    ProductBoundExceeded,
    UpdateOverflow,
)

ABORTED_STATE = bytes(32)
"""The state root of a segment that ends in an abort; its chain says where and why."""


class AbortCode(IntEnum):
    """The numbers on the chain. Their meaning never changes."""

    BAD_DATA = 1
    NON_FINITE = 2
    PRODUCT_BOUND = 3
    PLAN_REFUSED = 4
    UPDATE_OVERFLOW = 5


SENTENCES: dict[AbortCode, str] = {
    AbortCode.BAD_DATA: "a row or the start state is not what the plan says",
    AbortCode.NON_FINITE: "a value became NaN or infinite, or the cost does not fit",
    AbortCode.PRODUCT_BOUND: "a matrix product is too long to be exact",
    AbortCode.PLAN_REFUSED: "the plan does not fit the dataset",
    AbortCode.UPDATE_OVERFLOW: "the update does not fit its declared bits",
}

_CODES: dict[type[PeerFault], AbortCode] = {
    MalformedData: AbortCode.BAD_DATA,
    NonFiniteValue: AbortCode.NON_FINITE,
    ProductBoundExceeded: AbortCode.PRODUCT_BOUND,
    PlanRefused: AbortCode.PLAN_REFUSED,
    UpdateOverflow: AbortCode.UPDATE_OVERFLOW,
}
ABORTS = tuple(_CODES)
"""The errors that abort a segment for everybody who computes it."""


def compute_abort_code(error: PeerFault) -> AbortCode:
    """Return the code of an error that aborts a segment.

    Raises:
        ValueError: if the error is not one of ``ABORTS``.
    """
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return code
    raise ValueError(f"{error.code} does not abort a segment for everybody")
