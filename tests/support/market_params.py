"""The parameters of a market as ``walrusd contract publish`` sets them by default."""

from walrusd.chain.layouts.objects import MarketParams
from walrusd.units import MIST_PER_SUI

_DAY_MS = 24 * 3_600_000
DEFAULT_PARAMS = MarketParams(
    tip=1_000_000,
    accuser_share_bps=2_000,
    min_window_ms=60_000,
    max_window_ms=7 * _DAY_MS,
    min_seat_stake=MIST_PER_SUI,
    unbonding_ms=_DAY_MS,
)
