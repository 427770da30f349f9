"""Module ``node``, first part: verifier pools, and what a submission does to their seats.

Only the administrator makes pools. Seats are registered in ``seats``, judged in ``fitness`` and
drawn in ``lot``.
"""

from walrusd.chain.layouts.events import PoolCreated, SeatPenalized
from walrusd.chain.layouts.objects import AdminCap, Market, PoolParams, VerifierPool
from walrusd.devnet.contract.constants import (
    MAX_AMOUNT,
    MAX_DUTIES,
    MAX_SILENT,
    MAX_SPAN_MS,
    NOBODY,
    VERSION,
)
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.market import check_versions, migrate
from walrusd.devnet.move.context import MoveContext
from walrusd.devnet.move.signatures import U64, mut, ref

MODULE = Module("node")


@MODULE.public(ref(AdminCap), ref(Market), *[U64] * 9)
def create_pool(
    ctx: MoveContext,
    _cap: AdminCap,
    market: Market,
    stake: int,
    duties: int,
    fee: int,
    seat_life_ms: int,
    unbonding_ms: int,
    max_min_fee: int,
    min_rate: int,
    min_memory: int,
    min_penalty: int,
) -> None:
    """Create and share a verifier pool of a market.

    Unbonding takes at least as long as a task may: a stake is there until its work is judged.
    """
    check_versions(market)
    require(0 < stake <= MAX_AMOUNT, "node.EBadParams")
    require(1 <= duties <= MAX_DUTIES, "node.EBadParams")
    require(fee <= stake, "node.EBadParams")
    require(0 < seat_life_ms <= MAX_SPAN_MS, "node.EBadParams")
    require(market.params.max_life_ms <= unbonding_ms <= MAX_SPAN_MS, "node.EBadParams")
    require(max_min_fee > 0, "node.EBadParams")
    require(min_rate > 0, "node.EBadParams")
    require(min_memory > 0, "node.EBadParams")
    require(0 < min_penalty <= stake // duties, "node.EBadParams")

    params = PoolParams(
        stake=stake,
        duties=duties,
        fee=fee,
        seat_life_ms=seat_life_ms,
        unbonding_ms=unbonding_ms,
        max_min_fee=max_min_fee,
        min_rate=min_rate,
        min_memory=min_memory,
        min_penalty=min_penalty,
    )
    pool = VerifierPool(
        id=ctx.fresh_id(),
        version=VERSION,
        market=market.id,
        params=params,
        seats=[],
        booked=0,
        lot=NOBODY,
        stakes=0,
    )
    ctx.emit(PoolCreated(market.id, pool.id, *vars(params).values()))
    ctx.share(pool)


@MODULE.public(ref(Market), mut(VerifierPool))
def migrate_pool(_ctx: MoveContext, market: Market, pool: VerifierPool) -> None:
    """Migrate a pool of an earlier package version to this one."""
    check_versions(market)
    migrate(pool)


# --- for the modules whose submissions use seats --------------------------------------------------


def compute_share(pool: VerifierPool) -> int:
    """Return the Mist that back one duty."""
    return pool.params.stake // pool.params.duties


def book(pool: VerifierPool, duties: int) -> None:
    """Promise duties to submissions."""
    pool.booked += duties


def unbook(pool: VerifierPool, duties: int) -> None:
    """Take back what was promised to a submission that has ended."""
    pool.booked -= duties


def pin(pool: VerifierPool, index: int) -> None:
    """Give a seat one more duty: its stake stays while it has any."""
    pool.seats[index].duties += 1


def unpin(pool: VerifierPool, index: int) -> None:
    """Record that one duty of a seat is over."""
    pool.seats[index].duties -= 1


def note_silence(pool: VerifierPool, index: int) -> None:
    """Count a duty at which a seat was silent."""
    seat = pool.seats[index]
    seat.silent = min(MAX_SILENT, seat.silent + 1)


def note_service(pool: VerifierPool, index: int) -> None:
    """Forget earlier silence: the seat has done a duty."""
    pool.seats[index].silent = 0


def penalize(ctx: MoveContext, pool: VerifierPool, index: int, amount: int) -> int:
    """Take ``amount`` Mist of a seat's stake, at most one duty's share; return what was taken."""
    seat = pool.seats[index]
    taken = min(seat.stake, amount, compute_share(pool))
    seat.stake -= taken
    pool.stakes -= taken
    if taken > 0:
        ctx.emit(SeatPenalized(pool.id, index, seat.verifier, taken))
    return taken
