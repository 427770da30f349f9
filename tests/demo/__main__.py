"""``python -m tests.demo --seed N``: exit status 0 only if everybody got what they deserve."""

import argparse
import json
import signal
import sqlite3
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import httpx
import trio
from rich.markup import escape

from tests.demo.board import Board
from tests.demo.cast import choose_cast
from tests.demo.control import ROOT, RefusedError
from tests.demo.play import play
from tests.demo.plots import draw_text, write_png
from tests.demo.report import Report, describe_totals, make_table
from tests.demo.world import BrokenWorldError
from walrusd.errors import WalrusdError
from walrusd.text import make_printable

DIRECTORY = ROOT / "build" / "demo"
TAIL_LINES = 12
TAIL_ENTRIES = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration and write its report."""
    parser = argparse.ArgumentParser(prog="tests.demo", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="changes every random choice")
    parser.add_argument("--scheme", choices=("pedersen", "paillier"), default="pedersen")
    parser.add_argument("--dir", type=Path, default=DIRECTORY, help="emptied first")
    options = parser.parse_args(arguments)
    board = Board()
    cast = choose_cast(options.seed, scheme=options.scheme)
    directory = options.dir.absolute()
    status, report = 0, None
    end_like_interrupted()
    try:
        report = trio.run(partial(play, cast, directory, board))
    except* KeyboardInterrupt:
        board.console.print("stopped; all processes have ended")
        status = 130
    except* (BrokenWorldError, RefusedError, WalrusdError, httpx.HTTPError) as group:
        for error in _leaves(group):
            board.console.print(
                f"[red]the demonstration failed:[/red] {escape(make_printable(str(error)))}"
            )
        show_traces(board, directory)
        status = 1
    return status if report is None else conclude(board, report, directory)


def end_like_interrupted() -> None:
    """Make every way to end this process stop the daemons too."""
    # A shell that starts us in the background has SIGINT ignored; trio wants Python's own handler.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is signal.SIG_DFL:  # nohup has a reason to ignore SIGHUP
            signal.signal(ending, lambda _number, _frame: signal.raise_signal(signal.SIGINT))


def conclude(board: Board, report: Report, directory: Path) -> int:
    """Print and write the results; return the exit status."""
    console, cheat = board.console, next(s.name for s in report.submissions if s.cheated)
    (directory / "report.json").write_text(json.dumps(report.to_json(), indent=1) + "\n")
    write_png(directory / "loss.png", report.loss_curves, cheat)
    console.print()
    console.print(draw_text(report.loss_curves, cheat), markup=False, soft_wrap=True)
    console.print(make_table(report))
    for sentence in describe_totals(report):
        console.print(sentence, markup=False, soft_wrap=True)
    times = ", ".join(f"{name} {value:.0f} s" for name, value in report.seconds.items())
    console.print(f"time: {times}", soft_wrap=True)
    console.print(
        f"report: {directory / 'report.json'}, plot: {directory / 'loss.png'}", soft_wrap=True
    )
    failures = report.find_failures()
    for failure in failures:
        console.print(f"[red]FAILED:[/red] {escape(failure)}")
    if failures:
        show_traces(board, directory)
    return 1 if failures else 0


def show_traces(board: Board, directory: Path) -> None:
    """Print where it went wrong: warnings of the logs, and the last failures in the journals."""
    for log in sorted((directory / "logs").glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()
        loud = [ln for ln in lines if '"level": "info"' not in ln and '"info"' not in ln]
        if loud:
            board.console.print(f"--- {log}", markup=False, soft_wrap=True)
            tail = make_printable("\n".join(loud[-TAIL_LINES:]), lines=True)
            board.console.print(tail, markup=False, soft_wrap=True)
    for database in sorted(directory.glob("*/state/walrusd.sqlite")):
        for line in read_failures(database):
            told = make_printable(f"{database.parts[-3]}: {line}")
            board.console.print(told, markup=False, soft_wrap=True)


def read_failures(database: Path) -> list[str]:
    """Return the last failed decisions of a daemon that has stopped."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT kind, subject, reason FROM journal WHERE decision = 'failed'"
            " ORDER BY id DESC LIMIT ?",
            (TAIL_ENTRIES,),
        ).fetchall()
    except sqlite3.Error as error:
        return [f"the journal cannot be read: {error}"]
    finally:
        connection.close()
    return [f"{kind} failed on {subject[:12]}: {reason}" for kind, subject, reason in rows[::-1]]


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


if __name__ == "__main__":
    sys.exit(main())
