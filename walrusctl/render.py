"""Tables for people. Programs use ``--json``."""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

MIST_PER_SUI = 10**9
PIPE_WIDTH = 160
"""Columns when the output is not a terminal."""

Columns = tuple[tuple[str, str], ...]

# What a list shows, by the key it comes under: (key of the item, heading).
_LISTS: dict[str, Columns] = {
    "tasks": (
        ("task", "task"),
        ("phase", "phase"),
        ("mine", "mine"),
        ("reward_mist", "reward"),
        ("stake_mist", "stake"),
        ("joined", "joined"),
        ("max_submissions", "of"),
        ("accepted", "accepted"),
        ("publisher", "publisher"),
    ),
    "datasets": (
        ("dataset", "dataset"),
        ("title", "title"),
        ("version", "version"),
        ("rows", "rows"),
        ("row_bytes", "row bytes"),
        ("mine", "mine"),
        ("owner", "owner"),
    ),
    "requests": (
        ("request", "request"),
        ("state", "state"),
        ("scope", "scope"),
        ("dataset", "dataset"),
        ("requester", "requester"),
        ("requested_ms", "requested"),
        ("mine", "mine"),
    ),
    "entries": (
        ("at_ms", "when"),
        ("kind", "about"),
        ("decision", "decision"),
        ("reason", "reason"),
        ("fields", "facts"),
        ("transaction", "transaction"),
    ),
    "services": (
        ("name", "service"),
        ("state", "state"),
        ("since_ms", "since"),
        ("restarts", "restarts"),
        ("last_error", "last error"),
    ),
    "troubles": (
        ("subject", "trouble with"),
        ("service", "service"),
        ("code", "code"),
        ("message", "what is wrong"),
        ("hint", "what to do"),
        ("failures", "failures"),
        ("since_ms", "since"),
        ("next_ms", "next try"),
    ),
    "rules": (("rule", "rule"), ("ok", "ok"), ("sentence", "why")),
    "deterrence": (
        ("forged_segments", "forged segments"),
        ("detection", "detected"),
        ("audit_detection", "detected if bribed"),
        ("income_mist", "income"),
        ("bribed_income_mist", "income if bribed"),
        ("break_even_stake_mist", "stake to deter"),
        ("bribed_break_even_stake_mist", "stake if bribed"),
    ),
    "warnings": (("rule", "weak"), ("sentence", "why"), ("advice", "what to do")),
    "submissions": (
        ("submission", "submission"),
        ("contributor", "contributor"),
        ("state", "state"),
        ("reason", "reason"),
        ("weight", "weight"),
        ("stake_mist", "stake"),
        ("cost", "cost"),
    ),
}
_EMPTY = {
    "tasks": "no tasks",
    "datasets": "no datasets",
    "requests": "no key requests",
    "entries": "no decisions about this id",
}

_SENTENCES = {"outcome"}
"""Lists of sentences, which come last."""


def make_console() -> Console:
    """Return a console on standard output: colours on a terminal, wide and plain in a pipe."""
    is_terminal = sys.stdout.isatty()
    return Console(width=None if is_terminal else PIPE_WIDTH, highlight=False, soft_wrap=False)


def show_waiting(method: str) -> AbstractContextManager[Any]:
    """Return a spinner on standard error."""
    return Console(stderr=True).status(f"{method} …")


def render_result(method: str, result: dict[str, Any], *, full: bool) -> None:
    """Print a method's result."""
    console = make_console()
    lists = {key: value for key, value in result.items() if is_table(key, value)}
    plain = {
        key: value for key, value in result.items() if key not in lists and key not in _SENTENCES
    }
    if plain:
        # The first table is about one thing: its ids are what people copy.
        console.print(make_facts(plain))
    for key, items in lists.items():
        if items:
            title = None if not plain else key
            console.print(make_list(key, items, title=title, full=full))
        elif not plain or key == "entries":
            console.print(_EMPTY.get(key, f"{method}: nothing"))
    for key in _SENTENCES & result.keys():
        for sentence in result[key]:
            console.print(escape(sentence))


