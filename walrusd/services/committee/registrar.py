"""Take a seat in a pool, if the owner wants one, and keep it: renew it, fill up its stake."""

from functools import partial
from typing import Any

import trio

from walrusd.chain.calls.node import SeatOffer
from walrusd.chain.calls.reads import SeatId
from walrusd.chain.layouts import objects as ob
from walrusd.core.seats.eligibility import is_vacant
from walrusd.crypto.envelopes.contexts import SeatContext
from walrusd.engine.jobs import run_training_job
from walrusd.engine.readiness import MEMORY_PARTS, Readiness
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.errors import InsufficientBalance, NotAllowed
from walrusd.market.envelopes import prove_own_keys
from walrusd.runtime.machine import read_memory_limit
from walrusd.settings.model import Role, Settings, VerifierSettings
from walrusd.training.run.jobs import BenchmarkJob
from walrusd.units import Mist, address_bytes, format_sui

RENEW_PARTS = 4
"""A seat is renewed when one part in so many of its life is left."""

LOOK_S = 60.0
"""How often the seats that we hold are looked at, in seconds: nothing about them is urgent."""

DAY_MS = 24 * 3600 * 1000

Held = tuple[SeatId, ob.Seat]
"""A seat of ours, and what the pool has of it."""


async def time_machine(tools: Tools) -> int:
    """Return the segment work a second that this machine does: some seconds of real segments.

    Raises:
        TrainingFailed, DeviceRefused: if it cannot train at all.
    """
    return int((await run_training_job(tools, BenchmarkJob()))["rate"])


async def make_offer(tools: Tools, pool: ob.VerifierPool, settings: VerifierSettings) -> SeatOffer:
    """Return what our seat would declare in a pool; zeros in the settings are measured.

    Raises:
        NotAllowed: if the pool refuses that, with its limit.
        TrainingFailed, DeviceRefused: as :func:`time_machine`.
    """
    share = pool.params.stake // pool.params.duties
    offer = SeatOffer(
        min_fee=settings.min_fee,
        max_penalty=settings.max_penalty or share,
        rate=settings.rate or await time_machine(tools),
        memory=settings.memory or read_memory_limit() // MEMORY_PARTS,
    )
    limits = pool.params
    for name, is_kept, limit in (
        ("min_fee", offer.min_fee <= limits.max_min_fee, f"most {format_sui(limits.max_min_fee)}"),
        (
            "max_penalty",
            limits.min_penalty <= offer.max_penalty <= share,
            f"least {format_sui(limits.min_penalty)} and at most {format_sui(share)}",
        ),
        ("rate", offer.rate >= limits.min_rate, f"least {limits.min_rate:,}"),
        ("memory", offer.memory >= limits.min_memory, f"least {limits.min_memory:,} bytes"),
    ):
        if not is_kept:
            raise NotAllowed(
                f"verifier.{name} must be at {limit} in pool {pool.id}",
                hint=f"set verifier.{name}, or use another pool",
            )
    return offer


def find_free_slot(pool: ob.VerifierPool) -> SeatId:
    """Return the seat that a registration would take: the first vacant slot, or one more."""
    for index, seat in enumerate(pool.seats):
        if is_vacant(seat):
            return SeatId(pool.id, index, seat.generation + 1)
    return SeatId(pool.id, len(pool.seats), 1)


async def list_held(tools: Tools) -> list[Held]:
    """Return our seats, in the order of their pools, without those that are gone."""
    held = []
    for _ref, cap in await tools.contract.verifier_caps(tools.address):
        name = SeatId(cap.pool, cap.index, cap.generation)
        seat = await tools.contract.seat(name)
        if seat is not None and not is_vacant(seat):
            held.append((name, seat))
    return held


