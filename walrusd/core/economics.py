"""What a task pays and what a cheat risks (PROTOCOL section 7). Amounts in Mist, exact numbers.

docs/economics.md describes the model.
"""

from dataclasses import dataclass
from fractions import Fraction

from walrusd.core.detection import compute_met, count_covers
from walrusd.core.juries import compute_capture, compute_escape, list_majorities
from walrusd.units import Mist

TIPS = 6
"""The tips of one submission: ``draw_committee``, ``seat_committee``, two of ``replace``,
``draw_audit``, and ``deliver_update`` or ``settle``."""


def compute_escrow(
    *, reward: int, committee: int, verifier_fee: int, case_cost: int, tip: int
) -> Mist:
    """Return what is set aside for one submission: reward, committee's fees, two cases, six tips.

    The cases are an audit's two samples, or one of them and whether the opening is absent.
    """
    return Mist(reward + committee * verifier_fee + 2 * case_cost + TIPS * tip)


def compute_required_funds(
    *, max_submissions: int, escrow: int, tip: int, publisher_bond: int
) -> Mist:
    """Return what a publisher deposits at opening: the contract demands exactly this.

    For each submission its escrow, the tips of closing joining and training, and the bond.
    """
    return Mist(max_submissions * escrow + 2 * tip + publisher_bond)


