"""What a publisher deposits for a task, part by part, and what becomes of each part."""

from collections.abc import Mapping
from dataclasses import dataclass

from walrusd.core.economics import compute_escrow, compute_required_funds
from walrusd.core.seats.eligibility import compute_case_cost
from walrusd.units import Mist


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
        Deposit("tips of a place", places, 6 * tip, f"paid to who turns a crank; {unspent}"),
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
