"""Terms under which cheating pays, or honest checking does not, each with a remedy."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from walrusd.core.incentives import (
    PRIZE_FEES,
    SILENCE_FEES,
    DetectionChances,
    Rules,
    compute_accusation_gain,
    compute_bought_fees,
    compute_challenge_income,
    compute_detection_chances,
    compute_deterring_stake,
    compute_gain,
    compute_juror_income,
    compute_verifier_income,
    list_forgeries,
)
from walrusd.core.juries import compute_capture, count_drawn
from walrusd.units import format_sui

ASSUMED_SHARE = Fraction(1, 3)
"""The share of colluding seats that terms should withstand."""

_BPS = 10_000


@dataclass(frozen=True)
class Weakness:
    """One weakness of terms; setting ``term`` to ``value`` remedies it, None if nothing does."""

    rule: str
    sentence: str
    term: str
    value: int | None

    @property
    def advice(self) -> str:
        """A clause that says what to set."""
        if self.value is None:
            return f"no {self.term} alone remedies this"
        amount = str(self.value) if self.term == "audit_bps" else format_sui(self.value)
        return f"set {self.term} to at least {amount}"


def review_terms(rules: Rules) -> tuple[Weakness, ...]:
    """Return every weakness of the terms, under the assumptions of docs/economics.md."""
    found = [
        _review_forging(rules),
        _review_bribery(rules),
        _review_collusion(rules),
        _review_accusing(rules),
        _review_challenging(rules),
        _review_verifier(rules),
        _review_juror(rules),
    ]
    return tuple(each for each in found if each is not None)


def _find_worst(
    rules: Rules, meet: Callable[[int], DetectionChances]
) -> tuple[int, DetectionChances, Fraction]:
    """Return the number of forged segments that pays best, its outcomes, and its gain in Mist."""
    tried = [(k, meet(k)) for k in list_forgeries(rules)]
    gains = [(compute_gain(rules, k, outcomes), k, outcomes) for k, outcomes in tried]
    gain, forged, outcomes = max(gains, key=lambda item: item[0])
    return forged, outcomes, gain


def _find_stake(rules: Rules, meet: Callable[[int], DetectionChances]) -> int | None:
    """Return the stake in Mist that deters every forgery; None if no stake does."""
    stakes = [compute_deterring_stake(rules, k, meet(k)) for k in list_forgeries(rules)]
    known = [stake for stake in stakes if stake is not None]
    return max(known) if len(known) == len(stakes) else None


def _review_forging(rules: Rules) -> Weakness | None:
    def meet(forged: int) -> DetectionChances:
        return compute_detection_chances(rules, forged, Fraction(0))

    forged, outcomes, gain = _find_worst(rules, meet)
    if gain < 0:
        return None
    return Weakness(
        "forging",
        f"Forging {forged} of {rules.segments} segments pays: an honest committee detects it in "
        f"{float(outcomes.caught):.1%} of cases, and then {format_sui(rules.stake)} are lost.",
        "stake",
        _find_stake(rules, meet),
    )


def _review_bribery(rules: Rules) -> Weakness | None:
    def meet(forged: int) -> DetectionChances:
        return compute_detection_chances(rules, forged, Fraction(1))

    forged, outcomes, gain = _find_worst(rules, meet)
    if gain < 0:
        return None
    # A ring that holds the whole committee loses the lesser of two things besides the stake.
    seats = min(rules.verifier_stake, rules.committee * rules.silence)
    at_stake = rules.reward + rules.stake + seats
    # The audit meets k of S forged segments with p_a·k/S, which saves C·k/S: S and k drop out.
    needed = int(rules.work_cost * _BPS / at_stake) + 1 if at_stake else None
    return Weakness(
        "bribery",
        f"Forging {forged} of {rules.segments} segments pays if every seat is bribed: the audit "
        f"samples one in {float(outcomes.caught):.1%} of cases, and then {format_sui(rules.stake)} "
        f"are lost, and {format_sui(seats)} of the seats.",
        "audit_bps",
        needed if needed is not None and needed <= _BPS else None,
    )


def _review_collusion(rules: Rules) -> Weakness | None:
    def meet(forged: int) -> DetectionChances:
        return compute_detection_chances(rules, forged, ASSUMED_SHARE, ASSUMED_SHARE)

    forged, outcomes, gain = _find_worst(rules, meet)
    if gain < 0:
        return None
    return Weakness(
        "collusion",
        f"Forging {forged} of {rules.segments} segments pays if a third of all seats collude: it "
        f"is punished in {float(outcomes.caught):.1%} of cases.",
        "stake",
        _find_stake(rules, meet),
    )


def _review_accusing(rules: Rules) -> Weakness | None:
    if compute_accusation_gain(rules, ASSUMED_SHARE) < 0:
        return None
    captured = compute_capture(rules.jury, ASSUMED_SHARE)
    # Both sides are linear in the juror fee, whatever the other terms: what remains without it.
    earned = compute_bought_fees(rules, ASSUMED_SHARE) / rules.juror_fee
    lost = (1 - captured) * count_drawn(rules.jury) - earned
    without_fee = captured * rules.prize - (1 - captured) * rules.silence
    return Weakness(
        "accusing",
        f"Accusing honest contributors pays if a third of all seats collude: "
        f"they have the majority in {float(captured):.1%} of juries.",
        "juror_fee",
        int(without_fee / lost) + 1 if lost > 0 else None,
    )


def _review_challenging(rules: Rules) -> Weakness | None:
    if compute_challenge_income(rules, ASSUMED_SHARE) > 0:
        return None
    captured = compute_capture(rules.jury, ASSUMED_SHARE)
    sentence = (
        f"Accusing a forger does not pay for an honest seat if a third of all seats collude: it "
        f"risks {format_sui(rules.accusation)} for {format_sui(rules.prize)}."
    )
    if rules.prize < PRIZE_FEES * rules.verifier_fee:
        # A fifth of the stake bounds the prize.
        needed = 5 * captured * rules.accusation / (1 - captured) if captured < 1 else None
        return Weakness(
            "challenging", sentence, "stake", None if needed is None else int(needed) + 5
        )
    a_fee = (1 - captured) * PRIZE_FEES - captured * SILENCE_FEES
    needed = captured * rules.case_cost / a_fee if a_fee > 0 else None
    value = None if needed is None else int(needed) + 1
    return Weakness("challenging", sentence, "verifier_fee", value)


def _review_verifier(rules: Rules) -> Weakness | None:
    if compute_verifier_income(rules) >= 0:
        return None
    cost = rules.verifier_fee - compute_verifier_income(rules)
    return Weakness(
        "verifier_fee",
        f"A seat replays {rules.segments_per_seat} of {rules.segments} segments, which costs about "
        f"{format_sui(_ceil(cost))}, and earns {format_sui(rules.verifier_fee)}: honest verifiers "
        "will not take part.",
        "verifier_fee",
        _ceil(cost),
    )


def _review_juror(rules: Rules) -> Weakness | None:
    if compute_juror_income(rules) >= 0:
        return None
    cost = rules.juror_fee - compute_juror_income(rules)
    return Weakness(
        "juror_fee",
        f"A juror replays a segment, which costs about {format_sui(_ceil(cost))}, and earns "
        f"{format_sui(rules.juror_fee)}: jurors will not replay.",
        "juror_fee",
        _ceil(cost),
    )


def _ceil(amount: Fraction) -> int:
    return -int(-amount // 1)
