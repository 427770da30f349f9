"""What a task pays, what a cheat risks (PROTOCOL section 7). Amounts in Mist, exact numbers.

The model stands in docs/economics.md.
"""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import comb

from walrusd.units import Mist


def compute_required_funds(
    *,
    max_submissions: int,
    reward: int,
    committee: int,
    verifier_fee: int,
    jury: int,
    juror_fee: int,
    tip: int,
    publisher_bond: int,
) -> Mist:
    """Return what a publisher deposits at opening: the contract demands exactly this.

    For each submission the reward, the committee's fees, two juries (an audit's, and one about
    availability, whose accuser risks nothing) and the tips of four cranks.
    """
    per_submission = reward + committee * verifier_fee + 2 * jury * juror_fee + 4 * tip
    return Mist(max_submissions * per_submission + 2 * tip + publisher_bond)


def compute_late_fee(
    *, stake: int, late_fee: int, window_ms: int, open_ms: int, grace_ms: int, now_ms: int
) -> Mist:
    """Return what a contributor that opens ``now`` owes for being late, former fees included.

    The fee grows linearly from the end of the opening window to the whole stake at the end of the
    grace; it never exceeds the stake. ``window_ms`` is when the seats were drawn or reported.
    """
    late_ms = now_ms - (window_ms + open_ms)
    if late_ms <= 0:
        return Mist(late_fee)
    return Mist(min(stake, late_fee + stake * min(late_ms, grace_ms) // grace_ms))


def compute_detection(segments: int, forged: int, replayed: int) -> Fraction:
    """Return the chance that a committee meets at least one of ``forged`` segments.

    ``1 − C(S−k, n)/C(S, n)`` with ``n`` segments dealt without overlap: the hypergeometric
    distribution's complement of drawing none (PROTOCOL section 7).

    Raises:
        ValueError: unless ``0 ≤ forged ≤ segments``.
    """
    if not 0 <= forged <= segments:
        raise ValueError(f"{forged} of {segments} segments cannot be forged")
    replayed = min(replayed, segments)
    return 1 - Fraction(comb(segments - forged, replayed), comb(segments, replayed))


def compute_break_even_stake(
    *, segments: int, forged: int, replayed: int, reward: int, work_cost: int, side_gain: int = 0
) -> Mist | None:
    """Return the smallest stake at which forging ``forged`` segments does not pay.

    A cheat keeps the reward with probability ``u`` (undetected), loses reward ``R`` and stake
    ``P`` otherwise, saves ``C·k/S`` of the work, and may gain ``B`` beside the reward. Forging
    does not pay while ``(1−u)(R + P) > C·k/S + u·B``. ``None`` if no stake deters (u = 1).
    """
    detected = compute_detection(segments, forged, replayed)
    if detected == 0:
        return None
    gain = Fraction(work_cost * forged, segments) + (1 - detected) * side_gain
    stake = gain / detected - reward
    return Mist(max(0, stake.__floor__() + 1))


WORK_SHARE = Fraction(4, 5)
"""What the whole work is taken to cost, of the reward: nobody trains at a loss for long."""

SHARE_STEPS = 100
"""Shares of colluders are looked at in hundredths."""


@dataclass(frozen=True)
class Rules:
    """The terms that decide whether honesty pays. Amounts in Mist, shares in hundredths of 1 %."""

    segments: int
    committee: int
    segments_per_seat: int
    jury: int
    audit_bps: int
    reward: int
    stake: int
    verifier_fee: int
    juror_fee: int
    verifier_stake: int
    accuser_bond: int
    accuser_share_bps: int = 2_000

    @property
    def audit(self) -> Fraction:
        """The chance that an attested submission is audited."""
        return Fraction(self.audit_bps, 10_000)

    @property
    def accuser_reward(self) -> Fraction:
        """The accuser's part of the stake when a challenge is confirmed."""
        return Fraction(self.stake * self.accuser_share_bps, 10_000)

    @property
    def work_cost(self) -> Fraction:
        """What training once is taken to cost."""
        return self.reward * WORK_SHARE


@dataclass(frozen=True)
class Outcomes:
    """How a forged submission ends: caught by an honest seat, by the audit, or not.

    ``bought_fees`` are the Mist that colluding jurors can expect for finding for the forger.
    """

    by_committee: Fraction
    by_audit: Fraction
    bought_fees: Fraction = Fraction(0)

    @property
    def caught(self) -> Fraction:
        """The chance to be caught at all."""
        return self.by_committee + self.by_audit

    @property
    def passed(self) -> Fraction:
        """The chance to be taken for honest."""
        return 1 - self.caught


def compute_coverage(rules: Rules) -> Fraction:
    """Return the share of the segments that the committee replays."""
    replayed = rules.committee * rules.segments_per_seat
    return Fraction(min(rules.segments, replayed), rules.segments)


def compute_capture(jury: int, share: Fraction) -> Fraction:
    """Return the chance that a jury has a majority of colluders, each one with chance ``share``."""
    return sum((chance for _count, chance in _list_majorities(jury, share)), Fraction(0))


def _list_majorities(jury: int, share: Fraction) -> list[tuple[int, Fraction]]:
    """Return the chance of each number of colluding jurors that is a majority."""
    return [
        (count, comb(jury, count) * share**count * (1 - share) ** (jury - count))
        for count in range(jury // 2 + 1, jury + 1)
    ]


def compute_bought_fees(rules: Rules, share: Fraction) -> Fraction:
    """Return what colluding jurors can expect of one jury: their fees, if they are the majority."""
    chances = _list_majorities(rules.jury, share)
    return rules.juror_fee * sum((count * chance for count, chance in chances), Fraction(0))


@lru_cache(maxsize=64)
def _count_covers(segments: int, committee: int, per_seat: int) -> Counter[tuple[int, int]]:
    """Count the sets of seats by their number and by how many segments they replay together.

    Without more places than segments nothing is dealt twice; else seats may overlap, and every set
    is looked at.
    """
    if committee * per_seat <= segments:
        return Counter({(h, h * per_seat): comb(committee, h) for h in range(committee + 1)})
    sets = Counter({(0, 0): 1})
    for seat in range(committee):
        places = {(seat * per_seat + k) % segments for k in range(per_seat)}
        dealt = sum(1 << place for place in places)
        joined: Counter[tuple[int, int]] = Counter()
        for (honest, replayed), ways in sets.items():
            joined[honest, replayed] += ways
            joined[honest + 1, replayed | dealt] += ways
        sets = joined
    found: Counter[tuple[int, int]] = Counter()
    for (honest, replayed), ways in sets.items():
        found[honest, replayed.bit_count()] += ways
    return found


@lru_cache(maxsize=4096)
def _compute_met(segments: int, forged: int, replayed: int) -> Fraction:
    """Return the detection, rounded down to 128 bits: in the forger's favour, and fast to add."""
    met = compute_detection(segments, forged, replayed)
    return Fraction((met.numerator << 128) // met.denominator, 1 << 128)


def compute_outcomes(
    rules: Rules, forged: int, bribed: Fraction, jurors: Fraction = Fraction(0)
) -> Outcomes:
    """Return how ``forged`` segments fare if a seat looks away with chance ``bribed``.

    Exact, but for detections, which are rounded down to 128 bits.
    A seat that looks away attests with digests that it was given. An honest seat that meets a
    forged segment challenges it; otherwise the audit draws a place, and a jury replays what was
    dealt there. ``jurors`` is the share of jurors who find for the forger.

    Raises:
        ValueError: unless ``0 ≤ forged ≤ segments``.
    """
    by_committee = by_audit = Fraction(0)
    seats = rules.committee
    covers = _count_covers(rules.segments, seats, rules.segments_per_seat)
    for (honest, replayed), ways in covers.items():
        weight = ways * bribed ** (seats - honest) * (1 - bribed) ** honest
        if not weight:
            continue
        met = _compute_met(rules.segments, forged, replayed)
        by_committee += weight * met
        if forged and met < 1:
            # Unmet, the forged segments are among those that nobody honest replays.
            among = Fraction(min(forged, rules.segments - replayed), rules.segments - replayed)
            drawn = Fraction(seats - honest, seats) * among
            by_audit += weight * (1 - met) * rules.audit * drawn
    free = 1 - compute_capture(rules.jury, jurors)
    fees = (by_committee + by_audit) * compute_bought_fees(rules, jurors)
    return Outcomes(by_committee * free, by_audit * free, fees)


def list_forgeries(rules: Rules) -> tuple[int, ...]:
    """Return the numbers of forged segments to look at: one, half, and all of them.

    What is saved grows in proportion, what is risked faster at first: the gain is the largest at
    one of the ends.
    """
    return tuple(sorted({1, max(1, rules.segments // 2), rules.segments}))


def compute_gain(rules: Rules, forged: int, outcomes: Outcomes, side_gain: int = 0) -> Fraction:
    """Return what forging brings a contributor and the seats it bribed, beyond honest work.

    Saved: ``C·k/S``; earned: the fees of colluding jurors. Lost when caught: reward and stake, and
    when the audit catches it the stake of the seat that attested, too. ``side_gain`` is what being
    accepted is worth beside the reward. That bribed seats need not replay is no gain of forging:
    honest work would spare them, too.
    """
    saved = rules.work_cost * forged / rules.segments
    lost = outcomes.caught * (rules.reward + rules.stake)
    earned = outcomes.bought_fees + outcomes.passed * side_gain
    return saved + earned - lost - outcomes.by_audit * rules.verifier_stake


def compute_deterring_stake(rules: Rules, forged: int, outcomes: Outcomes) -> Mist | None:
    """Return the smallest stake at which forging does not pay; None if none is large enough."""
    if not outcomes.caught:
        return None
    gain = compute_gain(rules, forged, outcomes) + outcomes.caught * rules.stake
    return Mist(max(0, (gain / outcomes.caught).__floor__() + 1))


def compute_contributor_income(rules: Rules, forged: int, outcomes: Outcomes) -> Fraction:
    """Return what a contributor may expect that forges so many segments; 0 is honest work."""
    honest = rules.reward - rules.work_cost
    return honest if forged == 0 else honest + compute_gain(rules, forged, outcomes)


def compute_verifier_income(rules: Rules) -> Fraction:
    """Return what a seat of the committee earns: the fee, less the cost of its replays."""
    replayed = min(rules.segments, rules.segments_per_seat)
    return rules.verifier_fee - rules.work_cost * replayed / rules.segments


def compute_juror_income(rules: Rules) -> Fraction:
    """Return what a juror of the majority earns: the fee, less the cost of one replay."""
    return rules.juror_fee - rules.work_cost / rules.segments


def compute_jury_rate(rules: Rules) -> Fraction:
    """Return the juries that an honest submission can expect: that of the audit."""
    return rules.audit


def compute_accusation_gain(rules: Rules, share: Fraction) -> Fraction:
    """Return what falsely accusing an honest contributor brings the accuser and its jurors.

    ``share`` of the jurors are the accuser's. It gets its part of the stake, and they their fees,
    or it loses the bond.
    """
    captured = compute_capture(rules.jury, share)
    won = captured * rules.accuser_reward + compute_bought_fees(rules, share)
    return won - (1 - captured) * rules.accuser_bond


def compute_challenge_income(rules: Rules, share: Fraction) -> Fraction:
    """Return what challenging a forger who owns ``share`` of the jurors brings an honest seat."""
    captured = compute_capture(rules.jury, share)
    return (1 - captured) * rules.accuser_reward - captured * rules.accuser_bond


def compute_tolerated_share(rules: Rules) -> Fraction:
    """Return the share of colluding seats up to which honesty pays and nothing else does.

    Neither forging nor accusing falsely pays, and challenging a forger does. Colluders help as
    seats and as jurors; every share up to the one returned is safe.
    """
    safe = Fraction(0)
    for step in range(SHARE_STEPS + 1):
        share = Fraction(step, SHARE_STEPS)
        gains = [
            compute_gain(rules, forged, compute_outcomes(rules, forged, share, share))
            for forged in list_forgeries(rules)
        ]
        gains.append(compute_accusation_gain(rules, share))
        if max(gains) >= 0 or compute_challenge_income(rules, share) <= 0:
            return safe
        safe = share
    return safe
