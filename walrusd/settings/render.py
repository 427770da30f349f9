"""Write settings as a TOML file that reads back as the same settings."""

import json
from collections.abc import Callable
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from walrusd.durations import format_duration
from walrusd.settings.amounts import format_share
from walrusd.settings.model import Settings
from walrusd.units import format_sui

_HEADINGS = {
    "daemon": "Where state lives and what this daemon does on the market.",
    "sui": "The network. Several URLs fail over in order; archives are for pruned history.",
    "market": "The pools of verifiers to deal with, the first one for new tasks and seats.",
    "walrus": "Storage endpoints, tried in order; every byte read is verified.",
    "keys": "The sealed keystore and the file that opens it (mode 0600).",
    "policy": 'What a contributor may stake without asking. Amounts: "1.5 SUI" or integer Mist.',
    "verifier": "The seat in a pool: its limits, and what it declares (0: as measured).",
    "dataset_owner": "Addresses whose key requests are approved without asking.",
    "timing": 'Durations: "90s", "15m", "1h30m", or a number of seconds.',
}
_AMOUNTS = {
    "gas_budget", "max_stake_per_task", "max_stake_per_day", "min_reward", "min_balance",
    "max_stake", "min_fee", "max_penalty", "max_top_up",
}  # fmt: skip
_SHARES = {"max_late_fee", "max_lapse_penalty"}
_DURATIONS = {"crank_grace_s", "poll_s", "min_grace_s"}


def _show_seconds(seconds: float) -> str:
    return format_duration(round(seconds * 1000))


_WITH_UNITS: tuple[tuple[set[str], Callable[[Any], str]], ...] = (
    (_AMOUNTS, format_sui),
    (_SHARES, format_share),
    (_DURATIONS, _show_seconds),
)
"""How the values of keys are written whose numbers have a unit."""


def render_settings(settings: Settings, base: Path | None = None) -> str:
    """Return the text of a configuration file, every key written out.

    Paths below ``base``, the directory of the file, are written relative to it.
    """
    parts = []
    for section, heading in _HEADINGS.items():
        table = getattr(settings, section)
        lines = [f"# {heading}", f"[{section}]"]
        for field in fields(table):
            value = getattr(table, field.name)
            if value is not None:
                lines.append(f"{field.name} = {_render(field.name, value, base)}")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _render(name: str, value: Any, base: Path | None) -> str:
    for names, show in _WITH_UNITS:
        if name in names:
            return json.dumps(show(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Path):
        relative = base is not None and value.is_relative_to(base)
        return json.dumps(str(value.relative_to(base) if relative and base else value))
    if isinstance(value, StrEnum | str):
        return json.dumps(str(value))
    if isinstance(value, tuple):
        return "[" + ", ".join(json.dumps(str(item)) for item in value) + "]"
    if isinstance(value, frozenset):
        return "[" + ", ".join(json.dumps(str(item)) for item in sorted(value)) + "]"
    return repr(value)
