"""Live progress: a table that redraws itself on a terminal, plain lines anywhere else."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from walrusd.text import make_printable

PLAIN_WIDTH = 130
"""Columns in a file or a pipe, whose reader has no width of its own."""


def make_console() -> Console:
    """Return a console as wide as the terminal, or wide enough for the tables."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def _clean(text: str) -> str:
    return escape(make_printable(text))


class Board:
    """What everybody does right now, and what happened so far."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or make_console()
        self._start = time.monotonic()
        self._rows: dict[str, str] = {}
        self._phase = ""
        self.last = ""
        """What happened last, in words."""
        self.changes = 0
        """How often something has happened."""
        self._live: Live | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the demonstration began."""
        return time.monotonic() - self._start

    def phase(self, text: str) -> None:
        """Begin a part of the demonstration."""
        self._phase = text
        self._note(text)
        self.console.print(f"[bold]{self.seconds:6.1f} s  {_clean(text)}[/bold]", soft_wrap=True)
        self._redraw()

    def tell(self, who: str, text: str) -> None:
        """Say that something happened."""
        self._rows[who] = text
        self._note(f"{who} {text}")
        line = f"{self.seconds:6.1f} s  {_clean(who):10}  {_clean(text)}"
        self.console.print(line, soft_wrap=True)
        self._redraw()

    def show(self, who: str, text: str) -> None:
        """Change what somebody is doing, without a line of its own."""
        self._rows[who] = text
        self._note(f"{who} {text}")
        self._redraw()

    def remind(self, text: str) -> None:
        """Say what still goes on; nothing has happened."""
        self.console.print(f"{self.seconds:6.1f} s  ...         {escape(text)}", soft_wrap=True)

    def _note(self, happened: str) -> None:
        self.last = happened
        self.changes += 1

    def _redraw(self) -> None:
        if self._live is not None:
            self._live.update(self._table())

    def _table(self) -> Table:
        table = Table(title=self._phase, title_justify="left", show_header=False, expand=True)
        table.add_column(no_wrap=True, width=10)
        table.add_column(no_wrap=True, ratio=1)
        for who, text in self._rows.items():
            table.add_row(_clean(who), _clean(text))
        return table

    @contextmanager
    def live(self) -> Iterator[None]:
        """Redraw the table while the block runs; off a terminal this does nothing."""
        if not self.console.is_terminal:
            yield
            return
        with Live(self._table(), console=self.console, transient=True) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None
