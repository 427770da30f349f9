"""Module ``node``, second part: a verifier's seat from its registration to its stake's return.

A slot that was left is used again, under the next generation, so dead seats never fill a pool.
"""

from walrusd.chain.layouts.events import (
    SeatDeclared,
    SeatExited,
    SeatRegistered,
    SeatRenewed,
    SeatToppedUp,
    SeatWithdrawn,
)
from walrusd.chain.layouts.objects import Market, PoolParams, Seat, VerifierCap, VerifierPool
from walrusd.core.protocol import compute_keys_digest
from walrusd.crypto.envelopes.contexts import SeatContext
from walrusd.devnet.contract.constants import MAX_SEATS, NOBODY, SILENT_EVICTED
from walrusd.devnet.contract.credit import burn
from walrusd.devnet.contract.envelope import check_recipient
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.contract.market import check_market, check_pool, check_versions
from walrusd.devnet.contract.node import compute_share
from walrusd.devnet.move.context import ClockObject, Coin, MoveContext
from walrusd.devnet.move.signatures import BYTES, CLOCK, COIN, U64, mut, ref, value
from walrusd.units import address_bytes

MODULE = Module("node")


def is_vacant(seat: Seat) -> bool:
    """Return whether nobody holds a slot."""
    return seat.verifier == NOBODY


def is_live(seat: Seat, params: PoolParams, now: int) -> bool:
    """Return whether a seat is held, stays, and was renewed in time."""
    is_staying = not is_vacant(seat) and seat.exiting_at_ms == 0
    return is_staying and now < seat.renewed_ms + params.seat_life_ms


def make_vacant(generation: int) -> Seat:
    """Return a slot that nobody holds, after ``generation`` seats."""
    return Seat(
        verifier=NOBODY,
        generation=generation,
        keys=b"",
        stake=0,
        min_fee=0,
        max_penalty=0,
        rate=0,
        memory=0,
        active_from_ms=0,
        renewed_ms=0,
        exiting_at_ms=0,
        duties=0,
        silent=0,
    )


def _check_declaration(
    pool: VerifierPool, min_fee: int, max_penalty: int, rate: int, memory: int
) -> None:
    params = pool.params
    require(min_fee <= params.max_min_fee, "node.EBadDeclaration")
    is_bounded = params.min_penalty <= max_penalty <= compute_share(pool)
    require(is_bounded, "node.EBadDeclaration")
    require(rate >= params.min_rate, "node.EBadDeclaration")
    require(memory >= params.min_memory, "node.EBadDeclaration")


def compute_seat_context(
    market: Market, pool: VerifierPool, index: int, generation: int, owner: str
) -> bytes:
    """Return the 32 bytes that stand for a seat wherever it is a recipient of envelopes."""
    return SeatContext(
        chain_id=market.chain_id,
        package=address_bytes(market.package),
        market=address_bytes(market.id),
        pool=address_bytes(pool.id),
        index=index,
        generation=generation,
        owner=address_bytes(owner),
    ).digest()