async def register_seat(
    tools: Tools, pool: ob.VerifierPool, offer: SeatOffer, *, max_stake: int, another: bool = False
) -> dict[str, Any]:
    """Take a seat of a pool for its stake and fee.

    Raises:
        NotAllowed: if they are above ``max_stake``, or we hold a seat of the pool already and
            ``another`` is not set.
        InsufficientBalance: if the balance does not cover them.
    """
    if not another and any(seat.pool == pool.id for seat, _held in await list_held(tools)):
        raise NotAllowed(
            "this address holds a seat of this pool already",
            hint="walrusctl node register --another takes one more",
        )
    stake, payment = pool.params.stake, pool.params.stake + pool.params.fee
    if payment > max_stake:
        raise NotAllowed(
            f"a seat of pool {pool.id} takes {format_sui(Mist(payment))}, and "
            f"verifier.max_stake is {format_sui(Mist(max_stake))}",
            hint="raise verifier.max_stake, or name the amount: --max-stake",
        )
    balance = await tools.contract.balance(tools.address)
    if balance < payment:
        raise InsufficientBalance(
            f"a seat takes a stake of {format_sui(Mist(stake))} and "
            f"{format_sui(Mist(payment - stake))} that are burned, "
            f"{tools.address} has {format_sui(balance)}"
        )
    seat = find_free_slot(pool)
    market = await tools.contract.market()
    context = SeatContext(
        chain_id=market.chain_id,
        package=address_bytes(market.package),
        market=address_bytes(market.id),
        pool=address_bytes(pool.id),
        index=seat.index,
        generation=seat.generation,
        owner=address_bytes(tools.address),
    )
    tools.journal.record_once(
        tools.address, "registrar", "registering", "the owner wants a seat", stake=stake
    )
    # A node that does not show our new seat yet gives the same slot again, and so the same action.
    executed = await tools.contract.register_seat(
        seat,
        payment=payment,
        keys=prove_own_keys(tools.keys, context),
        offer=offer,
        once=f"register_seat:{seat.pool}:{seat.index}:{seat.generation}",
    )
    return {
        "digest": executed.digest,
        "pool": pool.id,
        "seat": seat.index,
        "stake_mist": stake,
        "fee_mist": pool.params.fee,
        **show_offer(offer),
    }


def show_offer(offer: SeatOffer) -> dict[str, Any]:
    """Return what a seat declares, as the control interface shows it."""
    return {
        "min_fee_mist": offer.min_fee,
        "max_penalty_mist": offer.max_penalty,
        "rate": offer.rate,
        "memory_bytes": offer.memory,
    }


def list_top_ups(tools: Tools) -> list[tuple[int, int]]:
    """Return what was added to stakes: when, in milliseconds, and how much, in Mist."""
    return [(at_ms, amount) for at_ms, amount in tools.records.get("registrar", "top_ups") or []]


async def top_up_seat(tools: Tools, seat: SeatId, amount: int) -> str:
    """Add to the stake of our seat what penalties took, in Mist; return the transaction."""
    before = list_top_ups(tools)
    executed = await tools.contract.top_up_seat(
        seat, amount=amount, once=f"top_up_seat:{len(before)}:{seat.pool}:{seat.index}"
    )
    with tools.database.transaction():
        kept = [*before, (tools.clock.now_ms(), amount)]
        tools.records.put("registrar", "top_ups", kept)
        reason = "penalties had taken a part of the seat's stake"
        tools.journal.record(tools.address, "registrar", "topped up", reason, amount=amount)
    return executed.digest


def check_stake(settings: Settings, pool: ob.VerifierPool) -> str:
    """Return why the seat that the settings ask for could not be taken, or nothing."""
    takes = pool.params.stake + pool.params.fee
    wanted = settings.has_role(Role.VERIFIER) and settings.verifier.auto_register
    if not wanted or settings.verifier.max_stake >= takes:
        return ""
    return (
        f"verifier.max_stake is {format_sui(settings.verifier.max_stake)},"
        f" but a seat of pool {pool.id} takes {format_sui(takes)}"
    )


