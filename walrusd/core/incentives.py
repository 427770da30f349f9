"""Who profits from what under the terms of a task. Amounts in Mist, exact numbers.

docs/economics.md describes the model.
"""

from dataclasses import dataclass
from fractions import Fraction

from walrusd.core.detection import compute_met, count_covers
from walrusd.core.juries import compute_capture, count_drawn, list_majorities
from walrusd.units import Mist

WORK_SHARE = Fraction(4, 5)
"""The assumed cost of the work as a share of the reward: no one trains at a loss for long."""

SHARE_STEPS = 100
"""Shares of colluders are tried in hundredths."""

SILENCE_FEES = 10
"""How many fees silence costs a seat or a juror."""

PRIZE_FEES = 5
"""How many verifier fees a conviction pays the accuser, at most a fifth of the stake."""

GIVEN_ON = 4
"""How often a place is given to another seat after an accusation that came to nothing."""


@dataclass(frozen=True)
class Rules:
    """The terms that decide whether honesty pays. Amounts in Mist, ``audit_bps`` in 1/10,000."""

    segments: int
    committee: int
    substitutes: int
    segments_per_seat: int
    jury: int
    audit_bps: int
    reward: int
    stake: int
    verifier_fee: int
    juror_fee: int
    verifier_stake: int

    @property
    def audit(self) -> Fraction:
        """The chance that an attested submission is audited."""
        return Fraction(self.audit_bps, 10_000)

    @property
    def prize(self) -> int:
        """What an accuser gets if its accusation is confirmed."""
        return min(PRIZE_FEES * self.verifier_fee, self.stake // 5)

    @property
    def case_cost(self) -> int:
        """What the jurors of one case cost at most, alternates included."""
        return count_drawn(self.jury) * self.juror_fee

    @property
    def accusation(self) -> int:
        """What an accuser loses if it is refuted: the case, and the silence penalty of a seat."""
        return self.case_cost + self.silence

    @property
    def silence(self) -> int:
        """What a silent seat loses."""
        return SILENCE_FEES * self.verifier_fee

    @property
    def work_cost(self) -> Fraction:
        """The assumed cost of training once."""
        return self.reward * WORK_SHARE


@dataclass(frozen=True)
class DetectionChances:
    """How a forged submission ends, at the choice that is best for the forger.

    ``by_committee``: an honest seat accuses it, and a jury confirms. ``by_audit``: the audit finds
    it while an honest seat was there to be found innocent or guilty; ``by_ring_audit``: the same,
    where the whole committee colludes. ``undecided``: every honest seat of a place was refuted or
    dismissed; the stake goes back, the reward is lost. ``bought_fees``: what colluding jurors can
    expect for finding for the forger.
    """

    by_committee: Fraction
    by_audit: Fraction
    by_ring_audit: Fraction = Fraction(0)
    undecided: Fraction = Fraction(0)
    bought_fees: Fraction = Fraction(0)

    @property
    def caught(self) -> Fraction:
        """The chance to lose the stake."""
        return self.by_committee + self.by_audit + self.by_ring_audit

    @property
    def passed(self) -> Fraction:
        """The chance to pass as honest."""
        return 1 - self.caught - self.undecided


def compute_coverage(rules: Rules) -> Fraction:
    """Return the share of the segments that the committee replays."""
    replayed = rules.committee * rules.segments_per_seat
    return Fraction(min(rules.segments, replayed), rules.segments)


def compute_bought_fees(rules: Rules, share: Fraction) -> Fraction:
    """Return what colluding jurors can expect of one jury: their fees, if they are the majority."""
    chances = list_majorities(rules.jury, share)
    return rules.juror_fee * sum((count * chance for count, chance in chances), Fraction(0))


@dataclass(frozen=True)
class PlaceChances:
    """How it ends at a place where an honest seat has met a forged segment.

    ``accusations`` is how many are expected.
    """

    convicted: Fraction
    attested: Fraction
    undecided: Fraction
    accusations: Fraction


def compute_place_chances(rules: Rules, share: Fraction, jurors: Fraction) -> PlaceChances:
    """Return how a place ends whose honest seat accuses, if the ring acquits where it can.

    The jury convicts with chance ``1 − h``. Otherwise the place goes to the next seat: one of the
    ring attests, an honest one accuses again, at most ``GIVEN_ON`` times and while there are
    substitutes. So with ``r = (1 − share)·h`` and ``n`` further seats, ``(1 − h)·Σ r^i`` for
    ``i = 0…n`` convict, ``share·h·Σ r^i`` for ``i < n`` attest, and ``h·r^n`` remain.
    """
    acquitted = compute_capture(rules.jury, jurors)
    again = (1 - share) * acquitted
    further = min(GIVEN_ON, rules.substitutes)
    accusations = sum((again**i for i in range(further + 1)), Fraction(0))
    passed = sum((again**i for i in range(further)), Fraction(0))
    return PlaceChances(
        convicted=(1 - acquitted) * accusations,
        attested=share * acquitted * passed,
        undecided=acquitted * again**further,
        accusations=accusations,
    )


def compute_detection_chances(
    rules: Rules, forged: int, bribed: Fraction, jurors: Fraction = Fraction(0)
) -> DetectionChances:
    """Return how ``forged`` segments end if each seat is bribed with chance ``bribed``.

    Exact, except for detections, which are rounded down to 128 bits, and for several honest seats
    that meet the forgery, which count as one: both in the forger's favour. A bribed seat attests
    with digests that it was given. An honest seat that replays a forged segment accuses it;
    otherwise the audit draws a place. ``jurors`` is the share of jurors who find for the forger.

    Raises:
        ValueError: unless ``0 ≤ forged ≤ segments``.
    """
    seats = rules.committee
    found = audited = ring_audited = Fraction(0)
    place = compute_place_chances(rules, bribed, jurors)
    covers = count_covers(rules.segments, seats, rules.segments_per_seat)
    for (honest, replayed), ways in covers.items():
        weight = ways * bribed ** (seats - honest) * (1 - bribed) ** honest
        if not weight:
            continue
        met = compute_met(rules.segments, forged, replayed)
        found += weight * met
        if forged and met < 1:
            # The forged segments that were not met are among those that no honest seat replays.
            among = Fraction(min(forged, rules.segments - replayed), rules.segments - replayed)
            drawn = weight * (1 - met) * rules.audit * Fraction(seats - honest, seats) * among
            if honest:
                audited += drawn
            else:
                ring_audited += drawn
    # Whoever passed the committee by a captured jury is audited too; all its places may be forged.
    passed = found * place.attested
    audited += passed * rules.audit * Fraction(1, seats * rules.segments_per_seat)
    free = 1 - compute_capture(rules.jury, jurors)
    cases = found * place.accusations + audited + ring_audited
    return DetectionChances(
        by_committee=found * place.convicted,
        by_audit=audited * free,
        by_ring_audit=ring_audited * free,
        undecided=found * place.undecided,
        bought_fees=cases * compute_bought_fees(rules, jurors),
    )


def list_forgeries(rules: Rules) -> tuple[int, ...]:
    """Return the numbers of forged segments to try: one, half, and all of them.

    Savings grow linearly and risk grows faster at first, so the gain is largest at one of the ends.
    """
    return tuple(sorted({1, max(1, rules.segments // 2), rules.segments}))


def compute_gain(
    rules: Rules, forged: int, outcomes: DetectionChances, side_gain: int = 0
) -> Fraction:
    """Return what forging brings a contributor and the seats it bribed, beyond honest work.

    Saved: ``C·k/S``; earned: the fees of colluding jurors. Lost when caught: reward and stake, and
    if an audit finds the forgery, the stake of the seat that attested it; a ring that holds the
    whole committee may rather leave the jury without a key, which costs each of its seats the
    silence penalty. Lost when undecided: the reward. ``side_gain`` is what acceptance is worth
    beyond the reward. Bribed seats save their replays, but they would with honest work too, so that
    is no gain from forging.
    """
    saved = rules.work_cost * forged / rules.segments
    lost = outcomes.caught * (rules.reward + rules.stake) + outcomes.undecided * rules.reward
    earned = outcomes.bought_fees + outcomes.passed * side_gain
    seats = outcomes.by_audit * rules.verifier_stake
    seats += outcomes.by_ring_audit * min(rules.verifier_stake, rules.committee * rules.silence)
    return saved + earned - lost - seats


def compute_deterring_stake(rules: Rules, forged: int, outcomes: DetectionChances) -> Mist | None:
    """Return the smallest stake at which forging does not pay; None if none is large enough."""
    if not outcomes.caught:
        return None
    gain = compute_gain(rules, forged, outcomes) + outcomes.caught * rules.stake
    return Mist(max(0, (gain / outcomes.caught).__floor__() + 1))


def compute_contributor_income(rules: Rules, forged: int, outcomes: DetectionChances) -> Fraction:
    """Return the expected income of a contributor that forges ``forged`` segments."""
    honest = rules.reward - rules.work_cost
    return honest if forged == 0 else honest + compute_gain(rules, forged, outcomes)


def compute_verifier_income(rules: Rules) -> Fraction:
    """Return what a committee seat earns: the fee, less the cost of its replays."""
    replayed = min(rules.segments, rules.segments_per_seat)
    return rules.verifier_fee - rules.work_cost * replayed / rules.segments


def compute_juror_income(rules: Rules) -> Fraction:
    """Return what a juror in the majority earns: the fee, less the cost of one replay."""
    return rules.juror_fee - rules.work_cost / rules.segments


def compute_jury_rate(rules: Rules) -> Fraction:
    """Return the expected number of juries of an honest submission: that of the audit."""
    return rules.audit


def compute_accusation_gain(rules: Rules, share: Fraction) -> Fraction:
    """Return what an accuser and its jurors gain in expectation by a false accusation.

    ``share`` of the jurors are the accuser's. If they are the majority, it gets the prize and they
    their fees; otherwise it pays the jury and the silence penalty.
    """
    captured = compute_capture(rules.jury, share)
    won = captured * rules.prize + compute_bought_fees(rules, share)
    return won - (1 - captured) * rules.accusation


def compute_challenge_income(rules: Rules, share: Fraction) -> Fraction:
    """Return what accusing a forger who owns ``share`` of the jurors brings an honest seat."""
    captured = compute_capture(rules.jury, share)
    return (1 - captured) * rules.prize - captured * rules.accusation


def compute_tolerated_share(rules: Rules) -> Fraction:
    """Return the largest share of colluding seats up to which only honesty pays.

    Up to it neither forging nor false accusations pay, and accusing a forger does. Colluders help
    as seats and as jurors.
    """
    safe = Fraction(0)
    for step in range(SHARE_STEPS + 1):
        share = Fraction(step, SHARE_STEPS)
        gains = [
            compute_gain(rules, forged, compute_detection_chances(rules, forged, share, share))
            for forged in list_forgeries(rules)
        ]
        gains.append(compute_accusation_gain(rules, share))
        if max(gains) >= 0 or compute_challenge_income(rules, share) <= 0:
            return safe
        safe = share
    return safe
