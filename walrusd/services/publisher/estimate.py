"""What terms mean for every party's money, as ``task estimate`` and ``task publish`` show it."""

from fractions import Fraction
from typing import Any

from walrusd.chain.layouts.objects import Terms
from walrusd.core.incentives import (
    Rules,
    compute_accusation_gain,
    compute_challenge_income,
    compute_contributor_income,
    compute_coverage,
    compute_detection_chances,
    compute_deterring_stake,
    compute_juror_income,
    compute_jury_rate,
    compute_tolerated_share,
    compute_verifier_income,
    list_forgeries,
)
from walrusd.core.juries import SeatPool
from walrusd.core.rings import Drawn, compute_ring_chances
from walrusd.core.terms_review import ASSUMED_SHARE, Weakness, review_terms
from walrusd.errors import NotAllowed

RINGS = (Fraction(1, 10), Fraction(1, 5), Fraction(1, 3))
"""The shares of a pool's seats that rings are shown for."""


def make_rules(terms: Terms) -> Rules:
    """Return the economic rules of a task."""
    return Rules(
        segments=terms.segments,
        committee=terms.committee,
        substitutes=terms.substitutes,
        segments_per_seat=terms.segments_per_seat,
        jury=terms.jury,
        audit_bps=terms.audit_bps,
        reward=terms.reward,
        stake=terms.stake,
        verifier_fee=terms.verifier_fee,
        juror_fee=terms.juror_fee,
        verifier_stake=terms.verifier_stake,
    )


def show_economics(rules: Rules) -> dict[str, Any]:
    """Return coverage, expected incomes, the risks of forging, and weaknesses."""
    return {
        "coverage": float(compute_coverage(rules)),
        "work_cost_mist": _round(rules.work_cost),
        "contributor_income_mist": _round(
            compute_contributor_income(rules, 0, compute_detection_chances(rules, 0, Fraction(0)))
        ),
        "verifier_income_mist": _round(compute_verifier_income(rules)),
        "juror_income_mist": _round(compute_juror_income(rules)),
        "juries_per_submission": float(compute_jury_rate(rules)),
        "false_accusation_mist": _round(compute_accusation_gain(rules, ASSUMED_SHARE)),
        "challenge_income_mist": _round(compute_challenge_income(rules, ASSUMED_SHARE)),
        "tolerated_share": float(compute_tolerated_share(rules)),
        "deterrence": [_show_forgery(rules, forged) for forged in list_forgeries(rules)],
        "warnings": show_warnings(review_terms(rules)),
    }


def _show_forgery(rules: Rules, forged: int) -> dict[str, Any]:
    honest = compute_detection_chances(rules, forged, Fraction(0))
    bribed = compute_detection_chances(rules, forged, Fraction(1))
    return {
        "forged_segments": forged,
        "detection": float(honest.caught),
        "audit_detection": float(bribed.caught),
        "income_mist": _round(compute_contributor_income(rules, forged, honest)),
        "bribed_income_mist": _round(compute_contributor_income(rules, forged, bribed)),
        "break_even_stake_mist": compute_deterring_stake(rules, forged, honest),
        "bribed_break_even_stake_mist": compute_deterring_stake(rules, forged, bribed),
    }


def show_rings(rules: Rules, seats: int) -> list[dict[str, Any]]:
    """Return what rings among ``seats`` that fit can do to one submission, as chances.

    The list is empty if so few seats cannot serve a submission and a jury.
    """
    drawn = Drawn(rules.committee, rules.substitutes, rules.jury, rules.audit)
    if seats < drawn.seats + drawn.jury:
        return []
    return [_show_ring(drawn, seats, round(seats * share)) for share in RINGS]


def _show_ring(drawn: Drawn, seats: int, ring: int) -> dict[str, Any]:
    chances = compute_ring_chances(drawn, SeatPool(seats, ring))
    return {
        "seats": seats,
        "ring": ring,
        "convicts_honest": float(chances.convicts_honest),
        "stops_honest": float(chances.stops_honest),
        "passes_forged": float(chances.passes_forged),
        "stops_forged": float(chances.stops_forged),
    }


def show_warnings(found: tuple[Weakness, ...]) -> list[dict[str, Any]]:
    """Return weaknesses as the control interface shows them."""
    return [
        {
            "rule": each.rule,
            "sentence": each.sentence,
            "term": each.term,
            "value": each.value,
            "advice": each.advice,
        }
        for each in found
    ]


def check_terms(found: tuple[Weakness, ...], *, refuse: bool) -> None:
    """Refuse weak terms if the owner's policy says so.

    Raises:
        NotAllowed: naming every weakness and its remedy.
    """
    if refuse and found:
        raise NotAllowed(
            "the policy refuses weak terms: " + " ".join(each.sentence for each in found),
            hint="; ".join(each.advice for each in found) + "; or policy.refuse_weak_terms = false",
            warnings=show_warnings(found),
        )


def _round(amount: Fraction) -> int:
    """Return whole Mist, rounded down: an income is not overstated."""
    return amount.__floor__()
