"""Module ``terms``: which terms a task may have."""

from walrusd.chain.layouts.objects import Market, Terms
from walrusd.core.lifecycle import CostRule, Scheme, WeightsRule
from walrusd.devnet.contract.constants import (
    BPS,
    K_MIN_LEAST,
    MAX_AMOUNT,
    MAX_COMMITTEE,
    MAX_JURY,
    MAX_PER_SEAT,
    MAX_SEGMENTS,
    MAX_SUBMISSIONS,
    SILENCE_FEES,
)
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.move.context import MAX_U64, MoveContext
from walrusd.devnet.move.signatures import U8, U64, ref, value

MODULE = Module("terms")


@MODULE.public(U8, U8, U8, *[U64] * 24, returns=(value(Terms),))
def new_terms(_ctx: MoveContext, *fields: int) -> Terms:
    """Make a ``Terms`` of its fields in order; ``open_task`` checks them."""
    return Terms(*fields)


def check(terms: Terms, market: Market) -> None:
    """Abort for terms under which settlement could overflow or honesty would not pay."""
    require(terms.scheme in set(Scheme), "terms.EBadScheme")
    require(terms.weights_rule in set(WeightsRule), "terms.EBadScheme")
    require(terms.cost_rule in set(CostRule), "terms.EBadScheme")
    _check_amounts(terms)
    _check_sizes(terms)
    _check_windows(terms, market)
    jury_cost = terms.jury * terms.juror_fee
    committee_cost = terms.committee * terms.verifier_fee
    require(terms.stake >= committee_cost + jury_cost, "terms.EStakeBelowJuryCost")
    require(terms.accuser_bond >= jury_cost, "terms.EStakeBelowJuryCost")
    # p_a · verifier_stake / segments per seat > verifier_fee, without division.
    at_risk = terms.audit_bps * terms.verifier_stake
    gained = terms.verifier_fee * BPS * terms.segments_per_seat
    require(at_risk > gained, "terms.EAuditTooWeak")
    # A silent seat's or juror's stake covers what it may lose.
    dearest = max(terms.verifier_fee, terms.juror_fee)
    require(terms.verifier_stake >= SILENCE_FEES * dearest, "terms.EAuditTooWeak")


def _check_amounts(terms: Terms) -> None:
    require(terms.reward > 0, "terms.EBadAmount")
    require(terms.verifier_fee > 0, "terms.EBadAmount")
    require(terms.juror_fee > 0, "terms.EBadAmount")
    require(terms.stake > 0, "terms.EBadAmount")
    for amount in (
        terms.reward,
        terms.verifier_fee,
        terms.juror_fee,
        terms.stake,
        terms.lapse_penalty,
        terms.verifier_stake,
        terms.accuser_bond,
        terms.publisher_bond,
    ):
        require(amount <= MAX_AMOUNT, "terms.EBadAmount")
    require(terms.lapse_penalty <= terms.stake, "terms.EBadAmount")


def _check_sizes(terms: Terms) -> None:
    require(1 <= terms.max_submissions <= MAX_SUBMISSIONS, "terms.EBadCommittee")
    require(terms.k_min >= K_MIN_LEAST, "terms.EBadCommittee")
    require(1 <= terms.committee <= MAX_COMMITTEE, "terms.EBadCommittee")
    require(1 <= terms.segments <= MAX_SEGMENTS, "terms.EBadCommittee")
    most = min(MAX_PER_SEAT, terms.segments)
    require(1 <= terms.segments_per_seat <= most, "terms.EBadCommittee")
    require(terms.jury % 2 == 1 and terms.jury <= MAX_JURY, "terms.EBadCommittee")
    require(terms.audit_bps <= BPS, "terms.EBadCommittee")
    require(terms.state_bytes > 0, "terms.EBadCommittee")
    require(terms.segment_work > 0, "terms.EBadCommittee")


def _check_windows(terms: Terms, market: Market) -> None:
    least, most = market.params.min_window_ms, market.params.max_window_ms
    for window in (
        terms.join_ms,
        terms.train_ms,
        terms.open_ms,
        terms.grace_ms,
        terms.verify_ms,
        terms.jury_commit_ms,
        terms.jury_reveal_ms,
    ):
        require(least <= window <= most, "terms.EBadWindow")


def compute_escrow(terms: Terms, tip: int) -> int:
    """Return the Mist set aside for one submission: reward, verifier fees, two juries, four tips.

    The juries are an audit's and one about availability; the tips are those of ``seat``,
    ``replace``, ``draw_audit`` and ``settle``.
    """
    committee_cost = terms.committee * terms.verifier_fee
    return terms.reward + committee_cost + 2 * terms.jury * terms.juror_fee + 4 * tip


@MODULE.public(ref(Terms), U64, returns=(U64,))
def required_funds(_ctx: MoveContext, terms: Terms, tip: int) -> int:
    """Return the Mist that ``open_task`` takes under these terms."""
    funds = terms.max_submissions * compute_escrow(terms, tip) + 2 * tip + terms.publisher_bond
    require(funds <= MAX_U64, "terms.EBadAmount")
    return funds
