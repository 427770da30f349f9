"""Module ``node``: the verifier pool: its creation, registering and leaving a seat, draws.

The market is created here because it comes with its pool, and modules may not depend on each
other in a circle.
"""

from collections.abc import Callable, Collection

from walrusd.chain.layouts.events import (
    MarketCreated,
    SeatExited,
    SeatPenalized,
    SeatRegistered,
    SeatWithdrawn,
)
from walrusd.chain.layouts.objects import (
    AdminCap,
    Market,
    MarketParams,
    Seat,
    Terms,
    VerifierCap,
    VerifierPool,
)
from walrusd.devnet.contract.constants import (
    DIGEST,
    MAX_ACCUSER_SHARE_BPS,
    MAX_AMOUNT,
    MAX_SEATS,
    MAX_TRIES,
    VERSION,
)
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.market import check_pool, check_versions, migrate
from walrusd.devnet.move.context import ClockObject, Coin, MoveContext
from walrusd.devnet.move.signatures import ADDRESS, BYTES, CLOCK, COIN, U64, mut, ref, value

MODULE = Module("node")


@MODULE.public(ref(AdminCap), BYTES, ADDRESS, U64, U64, U64, U64, U64, U64)
def create_market(
    ctx: MoveContext,
    _cap: AdminCap,
    chain_id: bytes,
    package: str,
    tip: int,
    accuser_share_bps: int,
    min_window_ms: int,
    max_window_ms: int,
    min_seat_stake: int,
    unbonding_ms: int,
) -> None:
    """Create and share the verifier pool and the market."""
    require(len(chain_id) == DIGEST, "market.EBadParams")
    require(accuser_share_bps <= MAX_ACCUSER_SHARE_BPS, "market.EBadParams")
    require(0 < min_window_ms <= max_window_ms, "market.EBadParams")
    require(tip <= MAX_AMOUNT, "market.EBadParams")
    require(min_seat_stake > 0, "market.EBadParams")

    pool = VerifierPool(id=ctx.fresh_id(), version=VERSION, seats=[], stakes=0)
    market = Market(
        id=ctx.fresh_id(),
        version=VERSION,
        chain_id=chain_id,
        package=package,
        pool=pool.id,
        paused=False,
        allowed_versions=[VERSION],
        params=MarketParams(
            tip=tip,
            accuser_share_bps=accuser_share_bps,
            min_window_ms=min_window_ms,
            max_window_ms=max_window_ms,
            min_seat_stake=min_seat_stake,
            unbonding_ms=unbonding_ms,
        ),
    )
    ctx.emit(MarketCreated(market=market.id, pool=pool.id, chain_id=chain_id))
    ctx.share(pool)
    ctx.share(market)


def check_key(key: bytes) -> None:
    """Abort for bytes that cannot be an X25519 public key."""
    require(len(key) == DIGEST, "node.EBadKey")


@MODULE.public(
    ref(Market), mut(VerifierPool), COIN, BYTES, U64, U64, U64, CLOCK, returns=(value(VerifierCap),)
)
def register_seat(
    ctx: MoveContext,
    market: Market,
    pool: VerifierPool,
    stake: Coin,
    key: bytes,
    min_fee: int,
    max_state_bytes: int,
    max_segment_work: int,
    clock: ClockObject,
) -> VerifierCap:
    """Register a seat for a stake; it can be drawn for tasks that are opened later."""
    check_versions(market, pool)
    check_pool(market, pool)
    require(stake.balance >= market.params.min_seat_stake, "node.EStakeTooSmall")
    check_key(key)
    require(len(pool.seats) < MAX_SEATS, "node.EPoolFull")

    index, amount = len(pool.seats), ctx.take_coin(stake)
    pool.stakes += amount
    pool.seats.append(
        Seat(
            verifier=ctx.sender,
            key=key,
            stake=amount,
            min_fee=min_fee,
            max_state_bytes=max_state_bytes,
            max_segment_work=max_segment_work,
            active_from_ms=clock.timestamp_ms,
            exiting_at_ms=0,
            in_use=0,
        )
    )
    ctx.emit(SeatRegistered(pool.id, index, ctx.sender, key, amount, min_fee))
    return VerifierCap(id=ctx.fresh_id(), pool=pool.id, index=index)