@MODULE.public(
    ref(Market),
    mut(VerifierPool),
    COIN,
    U64,
    BYTES,
    BYTES,
    BYTES,
    BYTES,
    U64,
    U64,
    U64,
    U64,
    CLOCK,
    returns=(value(VerifierCap),),
)
def register_seat(
    ctx: MoveContext,
    market: Market,
    pool: VerifierPool,
    payment: Coin,
    slot: int,
    pk1: bytes,
    pk2: bytes,
    challenge: bytes,
    answer: bytes,
    min_fee: int,
    max_penalty: int,
    rate: int,
    memory: int,
    clock: ClockObject,
) -> VerifierCap:
    """Register a seat for the pool's stake and fee; it serves tasks that are opened later.

    ``slot`` is a vacant slot, or the number of slots to add one. The proof of the keys is bound to
    it, so the caller must know it.
    """
    check_versions(market, pool)
    check_market(market, pool)
    params = pool.params
    require(payment.balance == params.stake + params.fee, "node.EWrongStake")
    _check_declaration(pool, min_fee, max_penalty, rate, memory)
    require(slot < MAX_SEATS, "node.EPoolFull")
    require(slot <= len(pool.seats), "node.ESlotTaken")
    if slot == len(pool.seats):
        pool.seats.append(make_vacant(generation=0))
    seat = pool.seats[slot]
    require(is_vacant(seat), "node.ESlotTaken")
    generation, now = seat.generation + 1, clock.timestamp_ms
    context = compute_seat_context(market, pool, slot, generation, ctx.sender)
    check_recipient(context, pk1, pk2, challenge, answer)

    ctx.take_coin(payment)
    burn(ctx, params.fee)
    pool.stakes += params.stake
    pool.seats[slot] = Seat(
        verifier=ctx.sender,
        generation=generation,
        keys=compute_keys_digest(pk1, pk2),
        stake=params.stake,
        min_fee=min_fee,
        max_penalty=max_penalty,
        rate=rate,
        memory=memory,
        active_from_ms=now,
        renewed_ms=now,
        exiting_at_ms=0,
        duties=0,
        silent=0,
    )
    ctx.emit(
        SeatRegistered(
            pool=pool.id,
            index=slot,
            generation=generation,
            verifier=ctx.sender,
            pk1=pk1,
            pk2=pk2,
            min_fee=min_fee,
            max_penalty=max_penalty,
            rate=rate,
            memory=memory,
            at_ms=now,
        )
    )
    return VerifierCap(
        id=ctx.fresh_id(),
        market=market.id,
        pool=pool.id,
        index=slot,
        generation=generation,
        pk1=pk1,
        pk2=pk2,
    )


def _is_held(pool: VerifierPool, cap: VerifierCap) -> bool:
    """Return whether the seat of a capability is still the one that it was made for."""
    seat = pool.seats[cap.index]
    return not is_vacant(seat) and seat.generation == cap.generation


def _hold(market: Market, pool: VerifierPool, cap: VerifierCap) -> Seat:
    """Return the seat that a capability holds."""
    check_versions(market, pool)
    check_market(market, pool, cap)
    check_pool(pool, cap)
    require(_is_held(pool, cap), "node.EWrongCap")
    return pool.seats[cap.index]


@MODULE.public(ref(Market), mut(VerifierPool), ref(VerifierCap), U64, U64, U64, U64)
def declare_seat(
    ctx: MoveContext,
    market: Market,
    pool: VerifierPool,
    cap: VerifierCap,
    min_fee: int,
    max_penalty: int,
    rate: int,
    memory: int,
) -> None:
    """Say anew what a seat asks for and can do. Duties that it has stay."""
    seat = _hold(market, pool, cap)
    _check_declaration(pool, min_fee, max_penalty, rate, memory)

    seat.min_fee, seat.max_penalty, seat.rate, seat.memory = min_fee, max_penalty, rate, memory
    ctx.emit(SeatDeclared(pool.id, cap.index, min_fee, max_penalty, rate, memory))


@MODULE.public(ref(Market), mut(VerifierPool), ref(VerifierCap), COIN, CLOCK)
def renew_seat(
    ctx: MoveContext,
    market: Market,
    pool: VerifierPool,
    cap: VerifierCap,
    fee: Coin,
    clock: ClockObject,
) -> None:
    """Let a seat live for another term, for the pool's fee."""
    seat = _hold(market, pool, cap)
    require(seat.exiting_at_ms == 0, "node.EAlreadyExiting")
    require(fee.balance == pool.params.fee, "node.EWrongStake")

    burn(ctx, ctx.take_coin(fee))
    seat.renewed_ms = clock.timestamp_ms
    ctx.emit(SeatRenewed(pool.id, cap.index, seat.verifier, clock.timestamp_ms))


@MODULE.public(ref(Market), mut(VerifierPool), ref(VerifierCap), COIN)
def top_up_seat(
    ctx: MoveContext, market: Market, pool: VerifierPool, cap: VerifierCap, coin: Coin
) -> None:
    """Fill up what penalties took of a seat's stake, at most to the pool's stake."""
    seat = _hold(market, pool, cap)
    amount = coin.balance
    require(0 < amount <= pool.params.stake - seat.stake, "node.EWrongStake")

    ctx.take_coin(coin)
    seat.stake += amount
    pool.stakes += amount
    ctx.emit(SeatToppedUp(pool.id, cap.index, seat.verifier, amount, seat.stake))


