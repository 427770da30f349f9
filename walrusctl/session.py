"""What all commands share: the daemon, printing, errors, and common options."""

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import click

from walrusctl.client import CallFailed, Client, Unreachable
from walrusd.rpc.schema import DEFAULT_SOCKET, SOCKET_ENV
from walrusd.text import make_printable

MAX_LINE = 65_536
"""The most characters of a line for people; ``--json`` prints all."""
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3

P = ParamSpec("P")


class Session:
    """One run of ``walrusctl``."""

    def __init__(self, socket: str, *, as_json: bool, full: bool) -> None:
        self.client = Client(socket)
        self.as_json = as_json
        self.full = full

    def call(self, method: str, **params: Any) -> Any:
        """Return a method's result; on a terminal, show a spinner while waiting."""
        waiting: Any = nullcontext()
        if not self.as_json and sys.stderr.isatty():
            from walrusctl.render import show_waiting  # noqa: PLC0415  # rich is slow to import

            waiting = show_waiting()
        with waiting:
            return self.client.call(method, params)

    def show(self, method: str, result: Any) -> None:
        """Print a result: as JSON for programs, as a table for people."""
        if self.as_json:
            click.echo(json.dumps(result))
            return
        from walrusctl.render import render_result  # noqa: PLC0415  # rich is slow to import

        render_result(method, result, full=self.full)

    def call_and_show(self, method: str, **params: Any) -> None:
        """Call a method and print its result."""
        self.show(method, self.call(method, **params))


def say(line: str, *, err: bool = False) -> None:
    """Print one line for people, made printable."""
    click.echo(make_printable(line, MAX_LINE), err=err)


def fail(data: dict[str, Any], status: int, *, as_json: bool) -> None:
    """Print an error, as JSON on standard output, and exit with ``status``."""
    if as_json:
        click.echo(json.dumps({"error": data}))
    else:
        say(f"error {data['code']}: {data['message']}", err=True)
        if data.get("hint"):
            say(f"hint: {data['hint']}", err=True)
    sys.exit(status)


def with_session(command: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """Pass ``command`` a session, and add the options of every command."""

    @click.option(
        "--socket",
        envvar=SOCKET_ENV,
        default=DEFAULT_SOCKET,
        show_default=True,
        help=f"The daemon's control socket, or ${SOCKET_ENV}.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, also errors.")
    @click.option("--full", is_flag=True, help="Print ids and texts in full.")
    @wraps(command)
    def run(socket: str, as_json: bool, full: bool, *args: P.args, **kwargs: P.kwargs) -> None:
        session = Session(socket, as_json=as_json, full=full)
        try:
            command(session, *args, **kwargs)
        except Unreachable as exc:
            fail(exc.data, EXIT_UNREACHABLE, as_json=as_json)
        except CallFailed as exc:
            fail(exc.data, EXIT_FAILED, as_json=as_json)

    return run