class Registrar(Service):
    """Registers once, when ``verifier.auto_register`` says so; renews and fills up what we hold."""

    name = "registrar"

    def __init__(self, tools: Tools, readiness: Readiness | None = None) -> None:
        """Take the collaborators; without ``readiness`` the machine is not checked."""
        super().__init__(tools)
        self._readiness = readiness
        self._look_at = 0.0

    async def list_due(self) -> Attempts:
        """Register unless we have a seat; keep those that we have."""
        tools, verifier = self.tools, self.tools.settings.verifier
        if verifier.auto_register and not tools.records.get("registrar", "done"):
            yield Attempt(tools.address, self._register, in_background=True)
        if trio.current_time() < self._look_at:
            return
        self._look_at = trio.current_time() + LOOK_S
        for seat, held in await list_held(tools):
            if seat.pool not in tools.contract.pool_ids or held.exiting_at_ms:
                continue
            pool = await tools.contract.pool(seat.pool)
            if verifier.auto_renew and self._must_renew(pool, held):
                yield Attempt(tools.address, partial(self.renew, pool, seat, held), part=":renew")
            missing = min(pool.params.stake - held.stake, self._compute_allowance(verifier))
            if missing > 0:
                fill = partial(top_up_seat, tools, seat, missing)
                yield Attempt(tools.address, fill, part=":top-up")
        for seat in await self._list_void():
            discard = partial(tools.contract.discard_cap, seat)
            yield Attempt(tools.address, discard, part=f":discard:{seat.pool}:{seat.index}")

    async def _register(self) -> None:
        tools, verifier = self.tools, self.tools.settings.verifier
        name = tools.contract.pool_ids[0]
        offer: SeatOffer | None = None
        while await self._count_in(name) < verifier.seats:
            tools.contract.forget(name)
            pool = await tools.contract.pool(name)
            if offer is None:
                if self._readiness is not None:
                    await self._readiness.check_seat()
                offer = await make_offer(tools, pool, verifier)
            await register_seat(tools, pool, offer, max_stake=verifier.max_stake, another=True)
        tools.records.put("registrar", "done", value=True)

    async def _count_in(self, pool: str) -> int:
        """Return how many seats of a pool we hold."""
        return sum(seat.pool == pool for seat, _held in await list_held(self.tools))

    def _must_renew(self, pool: ob.VerifierPool, held: ob.Seat) -> bool:
        life = pool.params.seat_life_ms
        due_ms = held.renewed_ms + life - life // RENEW_PARTS
        return self.tools.clock.now_ms() >= due_ms

    async def renew(self, pool: ob.VerifierPool, seat: SeatId, held: ob.Seat) -> str:
        """Burn the pool's fee for another life of our seat; return the transaction."""
        tools = self.tools
        once = f"renew_seat:{seat.pool}:{seat.index}:{seat.generation}:{held.renewed_ms}"
        executed = await tools.contract.renew_seat(seat, fee=pool.params.fee, once=once)
        reason = "the seat would have lapsed"
        tools.journal.record_once(tools.address, self.name, "renewed", reason, at=held.renewed_ms)
        return executed.digest

    def _compute_allowance(self, verifier: VerifierSettings) -> int:
        """Return the Mist that may still be added to stakes today."""
        since = self.tools.clock.now_ms() - DAY_MS
        spent = sum(amount for at_ms, amount in list_top_ups(self.tools) if at_ms > since)
        return max(0, verifier.max_top_up - spent)

    async def _list_void(self) -> list[SeatId]:
        """Return our capabilities whose seat is gone: they only confuse."""
        void = []
        for _ref, cap in await self.tools.contract.verifier_caps(self.tools.address):
            name = SeatId(cap.pool, cap.index, cap.generation)
            seat = await self.tools.contract.seat(name)
            if seat is None or is_vacant(seat):
                void.append(name)
        return void
