"""Which terms the contract takes: one table of rules, each with the limit that a term must keep.

The contract refuses terms with one abort code for many rules, after everything was stored. Here
every rule that terms break is found first, with the term, its value and the limit. A new term or
rule is a line of ``RULES``, in the order in which the contract checks them; a test compares the
table with the contract's executable specification on random terms.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from walrusd.core.deposits import compute_funds
from walrusd.core.lifecycle import CostRule, Scheme, WeightsRule
from walrusd.core.seats.eligibility import compute_case_cost, compute_seat_loss
from walrusd.core.task_life import compute_longest_life
from walrusd.durations import format_duration
from walrusd.units import format_sui

BPS = 10_000
MAX_AMOUNT = 10**16
MAX_SUBMISSIONS = 64
K_MIN_LEAST = 3
MAX_COMMITTEE = 16
MAX_SEGMENTS = 1 << 20
MAX_PER_SEAT = 64
MAX_JURY = 15
MAX_SUBSTITUTES = 16
LATE_PARTS = 4
"""A lapse and one late fee take at most one part in so many of the stake."""
ACCUSER_FEES = 5
"""How many verifier fees a conviction pays the accuser."""
MAX_U64 = (1 << 64) - 1

Terms = Mapping[str, int]
"""The fields of the contract's ``Terms``. Amounts in Mist, windows in milliseconds."""


@dataclass(frozen=True)
class MarketLimits:
    """What market and pool add to the limits of terms: amounts in Mist, times in milliseconds.

    ``share`` is the part of a seat's stake that backs one duty.
    """

    tip: int
    min_window_ms: int
    max_window_ms: int
    min_grace_ms: int
    max_life_ms: int
    share: int


Limit = int | Callable[[Terms, MarketLimits], int]
"""A limit, or how it follows from the other terms and the market."""


class TermKind(Enum):
    """How a term is printed."""

    AMOUNT = "amount"
    NUMBER = "number"
    WINDOW = "window"


@dataclass(frozen=True)
class TermRule:
    """One rule: ``term`` is from ``least`` to ``most``, both included, and odd if ``odd``.

    ``abort`` is the contract's name of the refusal, ``reason`` a clause that says why.
    """

    abort: str
    term: str
    kind: TermKind
    least: Limit
    most: Limit
    reason: str = ""
    odd: bool = False


@dataclass(frozen=True)
class BrokenRule:
    """A rule that terms break: the term as task files name it, its value, and the limits."""

    rule: TermRule
    value: int
    least: int
    most: int

    @property
    def name(self) -> str:
        """The term as a task file names it."""
        term = self.rule.term
        return _FILE_NAMES.get(term, term.removesuffix("_ms"))

    @property
    def subject(self) -> str:
        """The term, and where it stands."""
        where = "the plan's " if self.rule.term in _OF_THE_PLAN else "terms."
        return where + self.name

    @property
    def limit(self) -> str:
        """The limit that is not kept, in the term's unit."""
        least, most = self._show(self.least), self._show(self.most)
        odd = "odd and " if self.rule.odd else ""
        if self.least > self.most:
            return f"at least {least}, and at most {most}, which no {self.name} is"
        if self.rule.odd or (self.rule.kind is not TermKind.AMOUNT and self.most < MAX_U64):
            return f"{odd}from {least} to {most}"
        return f"at least {least}" if self.value < self.least else f"at most {most}"

    @property
    def sentence(self) -> str:
        """Term, value and limit, and why."""
        why = f": {self.rule.reason}" if self.rule.reason else ""
        return f"{self.subject} is {self._show(self.value)} and must be {self.limit}{why}"

    def to_json(self) -> dict[str, Any]:
        """Return the broken rule as the control interface shows it, in the contract's units."""
        return {
            "term": self.name,
            "value": self.value,
            "least": self.least,
            "most": self.most,
            "abort": self.rule.abort,
            "sentence": self.sentence,
        }

    def _show(self, value: int) -> str:
        if self.rule.kind is TermKind.AMOUNT:
            return format_sui(value)
        return format_duration(value) if self.rule.kind is TermKind.WINDOW else str(value)


def list_broken_rules(terms: Terms, market: MarketLimits) -> tuple[BrokenRule, ...]:
    """Return every rule that ``terms`` break; the contract refuses them for the first one's."""
    found = []
    for rule in RULES:
        value = terms[rule.term]
        least, most = (
            limit if isinstance(limit, int) else limit(terms, market)
            for limit in (rule.least, rule.most)
        )
        if not least <= value <= most or (rule.odd and value % 2 == 0):
            found.append(BrokenRule(rule, value, least, most))
    return tuple(found)


_FILE_NAMES = {"weights_rule": "weights", "cost_rule": "cost"}
_OF_THE_PLAN = {"segments", "state_bytes", "segment_work"}


def _compute_checking_cost(terms: Terms, _market: MarketLimits) -> int:
    """Return the stake whose half pays committee, two cases and an accuser."""
    committee = (terms["committee"] + ACCUSER_FEES) * terms["verifier_fee"]
    return 2 * (committee + 2 * compute_case_cost(terms))


def _compute_quarter(terms: Terms, _market: MarketLimits) -> int:
    return terms["stake"] // LATE_PARTS


def _compute_largest_penalty(terms: Terms, market: MarketLimits) -> int:
    """Return the largest ``verifier_stake`` whose duty a seat's share still backs."""
    return market.share - compute_seat_loss({**terms, "verifier_stake": 0})