def _exit(ctx: MoveContext, pool: VerifierPool, index: int, now: int) -> None:
    seat = pool.seats[index]
    seat.exiting_at_ms = now
    ctx.emit(SeatExited(pool.id, index, seat.verifier, now))


@MODULE.public(ref(Market), mut(VerifierPool), ref(VerifierCap), CLOCK)
def exit_seat(
    ctx: MoveContext, market: Market, pool: VerifierPool, cap: VerifierCap, clock: ClockObject
) -> None:
    """Stop being drawn; the stake stays bonded for the unbonding period."""
    seat = _hold(market, pool, cap)
    require(seat.exiting_at_ms == 0, "node.EAlreadyExiting")

    _exit(ctx, pool, cap.index, clock.timestamp_ms)


@MODULE.public(ref(Market), mut(VerifierPool), U64, CLOCK)
def evict_seat(
    ctx: MoveContext, market: Market, pool: VerifierPool, index: int, clock: ClockObject
) -> None:
    """Exit a seat that was silent twice in a row or not renewed; anyone may."""
    check_versions(market, pool)
    check_market(market, pool)
    require(index < len(pool.seats), "node.ENotEvictable")
    seat, now = pool.seats[index], clock.timestamp_ms
    require(not is_vacant(seat), "node.ENotEvictable")
    require(seat.exiting_at_ms == 0, "node.EAlreadyExiting")
    is_expired = now >= seat.renewed_ms + pool.params.seat_life_ms
    require(is_expired or seat.silent >= SILENT_EVICTED, "node.ENotEvictable")

    _exit(ctx, pool, index, now)


def _vacate(ctx: MoveContext, pool: VerifierPool, index: int, now: int) -> int:
    """Free the slot of a seat that has unbonded; return the Mist of its stake."""
    seat = pool.seats[index]
    require(seat.exiting_at_ms != 0, "node.ENotExiting")
    unbonded_ms = seat.exiting_at_ms + pool.params.unbonding_ms
    require(now >= unbonded_ms, "node.EStillBonded")
    require(seat.duties == 0, "node.ESeatInUse")

    amount = seat.stake
    pool.stakes -= amount
    pool.seats[index] = make_vacant(seat.generation)
    ctx.emit(SeatWithdrawn(pool.id, index, seat.generation, seat.verifier, amount))
    return amount


@MODULE.public(ref(Market), mut(VerifierPool), value(VerifierCap), CLOCK, returns=(COIN,))
def withdraw_seat(
    ctx: MoveContext, market: Market, pool: VerifierPool, cap: VerifierCap, clock: ClockObject
) -> Coin:
    """Withdraw the stake of an exited seat, and destroy its capability."""
    _hold(market, pool, cap)
    amount = _vacate(ctx, pool, cap.index, clock.timestamp_ms)
    ctx.delete(cap)
    return ctx.new_coin(amount)


@MODULE.public(ref(Market), mut(VerifierPool), U64, CLOCK)
def release_seat(
    ctx: MoveContext, market: Market, pool: VerifierPool, index: int, clock: ClockObject
) -> None:
    """Send the stake of an exited seat to its verifier, so that its slot is free; anyone may."""
    check_versions(market, pool)
    check_market(market, pool)
    require(index < len(pool.seats), "node.ENotExiting")
    verifier = pool.seats[index].verifier
    amount = _vacate(ctx, pool, index, clock.timestamp_ms)
    ctx.transfer(ctx.new_coin(amount), verifier)


@MODULE.public(ref(Market), ref(VerifierPool), value(VerifierCap))
def discard_cap(ctx: MoveContext, market: Market, pool: VerifierPool, cap: VerifierCap) -> None:
    """Destroy a capability whose seat was released."""
    check_versions(market, pool)
    check_market(market, pool, cap)
    check_pool(pool, cap)
    require(not _is_held(pool, cap), "node.ESeatInUse")
    ctx.delete(cap)
