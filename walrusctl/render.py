"""What people read. Programs use ``--json``.

Here every text is made printable, whoever wrote it: titles, reasons and errors are strangers'.
"""

import json
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from walrusctl.layout import UNLIMITED, Column, Listing, PrintableConsole, Record
from walrusd.text import make_printable

MIST_PER_SUI = 10**9
MAX_TEXT, MAX_FULL_TEXT = 2_000, 65_536
"""The most characters of one text, as a rule and with ``--full``; ``--json`` has all."""
MAX_NUMBERS = 8
"""The most numbers of one list, without ``--full``."""
MAX_CODE, CODE_START = 66, 16
"""A text without spaces that is longer than an id, and how much of it an event shows."""

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
        ("title", "title"),
        ("reward_mist", "reward"),
        ("task", "task"),
        ("scope", "scope"),
        ("dataset", "dataset"),
        ("requester", "requester"),
        ("requested_ms", "requested"),
        ("mine", "mine"),
        ("closed", "closed"),
    ),
    "entries": (
        ("at_ms", "when"),
        ("kind", "about"),
        ("decision", "decision"),
        ("reason", "reason"),
        ("fields", "facts"),
        ("transaction", "transaction"),
    ),
    "cannot": (("what", "cannot"), ("reason", "why"), ("hint", "what to do")),
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
    "parts": (
        ("part", "to be stored"),
        ("size_bytes", "bytes"),
        ("limit_bytes", "at most"),
        ("fits", "fits"),
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
    "costs": (
        ("submission", "submission"),
        ("contributor", "contributor"),
        ("state", "state"),
        ("final", "final"),
        ("definition", "definition"),
        ("why", "why"),
        ("losses", "losses"),
    ),
}
_PROSE = {
    *("title", "description", "reason", "fields", "last_error", "sentence", "advice", "why"),
    *("closed", "losses", "definition"),
}
"""What may be wrapped. Everything else is read, and copied, whole."""
_PARAGRAPHS = {"description"}
"""Texts whose own line breaks are kept, where one thing is shown."""
_EMPTY = {
    "tasks": "no tasks",
    "datasets": "no datasets",
    "requests": "no key requests",
    "entries": "no decisions about this id",
}

_SENTENCES = {"outcome"}
"""Lists of sentences, which come last."""


def make_console() -> Console:
    """Return a console on standard output: as wide as the terminal; a pipe has no width."""
    size = shutil.get_terminal_size()
    width = size.columns if sys.stdout.isatty() else UNLIMITED
    return PrintableConsole(width=width, height=size.lines, highlight=False)


def show_waiting() -> AbstractContextManager[Any]:
    """Return a spinner on standard error."""
    return Console(stderr=True).status("waiting for walrusd …")


def render_result(method: str, result: dict[str, Any], *, full: bool) -> None:
    """Print a method's result."""
    if sys.stdout is None:
        return  # closed by whoever started us
    console = make_console()
    lists = {key: value for key, value in result.items() if is_table(key, value)}
    plain = {
        key: value for key, value in result.items() if key not in lists and key not in _SENTENCES
    }

    def show(renderable: object) -> None:
        console.print(renderable, soft_wrap=True)

    if plain:
        # The first table is about one thing: its ids are what people copy.
        show(make_facts(plain))
    for key, items in lists.items():
        if items:
            title = None if not plain else label(key)
            show(make_list(key, items, title=title, full=full))
        elif not plain or key == "entries":
            show(Text(_EMPTY.get(key, f"{method}: nothing")))
    for key in _SENTENCES & result.keys():
        for sentence in result[key]:
            show(Text(show_text(str(sentence), full=True)))


def is_table(key: str, value: Any) -> bool:
    """Return whether a value is a list of things to be shown as a table."""
    return key in _LISTS and isinstance(value, list) and all(isinstance(i, dict) for i in value)


def make_facts(facts: dict[str, Any]) -> Record:
    """Return the keys and values of one thing, ids in full."""
    return Record([(label(key), _show_fact(key, value)) for key, value in facts.items()])


def _show_fact(key: str, value: Any) -> str:
    if key in _PARAGRAPHS and isinstance(value, str):
        return make_printable(value, MAX_FULL_TEXT, lines=True)
    return show_value(key, value, full=True)


