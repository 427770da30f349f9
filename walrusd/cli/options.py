"""What every ``walrusd`` command has: its options, the way it prints, and the way it fails.

Everything is printed through :func:`say` and :func:`say_json`: file names, headers and error texts
of nodes come from strangers, and must not control a terminal.
"""

import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec

import click

from walrusd.errors import WalrusdError, explain_os_error
from walrusd.runtime.groups import most_significant
from walrusd.text import make_printable

MAX_LINE = 65_536
"""The most characters of a line for people; ``--json`` has all."""
DEFAULT_CONFIG = "/etc/walrusd/walrusd.toml"
EXIT_FAILED = 1
EXIT_NEEDS_OWNER = 78
"""EX_CONFIG of sysexits(3): systemd does not start the daemon again, see its unit."""

P = ParamSpec("P")

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
config_option = click.option(
    "--config",
    type=FILE,
    default=DEFAULT_CONFIG,
    envvar="WALRUSD_CONFIG",
    show_default=True,
    help="Configuration file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")
threads_option = click.option(
    "--threads",
    type=click.IntRange(min=0),
    default=0,
    help="How many threads compute; 0, the default, is one per core.",
)


def typed_errors(command: Callable[P, None]) -> Callable[P, None]:
    """End ``command`` with exit status 1 and a readable message when it raises a typed error."""
    return with_status(lambda _error: EXIT_FAILED)(command)


def with_status(
    choose: Callable[[WalrusdError], int],
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Do as :func:`typed_errors`, with the exit status that ``choose`` gives to an error."""

    def decorate(command: Callable[P, None]) -> Callable[P, None]:
        @wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                command(*args, **kwargs)
            except BrokenPipeError:
                raise  # the reader of our output is gone; click ends quietly
            except (WalrusdError, OSError, BaseExceptionGroup) as exc:
                leaf = most_significant(exc)
                if isinstance(leaf, OSError):
                    leaf = explain_os_error(leaf)
                if not isinstance(leaf, WalrusdError):
                    raise  # a bug, with its traceback
                fail(leaf, as_json=bool(kwargs.get("as_json")), status=choose(leaf))

        return run

    return decorate


def fail(error: WalrusdError, *, as_json: bool, status: int = EXIT_FAILED) -> None:
    """Print an error, and end with an exit status."""
    if as_json:
        say_json({"error": error.to_json()})
    else:
        say(f"error {error.code}: {error.message}", err=True)
        if error.hint:
            say(f"hint: {error.hint}", err=True)
    sys.exit(status)


def say(line: str, *, err: bool = False) -> None:
    """Print one line for people, whatever the text holds."""
    click.echo(make_printable(line, MAX_LINE), err=err)


def say_json(value: Any) -> None:
    """Print a value for programs: ASCII alone, with everything else escaped."""
    click.echo(json.dumps(value))


def fill_closed_streams() -> None:
    """Open standard input, output and error as /dev/null where they are closed.

    Otherwise the next file opened, such as the database, would get the number of one of them, and
    the output of a library would be written into it.
    """
    for number, name, mode in (0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w"):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def run_command(command: click.Command, arguments: Sequence[str] | None, name: str | None) -> None:
    """Run a command line to its end, with printable usage errors.

    ``arguments`` and ``name`` are those of the process if they are None. Then a bug
    ends in a printable traceback, and warnings are printable too. The daemon has its own logs.
    """
    if arguments is None:
        from walrusd.runtime.logs import configure_logs  # noqa: PLC0415  # structlog is slow
        from walrusd.settings.model import LogFormat  # noqa: PLC0415  # only with the former

        sys.excepthook = _show_bug
        configure_logs("warning", LogFormat.CONSOLE)
    try:
        status = command.main(arguments, prog_name=name, standalone_mode=False)
    except click.ClickException as exc:
        text = io.StringIO()
        exc.show(text)
        click.echo(make_printable(text.getvalue(), lines=True), err=True, nl=False)
        sys.exit(exc.exit_code)
    except click.Abort:
        click.echo("Aborted!", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _show_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(make_printable(text, lines=True))
