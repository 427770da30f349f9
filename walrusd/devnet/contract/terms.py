"""Module ``terms``: which terms a task may have, and what follows from them."""

from walrusd.chain.layouts.objects import Market, Terms
from walrusd.core import deposits
from walrusd.core.lifecycle import CostRule, Scheme, WeightsRule
from walrusd.devnet.contract.constants import (
    ACCUSER_FEES,
    BPS,
    DEAREST_SILENCES,
    K_MIN_LEAST,
    LATE_PARTS,
    MAX_AMOUNT,
    MAX_COMMITTEE,
    MAX_JURY,
    MAX_PER_SEAT,
    MAX_ROUNDS,
    MAX_SAMPLES,
    MAX_SEGMENTS,
    MAX_SUBMISSIONS,
    MAX_SUBSTITUTES,
    MAX_UNPROVED,
    PARTIES,
    SILENCE_FEES,
)
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.move.context import MAX_U64, MoveContext
from walrusd.devnet.move.signatures import U8, U64, ref, value

MODULE = Module("terms")


@MODULE.public(U8, U8, U8, *[U64] * 26, returns=(value(Terms),))
def new_terms(_ctx: MoveContext, *fields: int) -> Terms:
    """Make a ``Terms`` of its fields in order; ``open_task`` checks them."""
    return Terms(*fields)


