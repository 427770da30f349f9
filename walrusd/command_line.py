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

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BrokenPipeError:
            raise  # whoever read us has left; click ends quietly
        except OSError as exc:
            fail(explain_os_error(exc), as_json=bool(kwargs.get("as_json")))
        except (WalrusdError, BaseExceptionGroup) as exc:
            leaf = most_significant(exc)
            if isinstance(exc, BaseExceptionGroup) and exc.split(WalrusdError)[1] is not None:
                raise  # something else went wrong as well: a bug, with its traceback
            assert isinstance(leaf, WalrusdError)
            fail(leaf, as_json=bool(kwargs.get("as_json")))

    return run


def fail(error: WalrusdError, *, as_json: bool) -> None:
    """Print an error, and end with exit status 1."""
    if as_json:
        click.echo(json.dumps({"error": error.to_json()}))
    else:
        click.echo(f"error {error.code}: {error.message}", err=True)
        if error.hint:
            click.echo(f"hint: {error.hint}", err=True)
    sys.exit(1)
