"""The parameters of a market and a pool as ``walrusd contract publish`` sets them by default."""

from walrusd.chain.layouts.objects import MarketParams, PoolParams
from walrusd.units import MIST_PER_SUI

_DAY_MS = 24 * 3_600_000
DEFAULT_PARAMS = MarketParams(
    tip=1_000_000,
    min_window_ms=60_000,
    max_window_ms=7 * _DAY_MS,
    min_grace_ms=3_600_000,
    max_life_ms=30 * _DAY_MS,
)
DEFAULT_POOL = PoolParams(
    stake=32 * MIST_PER_SUI,
    duties=16,
    fee=MIST_PER_SUI // 100,
    seat_life_ms=30 * _DAY_MS,
    unbonding_ms=30 * _DAY_MS,
    max_min_fee=MIST_PER_SUI,
    min_rate=1_000_000,
    min_memory=1 << 26,
    min_penalty=MIST_PER_SUI // 4,
)
