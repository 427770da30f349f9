"""Prints results and events for people; programs use ``--json``.

Every text is made printable: titles, reasons and errors come from strangers.
"""

import shutil
import sys
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from walrusctl.layout import UNLIMITED, Column, Listing, PrintableConsole, Record
from walrusctl.tables import EMPTY, LISTS, PARAGRAPHS, PROSE
from walrusctl.values import MAX_FULL_TEXT, label, show_text, show_value
from walrusd.text import make_printable

MAX_CODE, CODE_START = 66, 16
"""Length above which an event shortens a text without spaces, and what it keeps of it."""

_SENTENCES = {"outcome"}
"""Lists of sentences, printed last."""


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
        return  # the parent process closed it
    console = make_console()
    lists = {key: value for key, value in result.items() if is_table(key, value)}
    plain = {
        key: value for key, value in result.items() if key not in lists and key not in _SENTENCES
    }

    def show(renderable: object) -> None:
        console.print(renderable, soft_wrap=True)

    if plain:
        # Facts about one object, with full ids for copying.
        show(make_facts(plain))
    for key, items in lists.items():
        if items:
            title = None if not plain else label(key)
            show(make_list(key, items, title=title, full=full))
        elif not plain or key == "entries":
            show(Text(EMPTY.get(key, f"{method}: nothing")))
    for key in _SENTENCES & result.keys():
        for sentence in result[key]:
            show(Text(show_text(str(sentence), full=True)))


def is_table(key: str, value: Any) -> bool:
    """Return whether a value is a list to be printed as a table."""
    return key in LISTS and isinstance(value, list) and all(isinstance(i, dict) for i in value)


def make_facts(facts: dict[str, Any]) -> Record:
    """Return the keys and values of one object, with full ids."""
    return Record([(label(key), _show_fact(key, value)) for key, value in facts.items()])


def _show_fact(key: str, value: Any) -> str:
    if key in PARAGRAPHS and isinstance(value, str):
        return make_printable(value, MAX_FULL_TEXT, lines=True)
    return show_value(key, value, full=True)


def make_list(key: str, items: list[dict[str, Any]], *, title: str | None, full: bool) -> Listing:
    """Return a table of items without its empty columns."""
    found = [
        (name, heading)
        for name, heading in LISTS[key]
        if any(_has_content(name, item.get(name)) for item in items)
    ]
    columns = []
    for name, heading in found:
        is_number = all(isinstance(item.get(name), int | float) for item in items)
        columns.append(Column(heading, is_number and not name.endswith("_ms"), name in PROSE))
    rows = [[_show_cell(name, item.get(name), full=full) for name, _ in found] for item in items]
    return Listing(columns, rows, title)


def _has_content(name: str, value: Any) -> bool:
    return value not in (None, "", {}, []) and not (name == "mine" and value is False)


def _show_cell(name: str, value: Any, *, full: bool) -> str:
    if name == "fields" and isinstance(value, dict) and not full:
        # The reason sums up the policy's rules; `task estimate` shows each.
        value = {key: item for key, item in value.items() if key != "rules"}
    return show_value(name, value, full=full)


def render_event(event: dict[str, Any], *, full: bool) -> str:
    """Return an event as one line of text."""
    rest = {key: value for key, value in event.items() if key != "type"}
    if not full:
        rest = _cut_codes(rest)
    facts = "  ".join(f"{label(k)}={show_value(k, v, full=full)}" for k, v in rest.items())
    kind = show_text(str(event.get("type", "?")), full=full)
    return f"{datetime.now(UTC).astimezone():%H:%M:%S}  {kind:12}  {facts}"


def _cut_codes(value: Any) -> Any:
    """Return a value with texts shortened that only programs read: envelopes, proofs."""
    if isinstance(value, dict):
        return {key: _cut_codes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cut_codes(item) for item in value]
    if isinstance(value, str) and len(value) > MAX_CODE and not any(map(str.isspace, value)):
        return f"{value[:CODE_START]}…"
    return value
