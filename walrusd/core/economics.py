"""What a task pays, what a cheat risks (PROTOCOL section 7). Amounts in Mist, exact integers."""

from fractions import Fraction
from math import comb

from walrusd.units import Mist


def compute_required_funds(
    *,
    max_submissions: int,
    reward: int,
    committee: int,
    verifier_fee: int,
    tip: int,
    publisher_bond: int,
) -> Mist:
    """Return what a publisher deposits at opening: the contract demands exactly this."""
    per_submission = reward + committee * verifier_fee + 2 * tip
    return Mist(max_submissions * per_submission + 2 * tip + publisher_bond)


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
