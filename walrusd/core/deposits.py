"""What a publisher deposits for a task, part by part, and what a contributor owes for being late.

The formulas are those of PROTOCOL section 7.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from walrusd.core.seats.eligibility import compute_case_cost
from walrusd.units import Mist

TIPS = 6
"""The tips of one submission: ``draw_committee``, ``seat_committee``, two of ``replace``,
``draw_audit``, and ``settle``."""


@dataclass(frozen=True)
class Deposit:
    """One part of the deposit: ``each`` Mist for every one of ``places``; 0 places: once a task."""

    name: str
    places: int
    each: int
    ends: str
    """A clause that says who receives it, and when it comes back."""

    @property
    def amount(self) -> Mist:
        """The Mist of this part in all."""
        return Mist(self.each * max(1, self.places))


def list_deposits(terms: Mapping[str, int], tip: int) -> tuple[Deposit, ...]:
    """Return the parts of :func:`compute_funds`; their amounts add up to it.

    ``terms`` are the fields of the contract's ``Terms``, ``tip`` the market's, in Mist.
    """
    places, case = terms["max_submissions"], compute_case_cost(terms)
    committee = terms["committee"] * terms["verifier_fee"]
    unspent = "what no place needs comes back"
    return (
        Deposit("rewards", places, terms["reward"], f"paid for accepted work; {unspent}"),
        Deposit("verifier fees", places, committee, f"paid to seats that attest; {unspent}"),
        Deposit("juror fees", places, 2 * case, f"paid to two juries, if there are any; {unspent}"),
        Deposit("tips of a place", places, TIPS * tip, f"paid to who turns a crank; {unspent}"),
        Deposit("tips of the task", 0, 2 * tip, f"paid to who turns a crank; {unspent}"),
        Deposit(
            "bond",
            0,
            terms["publisher_bond"],
            "comes back, unless a jury finds that the plan cannot be carried out",
        ),
    )


def compute_funds(terms: Mapping[str, int], tip: int) -> Mist:
    """Return what opening a task with these terms takes, in a market with that ``tip``; in Mist."""
    escrow = compute_escrow(
        reward=terms["reward"],
        committee=terms["committee"],
        verifier_fee=terms["verifier_fee"],
        case_cost=compute_case_cost(terms),
        tip=tip,
    )
    return compute_required_funds(
        max_submissions=terms["max_submissions"],
        escrow=escrow,
        tip=tip,
        publisher_bond=terms["publisher_bond"],
    )


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
