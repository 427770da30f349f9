"""Commands that need no daemon: they run ``python -m walrusd …`` and pass everything on.

So this program never imports what they need, and they work the same without it.
"""

import subprocess
import sys

import click

_PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def _run_walrusd(*arguments: str) -> None:
    """Run ``walrusd`` with this program's standard streams, and end with its exit status."""
    # Our own interpreter and module; the arguments are the caller's own, and no shell sees them.
    sys.exit(subprocess.call([sys.executable, "-m", "walrusd", *arguments]))  # noqa: S603


def offline(name: str, summary: str) -> click.Command:
    @click.command(name, help=summary, add_help_option=False, context_settings=_PASS_ON)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        _run_walrusd(name, *arguments)

    return command


init = offline("init", "Make configuration and keys of a new daemon; see `init --help`.")
verify = offline("verify", "Check a verification FILE, offline; see `verify --help`.")
model = offline("model", "Bring in or give back a Hugging Face model; see `model --help`.")
config = offline("config", "`config check` or `config show` a configuration file.")