def make_list(key: str, items: list[dict[str, Any]], *, title: str | None, full: bool) -> Listing:
    """Return items of a kind; columns without any value are left out."""
    found = [
        (name, heading)
        for name, heading in _LISTS[key]
        if any(_says_something(name, item.get(name)) for item in items)
    ]
    columns = []
    for name, heading in found:
        is_number = all(isinstance(item.get(name), int | float) for item in items)
        columns.append(Column(heading, is_number and not name.endswith("_ms"), name in _PROSE))
    rows = [[_show_cell(name, item.get(name), full=full) for name, _ in found] for item in items]
    return Listing(columns, rows, title)


def _says_something(name: str, value: Any) -> bool:
    return value not in (None, "", {}, []) and not (name == "mine" and value is False)


def _show_cell(name: str, value: Any, *, full: bool) -> str:
    if name == "fields" and isinstance(value, dict) and not full:
        # The policy's rules one by one: `task estimate` shows them, the reason sums them up.
        value = {key: item for key, item in value.items() if key != "rules"}
    return show_value(name, value, full=full)


_SHARES = {"detection", "audit_detection", "coverage", "tolerated_share"}


def label(key: str) -> str:
    """Return a key as people read it: without its unit, with spaces."""
    for suffix in ("_mist", "_ms"):
        key = key.removesuffix(suffix)
    return make_printable(key.replace("_", " "), MAX_TEXT)


def show_value(key: str, value: Any, *, full: bool) -> str:
    """Return a value as one line of printable text, by the unit in its key and by its type."""
    if isinstance(value, dict):
        return show_object(key, value, full=full)
    if isinstance(value, list):
        return show_items(key, value, full=full)
    if isinstance(value, str):
        return show_text(value, full=full)
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return show_number(key, value)


def show_text(text: str, *, full: bool) -> str:
    """Return a text on one line, printable; ids are shortened unless ``full``."""
    return make_printable(text, MAX_FULL_TEXT) if full else make_printable(shorten(text), MAX_TEXT)


def show_items(key: str, values: list[Any], *, full: bool) -> str:
    """Return a list on one line; of many numbers the first ones and the last, unless ``full``."""
    shown = [show_value(key, item, full=full) for item in values]
    if not full and len(shown) > MAX_NUMBERS and not any(isinstance(v, str) for v in values):
        shown = [*shown[: MAX_NUMBERS - 1], f"… {shown[-1]} ({len(shown)} in all)"]
    return ", ".join(shown) or "-"


def show_number(key: str, value: float) -> str:
    """Return a number in the unit that its key ends with."""
    for suffix, show in _UNITS.items():
        if key.endswith(suffix) and isinstance(value, int):
            return show(value)
    return f"{value:.1%}" if key in _SHARES else json.dumps(value)


def show_object(key: str, value: dict[str, Any], *, full: bool) -> str:
    """Return an object as text; a deep one as JSON. A unit in ``key`` holds for what is inside."""
    if key == "last_error" and value:
        return show_text(f"{value.get('code')}: {value.get('message')}", full=full)
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

    The daemon takes ids in this form.
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
    try:
        instant = datetime.fromtimestamp(millis / 1000, UTC).astimezone()
    except (ValueError, OverflowError, OSError):
        return f"{millis} ms"  # beyond the calendar, as strangers may set it
    return instant.strftime("%Y-%m-%d %H:%M:%S")


def show_bytes(size: int) -> str:
    """Return a number of bytes with its thousands apart."""
    return f"{size:,}"


_UNITS: dict[str, Callable[[int], str]] = {
    "_mist": show_sui,
    "_ms": show_instant,
    "_bytes": show_bytes,
}


def render_event(event: dict[str, Any], *, full: bool) -> str:
    """Return an event as one line of text."""
    rest = {key: value for key, value in event.items() if key != "type"}
    if not full:
        rest = _cut_codes(rest)
    facts = "  ".join(f"{label(k)}={show_value(k, v, full=full)}" for k, v in rest.items())
    kind = show_text(str(event.get("type", "?")), full=full)
    return f"{datetime.now(UTC).astimezone():%H:%M:%S}  {kind:12}  {facts}"


def _cut_codes(value: Any) -> Any:
    """Return a value with the beginnings of texts that only programs read: envelopes, proofs."""
    if isinstance(value, dict):
        return {key: _cut_codes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cut_codes(item) for item in value]
    if isinstance(value, str) and len(value) > MAX_CODE and not any(map(str.isspace, value)):
        return f"{value[:CODE_START]}…"
    return value