def check(terms: Terms, market: Market, share: int) -> None:
    """Abort for terms under which settlement could overflow or honesty would not pay.

    ``share`` is the part of a seat's stake that backs one duty.
    """
    require(terms.scheme in set(Scheme), "terms.EBadScheme")
    require(terms.weights_rule in set(WeightsRule), "terms.EBadScheme")
    require(terms.cost_rule in set(CostRule), "terms.EBadScheme")
    _check_amounts(terms)
    _check_sizes(terms)
    _check_windows(terms, market)
    # Half of the stake pays everybody whom a fault has cost work; late fees take the other.
    committee_cost = terms.committee * terms.verifier_fee
    reward = ACCUSER_FEES * terms.verifier_fee
    at_fault = committee_cost + 2 * compute_case_cost(terms) + reward
    require(terms.stake // 2 >= at_fault, "terms.EStakeBelowJuryCost")
    # p_a · verifier_stake / segments per seat > verifier_fee, without division.
    at_risk = terms.audit_bps * terms.verifier_stake
    gained = terms.verifier_fee * BPS * terms.segments_per_seat
    require(at_risk > gained, "terms.EAuditTooWeak")
    require(compute_loss(terms) <= share, "terms.ELossAboveShare")


def check_pool(terms: Terms, live: int, fit: int, duties: int) -> None:
    """Abort for terms that a pool cannot serve: ``fit`` of its ``live`` seats fit.

    Two thirds of the live seats must fit, so that nobody chooses the electorate by terms that only
    his own seats allow, and half of their duties must be enough for all submissions.
    """
    require(3 * fit >= 2 * live, "terms.ETooFewFit")
    require(are_enough(terms, fit), "terms.ETooFewFit")
    needed = terms.max_submissions * compute_places(terms)
    require(2 * needed <= fit * duties, "terms.EPoolTooSmall")


def are_enough(terms: Terms, fit: int) -> bool:
    """Return whether ``fit`` seats are a committee and a jury without those of the parties."""
    return fit >= compute_places(terms) + PARTIES


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
        terms.verifier_stake,
        terms.publisher_bond,
    ):
        require(amount <= MAX_AMOUNT, "terms.EBadAmount")
    require(terms.lapse_penalty <= terms.stake // LATE_PARTS, "terms.EBadAmount")
    require(terms.late_fee <= terms.stake // LATE_PARTS, "terms.EBadAmount")
    # What a void submission gets for its gas is paid from its escrow.
    require(terms.cancel_fee <= terms.reward, "terms.EBadAmount")


def _check_sizes(terms: Terms) -> None:
    require(1 <= terms.max_submissions <= MAX_SUBMISSIONS, "terms.EBadCommittee")
    require(terms.k_min >= K_MIN_LEAST, "terms.EBadCommittee")
    require(1 <= terms.committee <= MAX_COMMITTEE, "terms.EBadCommittee")
    require(1 <= terms.substitutes <= MAX_SUBSTITUTES, "terms.EBadCommittee")
    require(1 <= terms.segments <= MAX_SEGMENTS, "terms.EBadCommittee")
    most = min(MAX_PER_SEAT, terms.segments)
    require(1 <= terms.segments_per_seat <= most, "terms.EBadCommittee")
    require(terms.jury % 2 == 1 and terms.jury <= MAX_JURY, "terms.EBadCommittee")
    require(terms.audit_bps <= BPS, "terms.EBadCommittee")
    require(terms.state_bytes > 0, "terms.EBadCommittee")
    require(terms.segment_work > 0, "terms.EBadCommittee")


def _check_windows(terms: Terms, market: Market) -> None:
    params = market.params
    for window in (
        terms.join_ms,
        terms.train_ms,
        terms.open_ms,
        terms.grace_ms,
        terms.verify_ms,
        terms.jury_commit_ms,
        terms.jury_reveal_ms,
    ):
        require(params.min_window_ms <= window <= params.max_window_ms, "terms.EBadWindow")
    require(terms.grace_ms >= params.min_grace_ms, "terms.EBadWindow")
    require(compute_max_life(terms) <= params.max_life_ms, "terms.EBadWindow")


# --- what follows from terms ----------------------------------------------------------------------


def compute_jurors(terms: Terms) -> int:
    """Return how many jurors are drawn for a case: the jury and half as many alternates."""
    return terms.jury + (terms.jury + 1) // 2


def compute_slots(terms: Terms) -> int:
    """Return how many seats a submission's committee is drawn with: its substitutes too."""
    return terms.committee + terms.substitutes


def compute_places(terms: Terms) -> int:
    """Return how many duties are booked for a submission: its committee's, and one whole case's."""
    return compute_slots(terms) + compute_jurors(terms)


def compute_case_cost(terms: Terms) -> int:
    """Return the Mist that the jurors of one case may get."""
    return compute_jurors(terms) * terms.juror_fee


def compute_silence_penalty(terms: Terms) -> int:
    """Return the Mist that a silent seat loses, and an accuser that is refuted."""
    return SILENCE_FEES * terms.verifier_fee


def compute_loss(terms: Terms) -> int:
    """Return the most Mist that one duty may cost a seat, all its penalties together.

    For a seat of a committee: what a wrong attestation costs, its silence at every window, and a
    case that it lost; for a juror its silence.
    """
    silence = DEAREST_SILENCES * compute_silence_penalty(terms)
    seat = terms.verifier_stake + silence + compute_case_cost(terms)
    return max(seat, SILENCE_FEES * terms.juror_fee)


def compute_rate(terms: Terms, duties: int) -> int:
    """Return the units of segment work a second that a seat needs which has ``duties`` at once.

    A committee's replays take at most half of the window, a jury's at most a quarter: the rest is
    for fetching, and for being away.
    """
    committee = 2 * 1_000 * terms.segment_work * terms.segments_per_seat * duties
    jury = 4 * 1_000 * terms.segment_work * duties
    return max(-(-committee // terms.verify_ms), -(-jury // terms.jury_commit_ms))


def compute_max_life(terms: Terms) -> int:
    """Return the milliseconds that the clocks of a task may run, with every case that there may be.

    While a draw waits for seats no clock runs. A submission is asked for envelopes and attested
    once for each round of replacements, and once for each substitute that takes a place after a
    case; it is accused at most once by each seat, once more by one of them after an opening that
    was absent, and by those that pay cash; juries are about its audit's samples and, once, whether
    its opening is absent. Each case may be judged twice, and waits for envelopes, for commitments,
    for reveals, and as long again for who brings the majority's value. Audits begin, and the update
    is delivered, within an opening's window each.
    """
    opening = terms.open_ms + terms.grace_ms
    attempts = MAX_ROUNDS + terms.substitutes
    jury = opening + terms.jury_commit_ms + 2 * terms.jury_reveal_ms
    cases = compute_slots(terms) + MAX_UNPROVED + MAX_SAMPLES + 2
    joining_and_training = terms.join_ms + terms.train_ms + terms.grace_ms
    verification = attempts * (opening + terms.verify_ms)
    return joining_and_training + verification + 2 * cases * jury + (MAX_SAMPLES + 1) * opening


def compute_escrow(terms: Terms, tip: int) -> int:
    """Return the Mist set aside for one submission."""
    return deposits.compute_escrow(
        reward=terms.reward,
        committee=terms.committee,
        verifier_fee=terms.verifier_fee,
        case_cost=compute_case_cost(terms),
        tip=tip,
    )


def add_late_fee(terms: Terms, owed: int, deadline_ms: int, now: int) -> int:
    """Return the Mist of all late fees of a contributor that was due by ``deadline_ms``."""
    return deposits.compute_late_fee(
        stake=terms.stake,
        late_fee=terms.late_fee,
        grace_ms=terms.grace_ms,
        owed=owed,
        deadline_ms=deadline_ms,
        now_ms=now,
    )


@MODULE.public(ref(Terms), U64, returns=(U64,))
def required_funds(_ctx: MoveContext, terms: Terms, tip: int) -> int:
    """Return the Mist that ``open_task`` takes under these terms."""
    funds = deposits.compute_required_funds(
        max_submissions=terms.max_submissions,
        escrow=compute_escrow(terms, tip),
        tip=tip,
        publisher_bond=terms.publisher_bond,
    )
    require(funds <= MAX_U64, "terms.EBadAmount")
    return funds