def _compute_longest_grace(terms: Terms, market: MarketLimits) -> int:
    """Return the longest grace with which the task ends within the market's longest life."""
    fixed = compute_longest_life({**terms, "grace_ms": 0})
    each = compute_longest_life({**terms, "grace_ms": 1}) - fixed
    return min(market.max_window_ms, max(0, market.max_life_ms - fixed) // each)


def _compute_audited_stake(terms: Terms, _market: MarketLimits) -> int:
    """``audit · stake / segments per seat`` is more than the fee; without audits nothing is."""
    gained = terms["verifier_fee"] * BPS * terms["segments_per_seat"]
    return gained // terms["audit_bps"] + 1 if terms["audit_bps"] else 0


def _compute_most_places(terms: Terms, market: MarketLimits) -> int:
    """Return how many places can be funded with a sum that fits into 64 bits."""
    fixed = compute_funds({**terms, "max_submissions": 0}, market.tip)
    each = compute_funds({**terms, "max_submissions": 1}, market.tip) - fixed
    return (MAX_U64 - fixed) // each if each else MAX_U64


def _choice(term: str, values: type[Scheme | WeightsRule | CostRule]) -> TermRule:
    # Each of these has consecutive numbers.
    numbers = [int(each) for each in values]
    return TermRule("EBadScheme", term, TermKind.NUMBER, min(numbers), max(numbers))


def _amount(term: str, least: Limit = 0, most: Limit = MAX_AMOUNT, reason: str = "") -> TermRule:
    return TermRule("EBadAmount", term, TermKind.AMOUNT, least, most, reason)


def _number(term: str, least: Limit, most: Limit, reason: str = "") -> TermRule:
    return TermRule("EBadCommittee", term, TermKind.NUMBER, least, most, reason)


def _window(term: str) -> TermRule:
    return TermRule(
        "EBadWindow",
        term,
        TermKind.WINDOW,
        lambda _terms, market: market.min_window_ms,
        lambda _terms, market: market.max_window_ms,
        "the market's limits of a window",
    )


RULES: tuple[TermRule, ...] = (
    _choice("scheme", Scheme),
    _choice("weights_rule", WeightsRule),
    _choice("cost_rule", CostRule),
    _amount("reward", least=1),
    _amount("verifier_fee", least=1),
    _amount("juror_fee", least=1),
    _amount("stake", least=1),
    _amount("verifier_stake"),
    _amount("publisher_bond"),
    _amount("lapse_penalty", most=_compute_quarter, reason="it is at most a quarter of stake"),
    _amount("late_fee", most=_compute_quarter, reason="it is at most a quarter of stake"),
    _amount(
        "cancel_fee",
        most=lambda terms, _market: terms["reward"],
        reason="it is paid from the reward set aside",
    ),
    _number("max_submissions", 1, MAX_SUBMISSIONS),
    _number("k_min", K_MIN_LEAST, MAX_U64),
    _number("committee", 1, MAX_COMMITTEE),
    _number("substitutes", 1, MAX_SUBSTITUTES),
    _number("segments", 1, MAX_SEGMENTS),
    _number(
        "segments_per_seat",
        1,
        lambda terms, _market: min(MAX_PER_SEAT, terms["segments"]),
        "a seat replays no segment twice",
    ),
    TermRule(
        "EBadCommittee", "jury", TermKind.NUMBER, 1, MAX_JURY, "a jury has a majority", odd=True
    ),
    _number("audit_bps", 0, BPS),
    _number("state_bytes", 1, MAX_U64),
    _number("segment_work", 1, MAX_U64),
    _window("join_ms"),
    _window("train_ms"),
    _window("open_ms"),
    _window("grace_ms"),
    _window("verify_ms"),
    _window("jury_commit_ms"),
    _window("jury_reveal_ms"),
    TermRule(
        "EBadWindow",
        "grace_ms",
        TermKind.WINDOW,
        lambda _terms, market: market.min_grace_ms,
        _compute_longest_grace,
        "the market protects who is away so long, and ends every task in its longest life",
    ),
    TermRule(
        "EStakeBelowJuryCost",
        "stake",
        TermKind.AMOUNT,
        _compute_checking_cost,
        MAX_AMOUNT,
        "half of a stake that is lost pays the committee, two cases and an accuser; late fees take "
        "the other half at most",
    ),
    TermRule(
        "EAuditTooWeak",
        "audit_bps",
        TermKind.NUMBER,
        1,
        BPS,
        "without audits a seat that replays nothing risks nothing",
    ),
    TermRule(
        "EAuditTooWeak",
        "verifier_stake",
        TermKind.AMOUNT,
        _compute_audited_stake,
        MAX_AMOUNT,
        "else a seat that replays nothing keeps more in fees than audits cost it (verifier_fee ·"
        " segments_per_seat · 10,000 / audit_bps)",
    ),
    TermRule(
        "ELossAboveShare",
        "verifier_stake",
        TermKind.AMOUNT,
        0,
        _compute_largest_penalty,
        "with a seat's silences and a case that it loses it is within the share of the pool's "
        "stake that backs one duty",
    ),
    TermRule(
        "EBadAmount",
        "max_submissions",
        TermKind.NUMBER,
        0,
        _compute_most_places,
        "the funds of all places are at most 2^64 - 1 Mist",
    ),
)
"""Every rule, in the order in which the contract checks them."""
