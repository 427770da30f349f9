"""What a publisher deposits and what a contributor owes for being late (PROTOCOL section 7)."""

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