def compute_late_fee(
    *, stake: int, late_fee: int, grace_ms: int, owed: int, deadline_ms: int, now_ms: int
) -> Mist:
    """Return what a contributor owes that was due by ``deadline_ms`` and acts ``now``.

    ``owed`` is what it owed before. ``late_fee`` grows linearly over the grace and not beyond; all
    late fees together are at most half of the stake.
    """
    late_ms = min(max(0, now_ms - deadline_ms), grace_ms)
    return Mist(min(stake // 2, owed + late_fee * late_ms // grace_ms))


WORK_SHARE = Fraction(4, 5)
"""The assumed cost of the work as a share of the reward: no one trains at a loss for long."""

SHARE_STEPS = 100
"""Shares of colluders are tried in hundredths."""


@dataclass(frozen=True)
class Rules:
    """The terms that decide whether honesty pays. Amounts in Mist, ``…_bps`` in 1/10,000."""

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
        """The assumed cost of training once, in Mist."""
        return self.reward * WORK_SHARE


@dataclass(frozen=True)
class DetectionChances:
    """How a forged submission ends: caught by an honest seat, by the audit, or not.

    ``bought_fees`` are the Mist that colluding jurors can expect for finding for the forger.
    ``withheld`` is the part of ``by_audit`` in which no honest seat holds the opening's key: the
    ring withholds it from the jury, which costs the contributor's stake and no seat's.
    """

    by_committee: Fraction
    by_audit: Fraction
    bought_fees: Fraction = Fraction(0)
    withheld: Fraction = Fraction(0)

    @property
    def caught(self) -> Fraction:
        """The chance to be caught at all."""
        return self.by_committee + self.by_audit

    @property
    def passed(self) -> Fraction:
        """The chance to pass as honest."""
        return 1 - self.caught


def compute_coverage(rules: Rules) -> Fraction:
    """Return the share of the segments that the committee replays."""
    replayed = rules.committee * rules.segments_per_seat
    return Fraction(min(rules.segments, replayed), rules.segments)


def compute_bought_fees(rules: Rules, share: Fraction) -> Fraction:
    """Return what colluding jurors can expect of one jury: their fees, if they are the majority."""
    chances = list_majorities(rules.jury, share)
    return rules.juror_fee * sum((count * chance for count, chance in chances), Fraction(0))


def compute_detection_chances(
    rules: Rules, forged: int, bribed: Fraction, jurors: Fraction = Fraction(0)
) -> DetectionChances:
    """Return how ``forged`` segments end if each seat is bribed with chance ``bribed``.

    Exact, except for detections, which are rounded down to 128 bits. A bribed seat attests with
    digests that it was given. An honest seat that replays a forged segment challenges it; otherwise
    the audit draws a place, and a jury replays its segment, if an honest seat can give it the key.
    If none can, the ring withholds the key, which costs it less. ``jurors`` is the share of jurors
    who find for the forger.

    Raises:
        ValueError: unless ``0 ≤ forged ≤ segments``.
    """
    by_committee = by_audit = withheld = Fraction(0)
    seats = rules.committee
    covers = count_covers(rules.segments, seats, rules.segments_per_seat)
    for (honest, replayed), ways in covers.items():
        weight = ways * bribed ** (seats - honest) * (1 - bribed) ** honest
        if not weight:
            continue
        met = compute_met(rules.segments, forged, replayed)
        by_committee += weight * met
        if forged and met < 1:
            # The forged segments that were not met are among those that no honest seat replays.
            among = Fraction(min(forged, rules.segments - replayed), rules.segments - replayed)
            drawn = Fraction(seats - honest, seats) * among
            audited = weight * (1 - met) * rules.audit * drawn
            if honest:
                by_audit += audited
            else:
                withheld += audited
    free = 1 - compute_capture(rules.jury, jurors)
    fees = (by_committee + by_audit + withheld) * compute_bought_fees(rules, jurors)
    withheld *= 1 - compute_escape(rules.jury, jurors)
    return DetectionChances(by_committee * free, by_audit * free + withheld, fees, withheld)


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
    if the audit finds the forgery, also the stake of the seat that attested it. ``side_gain`` is
    what acceptance is worth beyond the reward, in Mist. Bribed seats save their replays, but they
    would with honest work too, so that is no gain from forging.
    """
    saved = rules.work_cost * forged / rules.segments
    lost = outcomes.caught * (rules.reward + rules.stake)
    earned = outcomes.bought_fees + outcomes.passed * side_gain
    found = outcomes.by_audit - outcomes.withheld
    return saved + earned - lost - found * rules.verifier_stake


def compute_deterring_stake(rules: Rules, forged: int, outcomes: DetectionChances) -> Mist | None:
    """Return the smallest stake at which forging does not pay; None if none is large enough."""
    if not outcomes.caught:
        return None
    gain = compute_gain(rules, forged, outcomes) + outcomes.caught * rules.stake
    return Mist(max(0, (gain / outcomes.caught).__floor__() + 1))


def compute_contributor_income(rules: Rules, forged: int, outcomes: DetectionChances) -> Fraction:
    """Return the expected income in Mist of a contributor that forges ``forged`` segments."""
    honest = rules.reward - rules.work_cost
    return honest if forged == 0 else honest + compute_gain(rules, forged, outcomes)


def compute_verifier_income(rules: Rules) -> Fraction:
    """Return what a committee seat earns in Mist: the fee, less the cost of its replays."""
    replayed = min(rules.segments, rules.segments_per_seat)
    return rules.verifier_fee - rules.work_cost * replayed / rules.segments


def compute_juror_income(rules: Rules) -> Fraction:
    """Return what a juror in the majority earns in Mist: the fee, less the cost of one replay."""
    return rules.juror_fee - rules.work_cost / rules.segments


def compute_jury_rate(rules: Rules) -> Fraction:
    """Return the expected number of juries of an honest submission: that of the audit."""
    return rules.audit


def compute_accusation_gain(rules: Rules, share: Fraction) -> Fraction:
    """Return the expected Mist that an accuser and its jurors gain by a false accusation.

    ``share`` of the jurors are the accuser's. If they are the majority, it gets its part of the
    stake and they get their fees; otherwise it loses the bond.
    """
    captured = compute_capture(rules.jury, share)
    won = captured * rules.accuser_reward + compute_bought_fees(rules, share)
    return won - (1 - captured) * rules.accuser_bond


def compute_challenge_income(rules: Rules, share: Fraction) -> Fraction:
    """Return the expected Mist for challenging a forger who owns ``share`` of the jurors."""
    captured = compute_capture(rules.jury, share)
    return (1 - captured) * rules.accuser_reward - captured * rules.accuser_bond


def compute_tolerated_share(rules: Rules) -> Fraction:
    """Return the largest share of colluding seats up to which only honesty pays.

    Up to it neither forging nor false accusations pay, and challenging a forger does. Colluders
    help as seats and as jurors.
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
