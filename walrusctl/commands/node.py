"""This daemon on the market: its balance and its verifier seat."""

import click

from walrusctl.confirm import ask, must_ask, yes_option
from walrusctl.session import Session, with_session


@click.group()
def node() -> None:
    """Manage the balance and the verifier seat."""


@node.command()
@click.option("--stake", help='Overrides [verifier] stake, for example "10 SUI".')
@click.option("--min-fee", help="Overrides [verifier] min_fee.")
@yes_option
@with_session
def register(session: Session, stake: str | None, min_fee: str | None, *, yes: bool) -> None:
    """Take a seat in the verifier pool. Binds the stake until `node withdraw`; costs gas.

    The seat can lose stake if it does not do its work or attests to a forged segment.
    """
    if must_ask(session, yes=yes):
        ask(f"Take a seat and bind {stake or 'the stake of [verifier] in the configuration'}?")
    given = {"stake": stake, "min_fee": min_fee}
    params = {key: value for key, value in given.items() if value is not None}
    session.call_and_show("node.register", params=params)


@node.command()
@with_session
def balance(session: Session) -> None:
    """Show the daemon's address, its balance, and its claimable credits."""
    session.call_and_show("node.balance")


@node.command()
@with_session
def stake(session: Session) -> None:
    """Show the seat's stake, and the stakes bound in tasks."""
    session.call_and_show("node.stake")


@node.command("exit")
@with_session
def exit_(session: Session) -> None:
    """Leave the verifier pool: the seat is no longer drawn, and its stake unbonds. Costs gas."""
    session.call_and_show("node.exit")


@node.command()
@with_session
def withdraw(session: Session) -> None:
    """Withdraw the seat's stake after the unbonding period. Costs gas."""
    session.call_and_show("node.withdraw")
