"""What publishing a task would lock, cost and take, told before anything is stored or sent."""

from dataclasses import dataclass
from typing import Any

from walrusd.chain.layouts import objects as ob
from walrusd.core.deposits import list_deposits
from walrusd.core.seats.eligibility import Capacity, judge_capacity
from walrusd.core.task_life import STAGES, compute_longest_life
from walrusd.core.terms_review import Weakness
from walrusd.core.terms_rules import MarketLimits, list_broken_rules
from walrusd.errors import InsufficientBalance, PoolUnfit, TermsRefused
from walrusd.services.publisher.estimate import show_warnings
from walrusd.units import Mist, format_sui

OWN_TRANSACTIONS = 3
"""Those that a publisher cannot do without: to open, to record the aggregate, to reclaim."""


@dataclass(frozen=True)
class Bill:
    """What a publisher's address holds and needs, in Mist.

    ``gas_budget`` is the most that one transaction may pay. Storage is not among it: a Walrus
    publisher pays for what it stores, in WAL.
    """

    funds: Mist
    bond: Mist
    gas_budget: Mist
    balance: Mist

    @property
    def needed(self) -> Mist:
        """What the balance must cover before the first upload: the deposit and gas to send it."""
        return Mist(self.funds + self.gas_budget)

    @property
    def missing(self) -> Mist:
        """What the balance lacks."""
        return Mist(max(0, self.needed - self.balance))

    def check(self, address: str) -> None:
        """Check that the balance suffices.

        Raises:
            InsufficientBalance: with what is held, needed and missing.
        """
        if self.missing:
            raise InsufficientBalance(
                f"opening this task takes {format_sui(self.funds)} and up to "
                f"{format_sui(self.gas_budget)} of gas, {address} has {format_sui(self.balance)}",
                hint=f"send {format_sui(self.missing)} to {address}, or lower max_submissions, "
                "reward or fees; nothing was stored",
                address=address,
                available=self.balance,
                needed=self.needed,
            )


def check_rules(terms: ob.Terms, market: ob.Market, pool: ob.VerifierPool) -> None:
    """Check that the contract takes the terms for tasks of a pool, with its own rules.

    Raises:
        TermsRefused: naming every term that is outside its limits, its value and the limit.
    """
    params = market.params
    limits = MarketLimits(
        tip=params.tip,
        min_window_ms=params.min_window_ms,
        max_window_ms=params.max_window_ms,
        min_grace_ms=params.min_grace_ms,
        max_life_ms=params.max_life_ms,
        share=pool.params.stake // pool.params.duties,
    )
    broken = list_broken_rules(vars(terms), limits)
    if broken:
        raise TermsRefused(
            "; ".join(each.sentence for each in broken),
            violations=[each.to_json() for each in broken],
        )


def check_capacity(terms: ob.Terms, pool: ob.VerifierPool, now_ms: int) -> Capacity:
    """Check that enough seats of a pool can serve a task; return the count.

    Raises:
        PoolUnfit: with the count of the seats that can, and what most of the others lack.
    """
    capacity = judge_capacity(pool.seats, pool.params, vars(terms), now_ms)
    if capacity.refusal:
        raise PoolUnfit(
            capacity.refusal,
            hint=f"{capacity.advice}; nothing was stored",
            pool=pool.id,
            **show_capacity(capacity),
        )
    return capacity


def show_capacity(capacity: Capacity) -> dict[str, Any]:
    """Return how many seats of the pool can serve a task, as the control interface shows it."""
    census = capacity.census
    return {
        "seats_live": census.live,
        "seats_fit": census.fit,
        "seats_eligible": census.eligible,
        "seats_needed": capacity.least_fit,
        "duties_needed": capacity.needed_duties,
    }


def show_durations(terms: ob.Terms) -> dict[str, Any]:
    """Return how long each stage takes at most, and all of them."""
    given = vars(terms)
    return {
        "longest_life_duration_ms": compute_longest_life(given),
        "durations": [
            {"stage": each.name, "duration_ms": each.compute_duration(given), "when": each.when}
            for each in STAGES
        ],
    }


def show_preview(
    terms: ob.Terms, tip: int, bill: Bill, weak: tuple[Weakness, ...]
) -> dict[str, Any]:
    """Return what would be locked, spent and lost at most, and how long the task may take."""
    gas = OWN_TRANSACTIONS * bill.gas_budget
    return {
        "locked_mist": bill.funds,
        "bond_mist": bill.bond,
        "storage_mist": 0,
        "storage_paid_by": "the Walrus publisher that stores it, in WAL",
        "gas_most_mist": gas,
        "spent_most_mist": bill.funds - bill.bond + gas,
        "lost_most_mist": bill.funds + gas,
        "balance_mist": bill.balance,
        "missing_mist": bill.missing,
        **show_durations(terms),
        "deposits": [
            {
                "deposit": each.name,
                "places": each.places or None,
                "place_mist": each.each if each.places else None,
                "amount_mist": each.amount,
                "ends": each.ends,
            }
            for each in list_deposits(vars(terms), tip)
        ],
        "warnings": show_warnings(weak),
    }