def is_table(key: str, value: Any) -> bool:
    """Say whether a value is a list of things to be shown as a table."""
    return key in _LISTS and isinstance(value, list) and all(isinstance(i, dict) for i in value)


def make_facts(facts: dict[str, Any]) -> Table:
    """Return a two-column table of keys and values, ids in full."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in facts.items():
        table.add_row(label(key), escape(show_value(key, value, full=True)))
    return table


def make_list(key: str, items: list[dict[str, Any]], *, title: str | None, full: bool) -> Table:
    """Return a table with one row an item; columns without any value are left out."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    columns = [
        (name, heading)
        for name, heading in _LISTS[key]
        if any(item.get(name) not in (None, "", {}, []) for item in items)
    ]
    for name, heading in columns:
        is_number = all(isinstance(item.get(name), int | float) for item in items)
        table.add_column(
            heading,
            justify="right" if is_number and not name.endswith("_ms") else "left",
            overflow="fold",
            no_wrap=name in _ID_KEYS and full,
        )
    for item in items:
        table.add_row(*(escape(show_value(name, item.get(name), full=full)) for name, _ in columns))
    return table


_SHARES = {"detection", "audit_detection", "coverage", "tolerated_share"}
_ID_KEYS = {"task", "dataset", "request", "submission", "publisher", "owner", "requester"}


def label(key: str) -> str:
    """Return a key as people read it: without its unit, with spaces."""
    for suffix in ("_mist", "_ms"):
        key = key.removesuffix(suffix)
    return key.replace("_", " ")


def show_value(key: str, value: Any, *, full: bool) -> str:
    """Return a value as text, by the unit in its key and by its type."""
    if isinstance(value, dict):
        return show_object(key, value, full=full)
    if isinstance(value, list):
        return ", ".join(show_value(key, item, full=full) for item in value) or "-"
    if isinstance(value, str):
        return value if full else shorten(value)
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return show_number(key, value)


def show_number(key: str, value: float) -> str:
    """Return a number in the unit that its key ends with."""
    for suffix, show in _UNITS.items():
        if key.endswith(suffix) and isinstance(value, int):
            return show(value)
    return f"{value:.1%}" if key in _SHARES else json.dumps(value)


def show_object(key: str, value: dict[str, Any], *, full: bool) -> str:
    """Return an object as text; a deep one as JSON. A unit in ``key`` holds for what is inside."""
    if key == "last_error" and value:
        return f"{value['code']}: {value['message']}"
    if any(isinstance(item, dict | list) for item in value.values()):
        return json.dumps(value)
    has_unit = any(key.endswith(suffix) for suffix in _UNITS)
    parts = (
        f"{label(name) if full else shorten(label(name))} "
        f"{show_value(key if has_unit else name, item, full=full)}"
        for name, item in value.items()
    )
    return ", ".join(parts) or "-"


def shorten(text: str) -> str:
    """Return an object id or address as ``0x123456…abcdef``; other text as it is.

    What is left before the dots is long enough for ``walrusctl why``.
    """
    if len(text) == 66 and text.startswith("0x"):
        return f"{text[:8]}…{text[-6:]}"
    return text


def show_sui(mist: int) -> str:
    """Return Mist as SUI, exact."""
    sign, mist = ("-", -mist) if mist < 0 else ("", mist)
    whole, rest = divmod(mist, MIST_PER_SUI)
    fraction = f"{rest:09d}".rstrip("0")
    return f"{sign}{whole}.{fraction} SUI" if fraction else f"{sign}{whole} SUI"


def show_instant(millis: int) -> str:
    """Return an instant in local time to the second; 0 is never."""
    if not millis:
        return "-"
    return datetime.fromtimestamp(millis / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


_UNITS: dict[str, Callable[[int], str]] = {"_mist": show_sui, "_ms": show_instant}


def render_event(event: dict[str, Any], *, full: bool) -> str:
    """Return an event as one line of text."""
    rest = {key: value for key, value in event.items() if key != "type"}
    facts = "  ".join(f"{label(k)}={show_value(k, v, full=full)}" for k, v in rest.items())
    return f"{datetime.now(UTC).astimezone():%H:%M:%S}  {event.get('type', '?'):12}  {facts}"
