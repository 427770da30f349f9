"""Accounts kept twice: what every balance must be by the events, and what it is.

Nothing here trusts the contract's own sums. Each participant's balance is recomputed, to the Mist,
from what it had, the gas of its transactions, and what the events say it paid and got.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts.objects import Terms
from walrusd.chain.values.bcs import Layout
from walrusd.core.economics import compute_required_funds
from walrusd.core.lifecycle import ChallengeKind, ChallengeOutcome

BURN = "0x" + "dead".zfill(64)


@dataclass(frozen=True)
class AuditedTransaction:
    """Who sent it, what gas it cost in Mist (negative if storage was freed), what it emitted."""

    sender: str
    gas: int
    events: tuple[Layout, ...]


@dataclass
class Account:
    """What moved into and out of one address. All in Mist."""

    gas: int = 0
    paid: int = 0
    got: int = 0

    @property
    def net(self) -> int:
        """By how much the balance must have grown."""
        return self.got - self.paid - self.gas


def compute_accounts(transactions: Iterable[AuditedTransaction], tip: int) -> dict[str, Account]:
    """Return every sender's movements; ``tip`` is the market's."""
    accounts: dict[str, Account] = {}

    def of(address: str) -> Account:
        return accounts.setdefault(address, Account())

    for transaction in transactions:
        of(transaction.sender).gas += transaction.gas
        for event in transaction.events:
            match event:
                case ev.SeatRegistered() | ev.SubmissionJoined():
                    of(transaction.sender).paid += event.stake
                case ev.ChallengeOpened() if event.bond:  # an audit has none, and no accuser
                    of(event.accuser).paid += event.bond
                case ev.TaskOpened():
                    of(event.publisher).paid += compute_funds(event, tip)
                case ev.CreditClaimed():
                    of(event.owner).got += event.amount
                case ev.SeatWithdrawn() | ev.FundsReclaimed():
                    of(transaction.sender).got += event.amount
                case _:
                    pass
    return accounts


def compute_funds(event: ev.TaskOpened, tip: int) -> int:
    """Return what a publisher deposited."""
    terms = event.terms
    return compute_required_funds(
        max_submissions=terms.max_submissions,
        reward=terms.reward,
        committee=terms.committee,
        verifier_fee=terms.verifier_fee,
        jury=terms.jury,
        juror_fee=terms.juror_fee,
        tip=tip,
        publisher_bond=terms.publisher_bond,
    )


def compute_burned(transactions: Iterable[AuditedTransaction]) -> int:
    """Return what the events say was burned: stakes, penalties, and the rest of lost bonds."""
    total = 0
    terms: dict[str, Terms] = {}
    opened: dict[str, ev.ChallengeOpened] = {}
    values: dict[bytes, list[tuple[bytes, bytes]]] = {}
    for transaction in transactions:
        for event in transaction.events:
            match event:
                case ev.SubmissionEnded():
                    total += event.burned
                case ev.SeatPenalized():
                    total += event.amount
                case ev.TaskOpened():
                    terms[event.task] = event.terms
                case ev.ChallengeOpened():
                    opened[event.submission] = event
                case ev.JurorRevealed() if event.juror != opened[event.submission].accuser:
                    said = values.setdefault(event.challenge, [])
                    said.append((event.chain, event.state_root))
                case ev.ChallengeResolved(outcome=ChallengeOutcome.REFUTED):
                    challenge = opened[event.submission]
                    if challenge.bond and challenge.kind != ChallengeKind.UNAVAILABLE:
                        said = values[event.challenge]
                        winners = max(said.count(value) for value in said)
                        total += challenge.bond - winners * terms[event.task].juror_fee
                case _:
                    pass
    return total


@dataclass(frozen=True)
class Supply:
    """The devnet's own count, in Mist."""

    minted: int
    in_coins: int
    in_objects: int
    gas_collected: int

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Supply":
        """Read the answer of ``GET /supply``."""
        names = ("minted", "in_coins", "in_objects", "gas_collected")
        return cls(*(int(value[name]) for name in names))


def find_discrepancies(
    transactions: list[AuditedTransaction],
    *,
    tip: int,
    before: Mapping[str, int],
    after: Mapping[str, int],
    burned: int,
    supply_before: Supply,
    supply_after: Supply,
) -> list[str]:
    """Return every way in which the money does not add up; an empty list means it does.

    ``before`` and ``after`` are the balances of all accounts; ``burned`` is what the burn address
    holds. Amounts in Mist; there is no tolerance.
    """
    accounts = compute_accounts(transactions, tip)
    wrong = [
        f"{address} has {after[address]}, by the events {before[address] + net}"
        for address in before
        if after[address] != before[address] + (net := accounts.get(address, Account()).net)
    ]
    if outsiders := accounts.keys() - before.keys():
        wrong.append(f"transactions of unknown senders: {sorted(outsiders)}")
    gas = sum(transaction.gas for transaction in transactions)
    if supply_after.gas_collected - supply_before.gas_collected != gas:
        wrong.append(f"gas: collected {supply_after.gas_collected}, paid {gas}")
    if compute_burned(transactions) != burned:
        wrong.append(f"burned by the events {compute_burned(transactions)}, in fact {burned}")
    held = supply_after.in_objects - supply_before.in_objects
    if sum(before.values()) != sum(after.values()) + burned + held + gas:
        wrong.append("what the accounts lost is not what was burned, bound, and paid for gas")
    for name, supply in (("before", supply_before), ("after", supply_after)):
        if supply.minted != supply.in_coins + supply.in_objects + supply.gas_collected:
            wrong.append(f"the devnet's own count {name} does not add up: {supply}")
    if supply_after.minted != supply_before.minted:
        wrong.append("coins were made")
    return wrong
