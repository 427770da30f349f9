"""Module ``node``, third part: which seats fit terms, and which of them may be drawn now.

Nobody is asked for what he did not say he can do, nor for more at once: a seat fits if it can do
all of its duties at the same time under the terms, and is eligible while it has a duty left whose
share of the stake is whole.
"""

from collections.abc import Collection
from typing import NamedTuple

from walrusd.chain.layouts.objects import Seat, Terms, VerifierPool
from walrusd.devnet.contract.node import compute_share
from walrusd.devnet.contract.seats import is_live
from walrusd.devnet.contract.terms import compute_loss, compute_rate


class Needs(NamedTuple):
    """What a seat must have, allow and be able to do under terms, once for a whole pool."""

    stake: int
    fee: int
    loss: int
    memory: int
    rate: int


def compute_needs(terms: Terms, pool: VerifierPool) -> Needs:
    """Return what the terms ask of a seat that has all of the pool's duties at once."""
    return Needs(
        stake=compute_share(pool),
        fee=min(terms.verifier_fee, terms.juror_fee),
        loss=compute_loss(terms),
        memory=terms.state_bytes,
        rate=compute_rate(terms, pool.params.duties),
    )


def is_fit(seat: Seat, needs: Needs) -> bool:
    """Return whether a seat has declared what the terms need, and its stake backs a duty."""
    return (
        seat.stake >= needs.stake
        and seat.min_fee <= needs.fee
        and seat.max_penalty >= needs.loss
        and seat.memory >= needs.memory
        and seat.rate >= needs.rate
    )


class Census(NamedTuple):
    """How many seats of a pool are live, and how many of those fit."""

    live: int
    fit: int


def count_seats(pool: VerifierPool, terms: Terms, opened_ms: int, now: int) -> Census:
    """Count the live seats, and those of them that fit a task opened at ``opened_ms``, busy or not.

    A seat that was registered later may be made for the task: it is never drawn.
    """
    needs = compute_needs(terms, pool)
    live = [seat for seat in pool.seats if is_live(seat, pool.params, now)]
    fit = [seat for seat in live if seat.active_from_ms <= opened_ms and is_fit(seat, needs)]
    return Census(len(live), len(fit))


class Electorate(NamedTuple):
    """Who may be drawn: ``eligible`` indices of the pool, out of ``fit`` seats that might be."""

    eligible: list[int]
    fit: int


def list_eligible(
    pool: VerifierPool, terms: Terms, opened_ms: int, now: int, parties: Collection[str]
) -> Electorate:
    """Return the seats that may serve a task opened at ``opened_ms``, in the pool's order.

    A seat that was registered after the task was opened may be made for it. ``parties`` are left
    out altogether.
    """
    needs, params = compute_needs(terms, pool), pool.params
    eligible, fit = [], 0
    for index, seat in enumerate(pool.seats):
        is_candidate = (
            is_live(seat, params, now)
            and seat.active_from_ms <= opened_ms
            and is_fit(seat, needs)
            and seat.verifier not in parties
        )
        if not is_candidate:
            continue
        fit += 1
        if seat.duties < params.duties and seat.stake >= (seat.duties + 1) * needs.stake:
            eligible.append(index)
    return Electorate(eligible, fit)