@MODULE.public(ref(Market), mut(VerifierPool), ref(VerifierCap), CLOCK)
def exit_seat(
    ctx: MoveContext, market: Market, pool: VerifierPool, cap: VerifierCap, clock: ClockObject
) -> None:
    """Stop being drawn; the stake stays bonded for the unbonding period."""
    check_versions(market, pool)
    check_pool(market, pool)
    require(cap.pool == pool.id, "node.EWrongCap")
    seat = pool.seats[cap.index]
    require(seat.exiting_at_ms == 0, "node.EAlreadyExiting")

    seat.exiting_at_ms = clock.timestamp_ms
    ctx.emit(SeatExited(pool.id, cap.index, seat.verifier, clock.timestamp_ms))


@MODULE.public(ref(Market), mut(VerifierPool), value(VerifierCap), CLOCK, returns=(COIN,))
def withdraw_seat(
    ctx: MoveContext, market: Market, pool: VerifierPool, cap: VerifierCap, clock: ClockObject
) -> Coin:
    """Withdraw the stake of an exited seat, and destroy its capability."""
    check_versions(market, pool)
    check_pool(market, pool)
    require(cap.pool == pool.id, "node.EWrongCap")
    seat = pool.seats[cap.index]
    require(seat.exiting_at_ms != 0, "node.ENotExiting")
    unbonded_ms = seat.exiting_at_ms + market.params.unbonding_ms
    require(clock.timestamp_ms >= unbonded_ms, "node.EStillBonded")
    require(seat.in_use == 0, "node.ESeatInUse")

    amount, seat.stake = seat.stake, 0
    pool.stakes -= amount
    ctx.delete(cap)
    ctx.emit(SeatWithdrawn(pool.id, cap.index, seat.verifier, amount))
    return ctx.new_coin(amount)


@MODULE.public(ref(Market), mut(VerifierPool))
def migrate_pool(_ctx: MoveContext, market: Market, pool: VerifierPool) -> None:
    """Migrate a pool of an earlier package version to this one."""
    check_versions(market)
    migrate(pool)


# --- for the modules that draw ------------------------------------------------------------------


def is_eligible(
    seat: Seat, terms: Terms, fee: int, opened_ms: int, drawn_ms: int, excluded: Collection[str]
) -> bool:
    """Return whether a seat may serve a task opened at ``opened_ms`` and drawn at ``drawn_ms``."""
    return (
        seat.active_from_ms < opened_ms
        and (seat.exiting_at_ms == 0 or seat.exiting_at_ms > drawn_ms)
        and seat.max_state_bytes >= terms.state_bytes
        and seat.max_segment_work >= terms.segment_work
        and seat.min_fee <= fee
        and seat.stake >= terms.verifier_stake
        and seat.verifier not in excluded
    )


def draw_seats(
    pool: VerifierPool,
    pool_len: int,
    wanted: int,
    draw: Callable[[int], int],
    accepts: Callable[[int, Seat], bool],
) -> list[int]:
    """Return ``wanted`` different pool indices, or fewer if 256 attempts do not find as many.

    ``draw`` maps an attempt to an index below ``pool_len``.
    """
    chosen: list[int] = []
    attempt = 0
    while pool_len > 0 and attempt < MAX_TRIES and len(chosen) < wanted:
        index = draw(attempt)
        if index not in chosen and accepts(index, pool.seats[index]):
            chosen.append(index)
        attempt += 1
    return chosen


def pin(pool: VerifierPool, index: int) -> None:
    """Bind a seat's stake while it serves."""
    pool.seats[index].in_use += 1


def unpin(pool: VerifierPool, index: int) -> None:
    """Record that one service of a seat is over."""
    pool.seats[index].in_use -= 1


def penalize(ctx: MoveContext, pool: VerifierPool, index: int, amount: int) -> int:
    """Take at most ``amount`` Mist of a seat's stake and return what was taken."""
    seat = pool.seats[index]
    taken = min(seat.stake, amount)
    seat.stake -= taken
    pool.stakes -= taken
    if taken > 0:
        ctx.emit(SeatPenalized(pool.id, index, seat.verifier, taken))
    return taken
