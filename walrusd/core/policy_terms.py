"""Whether a task's terms are bearable: what lateness, absence and a slow machine may cost.

The rules of ``policy`` about whom to work for and for how much come first; these are about what the
contract may take from the stake of somebody who works honestly.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from walrusd.core.policy import RuleVerdict
from walrusd.durations import format_duration
from walrusd.units import format_sui

WHOLE_BPS = 10_000
TRAIN_PARTS = 2
"""Training must take at most one part in so many of its window: machines have other work too."""

_RATE_UNKNOWN = "How long training takes is measured before staking."


@dataclass(frozen=True)
class TermLimits:
    """What the owner bears. Shares of the stake in basis points, durations in milliseconds."""

    max_late_fee_bps: int = 1_000
    max_lapse_penalty_bps: int = 1_000
    min_grace_ms: int = 6 * 3_600_000
    min_substitutes: int = 1
    min_jury: int = 3


def judge_terms(limits: TermLimits, terms: Mapping[str, int]) -> tuple[RuleVerdict, ...]:
    """Return the verdicts on a task's terms, the fields of the contract's ``Terms`` by name."""
    grace = format_duration(terms["grace_ms"])
    return (
        _judge_share("late_fee", "late fee", limits.max_late_fee_bps, terms),
        _judge_share(
            "lapse_penalty", "penalty for not committing", limits.max_lapse_penalty_bps, terms
        ),
        _judge_least(
            "grace",
            terms["grace_ms"] >= limits.min_grace_ms,
            f"The grace of {grace}",
            format_duration(limits.min_grace_ms),
        ),
        _judge_least(
            "substitutes",
            terms["substitutes"] >= limits.min_substitutes,
            f"The number of substitutes, {terms['substitutes']},",
            str(limits.min_substitutes),
        ),
        _judge_least(
            "jury",
            terms["jury"] >= limits.min_jury,
            f"The size of a jury, {terms['jury']},",
            str(limits.min_jury),
        ),
    )


def judge_training(terms: Mapping[str, int], rate: int | None) -> RuleVerdict:
    """Return whether training ends in time at ``rate``, segment work a second.

    Late, it would cost a late fee, and then the penalty for not committing. None: not measured yet.
    """
    if rate is None:
        return RuleVerdict("train", ok=True, sentence=_RATE_UNKNOWN)
    work_ms = -(-1_000 * terms["segments"] * terms["segment_work"] // rate)
    takes = (
        f"Training takes about {format_duration(_round_up(work_ms))} at the rate of this machine"
    )
    window = format_duration(terms["train_ms"])
    if TRAIN_PARTS * work_ms <= terms["train_ms"]:
        return RuleVerdict("train", ok=True, sentence=f"{takes}; the task gives {window}.")
    return RuleVerdict(
        "train", ok=False, sentence=f"{takes}; of the task's {window} only half is counted on."
    )


def judge_seats(refusal: str) -> RuleVerdict:
    """Return the verdict on a task's pool, by why it cannot seat the task, if it cannot."""
    if refusal:
        return RuleVerdict("seats", ok=False, sentence=f"The pool cannot seat the task: {refusal}.")
    return RuleVerdict("seats", ok=True, sentence="The pool has seats enough for the task.")


def _judge_share(rule: str, name: str, limit_bps: int, terms: Mapping[str, int]) -> RuleVerdict:
    amount, stake = terms[rule], terms["stake"]
    said = f"The {name} of {format_sui(amount)}"
    limit = format_sui(stake * limit_bps // WHOLE_BPS)
    if amount * WHOLE_BPS <= stake * limit_bps:
        return RuleVerdict(rule, ok=True, sentence=f"{said} is bearable.")
    return RuleVerdict(
        rule, ok=False, sentence=f"{said} exceeds {limit}, the share of the stake that we risk."
    )


def _judge_least(rule: str, ok: bool, said: str, least: str) -> RuleVerdict:
    if ok:
        return RuleVerdict(rule, ok=True, sentence=f"{said} is enough.")
    return RuleVerdict(rule, ok=False, sentence=f"{said} is below our minimum of {least}.")


def _round_up(work_ms: int) -> int:
    """Return a duration in whole seconds: an estimate has no finer part."""
    return -(-work_ms // 1_000) * 1_000
