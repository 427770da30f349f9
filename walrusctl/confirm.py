"""Asks before money moves: one rule for every command that binds or spends more than gas.

With ``--yes`` or ``--json`` nothing is asked: who writes that has decided, or is a program. A
terminal is asked. Anything else, such as a script without ``--yes``, is refused.
"""

import sys

import click

from walrusctl.session import EXIT_FAILED, EXIT_USAGE, Session, fail, say
from walrusd.text import make_printable

yes_option = click.option("--yes", is_flag=True, help="Do not ask before money moves.")
"""The option of every command that binds or spends money."""


def must_ask(session: Session, *, yes: bool) -> bool:
    """Return whether the owner must be asked; ends the program if there is nobody to ask."""
    if yes or session.as_json:
        return False
    if sys.stdin is None or not sys.stdin.isatty():
        data = {
            "code": "local.unconfirmed",
            "message": "this command moves money, and there is no terminal to ask for consent",
            "hint": "add --yes; nothing was sent",
        }
        fail(data, EXIT_USAGE, as_json=False)
    return True


def ask(question: str) -> None:
    """Ask on the terminal; ends the program unless the answer is yes."""
    if not click.confirm(make_printable(question), default=False, err=True):
        say("nothing was sent", err=True)
        sys.exit(EXIT_FAILED)
