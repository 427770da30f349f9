"""What every ``walrusd`` command has: its options, and the way it fails."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click

from walrusd.errors import WalrusdError, explain_os_error
from walrusd.runtime.groups import most_significant

DEFAULT_CONFIG = "/etc/walrusd/walrusd.toml"
EXIT_FAILED = 1
EXIT_NEEDS_OWNER = 78
"""EX_CONFIG of sysexits(3): systemd does not start the daemon again, see its unit."""

P = ParamSpec("P")

FILE = click.Path(path_type=Path, dir_okay=False)
config_option = click.option(
    "--config",
    type=FILE,
    default=DEFAULT_CONFIG,
    envvar="WALRUSD_CONFIG",
    show_default=True,
    help="Configuration file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")


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
                raise  # whoever read us has left; click ends quietly
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
        click.echo(json.dumps({"error": error.to_json()}))
    else:
        click.echo(f"error {error.code}: {error.message}", err=True)
        if error.hint:
            click.echo(f"hint: {error.hint}", err=True)
    sys.exit(status)
