"""Accounts kept twice: what every balance must be by the events, and what it is.

Nothing here trusts the contract's own sums. Each participant's balance is recomputed, to the Mist,
from what it had, the gas of its transactions, and what the events say it paid and got.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from walrusd.chain.layouts import events as ev
from walrusd.chain.layouts.objects import PoolParams, Terms
from walrusd.chain.values.bcs import Layout
from walrusd.core.deposits import compute_funds
from walrusd.core.lifecycle import CaseOutcome

BURN = "0x" + "dead".zfill(64)


@dataclass(frozen=True)
class Rules:
    """What market and pool fix: the tip in Mist, and what a seat takes."""

    tip: int
    pool: PoolParams


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


def compute_accounts(
    transactions: Iterable[AuditedTransaction], rules: Rules
) -> dict[str, Account]:
    """Return every sender's movements under the rules of market and pool."""
    accounts: dict[str, Account] = {}

    def of(address: str) -> Account:
        return accounts.setdefault(address, Account())

    for transaction in transactions:
        of(transaction.sender).gas += transaction.gas
        for event in transaction.events:
            match event:
                case ev.SeatRegistered():
                    of(transaction.sender).paid += rules.pool.stake + rules.pool.fee
                case ev.SeatRenewed():
                    of(transaction.sender).paid += rules.pool.fee
                case ev.SeatToppedUp():
                    of(transaction.sender).paid += event.amount
                case ev.SubmissionJoined():
                    of(transaction.sender).paid += event.stake
                case ev.CaseOpened() if event.bond:  # seats accuse with their stake
                    of(event.accuser).paid += event.bond
                case ev.TaskOpened():
                    funds = compute_funds(vars(event.terms), rules.tip)
                    of(event.publisher).paid += funds
                case ev.CreditClaimed():
                    of(event.owner).got += event.amount
                case ev.SeatWithdrawn():  # whoever asked for it
                    of(event.verifier).got += event.amount
                case ev.FundsReclaimed():
                    of(transaction.sender).got += event.amount
                case _:
                    pass
    return accounts


def compute_burned(transactions: Iterable[AuditedTransaction], rules: Rules) -> int:
    """Return what the events say was burned: fees of seats, stakes, penalties, lost bonds."""
    book = BurnBook(rules)
    for transaction in transactions:
        book.enter(transaction.events)
    return book.total


class BurnBook:
    """Adds up what was burned, transaction by transaction. Amounts in Mist."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._terms: dict[str, Terms] = {}
        self._cases: dict[str, ev.CaseOpened] = {}
        self._values: dict[bytes, list[bytes]] = {}
        self._owed: tuple[str, int] | None = None
        """An accusing seat that was refuted: what it loses next goes to the jury up to a sum."""
        self.total = 0

    def enter(self, events: Iterable[Layout]) -> None:
        """Take in the events of one transaction, in their order."""
        self._owed = None
        for event in events:
            self._enter_one(event)

    def _enter_one(self, event: Layout) -> None:
        match event:
            case ev.SeatRegistered() | ev.SeatRenewed():
                self.total += self._rules.pool.fee
            case ev.SubmissionEnded():
                self.total += event.burned
            case ev.SeatPenalized():
                self.total += event.amount - self._take_owed(event)
            case ev.TaskOpened():
                self._terms[event.task] = event.terms
            case ev.CaseOpened():
                self._cases[event.submission] = event
            case ev.JurorRevealed():
                self._values.setdefault(event.challenge, []).append(event.value)
            case ev.CaseResolved(outcome=CaseOutcome.REFUTED):
                self._refute(event)
            case _:
                pass

    def _refute(self, event: ev.CaseResolved) -> None:
        case = self._cases[event.submission]
        jury = self._values[event.challenge].count(event.value)
        fees = jury * self._terms[event.task].juror_fee
        if case.bond:
            self.total += case.bond - min(case.bond, fees)
        elif int(case.accuser, 16):
            self._owed = case.accuser, fees

    def _take_owed(self, event: ev.SeatPenalized) -> int:
        """Return how much of a penalty goes to jurors."""
        if self._owed is None:
            return 0
        (accuser, fees), self._owed = self._owed, None
        return min(event.amount, fees) if event.verifier == accuser else 0


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
    rules: Rules,
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
    accounts = compute_accounts(transactions, rules)
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
    if (told := compute_burned(transactions, rules)) != burned:
        wrong.append(f"burned by the events {told}, in fact {burned}")
    held = supply_after.in_objects - supply_before.in_objects
    if sum(before.values()) != sum(after.values()) + burned + held + gas:
        wrong.append("what the accounts lost is not what was burned, bound, and paid for gas")
    for name, supply in (("before", supply_before), ("after", supply_after)):
        if supply.minted != supply.in_coins + supply.in_objects + supply.gas_collected:
            wrong.append(f"the devnet's own count {name} does not add up: {supply}")
    if supply_after.minted != supply_before.minted:
        wrong.append("coins were made")
    return wrong
