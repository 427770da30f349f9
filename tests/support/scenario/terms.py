"""The terms of a task by name, as its file has them, and the windows that they make.

Amounts are Mist, or text such as "1.5 SUI"; windows are seconds.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import (
    CostRule,
    DisputePhase,
    Scheme,
    SubmissionState,
    TaskPhase,
    WeightsRule,
)
from walrusd.devnet.contract.constants import ACCUSER_FEES, ACCUSER_SHARE
from walrusd.devnet.contract.terms import compute_case_cost, compute_silence_penalty
from walrusd.settings.amounts import parse_amount

_AMOUNTS = {
    "reward": "1 SUI",
    "verifier_fee": "0.01 SUI",
    "juror_fee": "0.005 SUI",
    "stake": "0.4 SUI",
    "lapse_penalty": "0.05 SUI",
    "late_fee": "0.04 SUI",
    "cancel_fee": "0.02 SUI",
    "verifier_stake": "1 SUI",
    "publisher_bond": "0.2 SUI",
}
_NUMBERS = {
    "max_submissions": 4,
    "k_min": 3,
    "committee": 3,
    "substitutes": 2,
    "segments_per_seat": 2,
    "segments": 6,
    "jury": 5,
    "audit_bps": 1_000,
    "state_bytes": 1_000,
    "segment_work": 1_000,
}
_WINDOWS = {
    "join": 10,
    "train": 20,
    "open": 5,
    "grace": 15,
    "verify": 30,
    "jury_commit": 6,
    "jury_reveal": 7,
}
_CHOICES: dict[str, dict[str, int]] = {
    "scheme": {"pedersen": Scheme.PEDERSEN, "paillier": Scheme.PAILLIER},
    "weights": {"equal": WeightsRule.EQUAL, "samples": WeightsRule.SAMPLES},
    "cost": {"public": CostRule.PUBLIC, "private": CostRule.PRIVATE},
}
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {**_AMOUNTS, **_NUMBERS, **_WINDOWS, **{name: next(iter(c)) for name, c in _CHOICES.items()}}
)
"""Every term with what it is if a play does not say: small amounts, windows of seconds."""

WINDOWS = (*_WINDOWS, "verdict", "life", "unbonding", "renewal", "key")
"""What ``advance_to`` takes: the task's windows and its life, those of a seat and of a request."""

PRICES: dict[str, Callable[[ob.Terms], int]] = {
    "reward": lambda terms: terms.reward,
    "stake": lambda terms: terms.stake,
    "lapse": lambda terms: terms.lapse_penalty,
    "late": lambda terms: terms.late_fee,
    "cancel": lambda terms: terms.cancel_fee,
    "accusation": lambda terms: compute_case_cost(terms) + compute_silence_penalty(terms),
    "case": compute_case_cost,
    "accuser": lambda terms: min(ACCUSER_FEES * terms.verifier_fee, terms.stake // ACCUSER_SHARE),
    "seat stake": lambda terms: terms.verifier_stake,
    "seat fee": lambda terms: terms.verifier_fee,
    "seat silence": lambda terms: 10 * terms.verifier_fee,
    "juror fee": lambda terms: terms.juror_fee,
    "juror silence": lambda terms: 10 * terms.juror_fee,
}
"""What things cost, or earn, under terms, in Mist."""

POOL_PRICES: dict[str, Callable[[ob.PoolParams], int]] = {
    "registration": lambda params: params.fee,
    "deposit": lambda params: params.stake,
}
"""What a seat costs, in Mist, whatever the terms."""


class UnknownTermError(Exception):
    """Raised when terms have no such name, in this version of the protocol."""


def make_terms(base: Mapping[str, Any] = DEFAULTS, **changes: Any) -> dict[str, Any]:
    """Return terms by name: those of ``base``, by default all, with changes.

    Raises:
        UnknownTermError: if there is no such term.
    """
    unknown = sorted({*base, *changes} - set(DEFAULTS))
    if unknown:
        raise UnknownTermError(f"no term is called {', '.join(unknown)}: {', '.join(DEFAULTS)}")
    return {**base, **changes}


def write_terms(terms: Mapping[str, Any]) -> ob.Terms:
    """Return terms as the contract takes them; what is left out has its default."""
    full = {**DEFAULTS, **terms}
    return ob.Terms(
        scheme=_choose("scheme", full),
        weights_rule=_choose("weights", full),
        cost_rule=_choose("cost", full),
        **{name: int(parse_amount(full[name])) for name in _AMOUNTS},
        **{name: full[name] for name in _NUMBERS},
        **{f"{name}_ms": round(full[name] * 1000) for name in _WINDOWS},
    )


def _choose(name: str, terms: Mapping[str, Any]) -> int:
    chosen = terms[name]
    return _CHOICES[name][chosen] if isinstance(chosen, str) else chosen


def compute_window_end(task: ob.Task, submission: ob.Submission | None, window: str) -> int:
    """Return when a window of a task, or of one of its submissions, ends, in milliseconds.

    Raises:
        LookupError: if the task or the submission is in no such window.
    """
    terms = task.terms
    if window in ("join", "train"):
        return task.phase_ms + int(getattr(terms, f"{window}_ms"))
    if window == "life":
        return task.ends_by_ms
    is_training = submission is None or submission.state == SubmissionState.JOINED
    if window == "grace" and is_training and task.phase == TaskPhase.TRAINING:
        return task.phase_ms + terms.train_ms + terms.grace_ms
    if submission is None:
        raise LookupError(f"{window} is the window of a submission")
    since, dispute = submission.window_ms, submission.dispute
    if dispute is not None and dispute.phase == DisputePhase.SUMMONED:
        since = dispute.phase_ms
    match window:
        case "open":
            return since + terms.open_ms
        case "grace":
            return since + terms.open_ms + terms.grace_ms
        case "verify":
            return since + terms.verify_ms
        case "jury_commit" if dispute is not None:
            return dispute.phase_ms + terms.jury_commit_ms
        case "jury_reveal" | "verdict" if dispute is not None:
            is_voting = dispute.phase != DisputePhase.REVEALING
            reveals = 2 if window == "verdict" else 1
            commit_ms = terms.jury_commit_ms if is_voting else 0
            return dispute.phase_ms + commit_ms + reveals * terms.jury_reveal_ms
    raise LookupError(f"no window is called {window}, or it is not open")
