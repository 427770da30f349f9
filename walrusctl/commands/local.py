"""Commands that need no daemon: they run ``python -m walrusd …`` with the same arguments.

So this program does not import what they need, and they work the same without it.
"""

import subprocess
import sys

import click

_PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def _run_walrusd(*arguments: str) -> None:
    """Run ``walrusd`` with this program's standard streams, and end with its exit status."""
    # Our own interpreter and module, with the caller's arguments and without a shell.
    sys.exit(subprocess.call([sys.executable, "-m", "walrusd", *arguments]))  # noqa: S603


def offline(name: str, summary: str) -> click.Command:
    """Return a command that runs ``walrusd`` with the same name and arguments."""

    @click.command(name, help=summary, add_help_option=False, context_settings=_PASS_ON)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        _run_walrusd(name, *arguments)

    return command


init = offline("init", "Create the configuration and keys of a new daemon; see `init --help`.")
verify = offline("verify", "Check a verification FILE, offline; see `verify --help`.")
model = offline("model", "Import or export a Hugging Face model; see `model --help`.")
config = offline("config", "Check or show a configuration file; see `config --help`.")
