"""The display of checks: a line of progress, each check as it is made, and the verdict."""

import shutil
import sys
from typing import Any

import click

from walrusd.cli.options import say, say_json
from walrusd.crypto.checklist import Checklist
from walrusd.errors import VerificationFailed
from walrusd.text import make_printable
from walrusd.verify.checklist_text import conclude, describe_item, item_to_json


class ProgressLine:
    """The current step, in one line that is overwritten; shown on terminals only."""

    def __init__(self) -> None:
        self._watched = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """Show the current step."""
        if self._watched:
            # On one line: the first part of a wrapped one would stay.
            shown = make_printable(text, max(10, shutil.get_terminal_size().columns - 3))
            click.echo(f"\r\x1b[K… {shown}", nl=False, err=True)

    def clear(self) -> None:
        """Remove the line."""
        if self._watched:
            click.echo("\r\x1b[K", nl=False, err=True)

    def print(self, *lines: str) -> None:
        """Print lines that stay."""
        self.clear()
        for line in lines:
            say(line)


def open_checklist(progress: ProgressLine, *, as_json: bool) -> Checklist:
    """Return a list whose checks are printed as they are made, unless all is printed as JSON."""
    return Checklist(lambda item: None if as_json else progress.print(*describe_item(item)))


def print_report(facts: dict[str, Any], checks: Checklist, *, as_json: bool) -> None:
    """Print the facts and a verdict, all in one as JSON.

    Raises:
        VerificationFailed: if a check failed; it carries the report.
    """
    if not as_json:
        click.echo()
        for name, value in facts.items():
            say(f"{name:12} {value}")
        say(conclude(checks))
    report = {
        **facts,
        "valid": not checks.failures,
        "checks": [item_to_json(item) for item in checks.items],
    }
    if checks.failures:
        failed = ", ".join(f"{item.name} {item.subject}".strip() for item in checks.failures)
        what = facts.get("file") or f"the aggregate of {facts.get('task')}"
        raise VerificationFailed(f"{what} fails: {failed}", hint="do not trust it", **report)
    if as_json:
        say_json(report)
