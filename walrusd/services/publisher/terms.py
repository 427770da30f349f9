"""A task's terms from what a publisher wrote: names, amounts, durations, and defaults."""

from typing import Any, TypeVar

from walrusd.chain.layouts.objects import Terms
from walrusd.core.lifecycle import CostRule, Scheme, WeightsRule
from walrusd.durations import EXAMPLES, parse_duration
from walrusd.errors import BadRequest, ConfigError
from walrusd.settings.amounts import parse_amount
from walrusd.training.plan.plan import Plan

_HOUR = 3_600_000
_AMOUNTS = {
    "reward": "0.5 SUI",
    "verifier_fee": "0.025 SUI",
    "juror_fee": "0.015 SUI",
    "stake": "2 SUI",
    "lapse_penalty": "0.2 SUI",
    "late_fee": "0.1 SUI",
    "cancel_fee": "0.05 SUI",
    "verifier_stake": "0.8 SUI",
    "publisher_bond": "1 SUI",
}
_NUMBERS = {
    "max_submissions": 8,
    "k_min": 3,
    "committee": 3,
    "substitutes": 2,
    "segments_per_seat": 2,
    "jury": 5,
    "audit_bps": 3000,
}
_WINDOWS = {
    "join": _HOUR,
    "train": 24 * _HOUR,
    "open": 2 * _HOUR,
    "grace": 6 * _HOUR,
    "verify": 12 * _HOUR,
    "jury_commit": 3 * _HOUR,
    "jury_reveal": _HOUR,
}
_SCHEMES = {"pedersen": Scheme.PEDERSEN, "paillier": Scheme.PAILLIER}
_RULES = {"equal": WeightsRule.EQUAL, "samples": WeightsRule.SAMPLES}
_COSTS = {"private": CostRule.PRIVATE, "public": CostRule.PUBLIC}
_Named = TypeVar("_Named", Scheme, WeightsRule, CostRule)


def read_terms(document: Any, plan: Plan) -> Terms:
    """Return the terms of a task for ``plan``.

    ``document`` may set any amount ("1.5 SUI" or Mist), number, and window ("1h30m" or seconds);
    the rest has defaults. State size, work and segments follow from the plan.

    Raises:
        BadRequest: naming the key that is unknown or wrong, or if a segment is more work than the
            contract can count.
    """
    work = plan.segment_work()
    if work >= 1 << 64:
        raise BadRequest(
            f"a segment of this plan takes {work} multiply-adds, the limit is {2**64 - 1}",
            hint="use more segments, with fewer steps in each",
        )
    given = {} if document is None else document
    if not isinstance(given, dict):
        raise BadRequest("terms must be an object")
    known = {*_AMOUNTS, *_NUMBERS, *_WINDOWS, "weights", "scheme", "cost"}
    unknown = sorted(set(given) - known)
    if unknown:
        raise BadRequest(
            f"terms has no {', '.join(unknown)}", hint=f"known are {', '.join(sorted(known))}"
        )
    windows = {f"{name}_ms": _read_window(given, name) for name in _WINDOWS}
    return Terms(
        scheme=_read_choice(given, "scheme", _SCHEMES),
        weights_rule=_read_choice(given, "weights", _RULES),
        cost_rule=_read_choice(given, "cost", _COSTS),
        **{name: _read_amount(given, name) for name in _AMOUNTS},
        **{name: _read_number(given, name) for name in _NUMBERS},
        segments=plan.segments,
        state_bytes=plan.state_bytes,
        segment_work=work,
        **windows,
    )


def _read_choice(given: dict[str, Any], name: str, choices: dict[str, _Named]) -> _Named:
    """Return the choice of a name; the first of ``choices`` is the default."""
    chosen = given.get(name, next(iter(choices)))
    if not isinstance(chosen, str) or chosen not in choices:
        raise BadRequest(f"terms.{name} must be one of {', '.join(choices)}")
    return choices[chosen]


def _read_amount(given: dict[str, Any], name: str) -> int:
    try:
        return parse_amount(given.get(name, _AMOUNTS[name]))
    except (ConfigError, ValueError) as error:
        raise BadRequest(f"terms.{name} must be an amount such as 1.5 SUI: {error}") from error


def _read_number(given: dict[str, Any], name: str) -> int:
    value = given.get(name, _NUMBERS[name])
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise BadRequest(f"terms.{name} must be a whole number")
    return value


def _read_window(given: dict[str, Any], name: str) -> int:
    if name not in given:
        return _WINDOWS[name]
    try:
        return parse_duration(given[name])
    except ValueError as error:
        raise BadRequest(
            f"terms.{name} must be a duration: {error}", hint=f"write {EXAMPLES}"
        ) from error
