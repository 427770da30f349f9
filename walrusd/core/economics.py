"""What a publisher deposits and what a contributor owes for being late (PROTOCOL section 7)."""

from walrusd.units import Mist

TIPS = 6
"""The tips of one submission: ``draw_committee``, ``seat_committee``, two of ``replace``,
``draw_audit``, and ``settle``."""


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
