"""The node on the market: its money and its verifier seat."""

import click

from walrusctl.session import Session, with_session


@click.group()
def node() -> None:
    """Look after balance, stake, and the verifier seat."""


@node.command()
@click.option("--stake", help='Overrides [verifier] stake, for example "10 SUI".')
@click.option("--min-fee", help="Overrides [verifier] min_fee.")
@with_session
def register(session: Session, stake: str | None, min_fee: str | None) -> None:
    """Take a seat in the verifier pool."""
    given = {"stake": stake, "min_fee": min_fee}
    params = {key: value for key, value in given.items() if value is not None}
    session.call_and_show("node.register", params=params)


@node.command()
@with_session
def balance(session: Session) -> None:
    """Show the own address, its balance, and what can be claimed."""
    session.call_and_show("node.balance")


@node.command()
@with_session
def stake(session: Session) -> None:
    """Show the seat's stake and the stakes bound in tasks."""
    session.call_and_show("node.stake")


@node.command("exit")
@with_session
def exit_(session: Session) -> None:
    """Begin to leave the verifier pool."""
    session.call_and_show("node.exit")


@node.command()
@with_session
def withdraw(session: Session) -> None:
    """Take back the seat's stake after unbonding."""
    session.call_and_show("node.withdraw")
