"""This daemon on the market: its balance and its seats among the verifiers."""

from collections.abc import Callable
from typing import Any

import click

from walrusctl.confirm import ask, must_ask, yes_option
from walrusctl.session import Session, with_session
from walrusctl.values import show_sui


@click.group()
def node() -> None:
    """Manage the balance and the seats among the verifiers."""


_pool_option = click.option("--pool", help="A pool of [market] pools; the first by default.")
_seat_option = click.option("--seat", type=int, help="The number of a seat, if we hold several.")


def _offer_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of what a seat declares."""
    for option in (
        click.option("--memory", type=int, help="Bytes; as the machine allows by default."),
        click.option("--rate", type=int, help="Segment work a second; measured by default."),
        click.option("--max-penalty", help="Overrides [verifier] max_penalty."),
        click.option("--min-fee", help="Overrides [verifier] min_fee."),
    ):
        command = option(command)
    return command


def _given(**options: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {key: value for key, value in options.items() if value is not None}


@node.command()
@_pool_option
@click.option("--max-stake", help='Overrides [verifier] max_stake, for example "32 SUI".')
@_offer_options
@click.option("--another", is_flag=True, help="Take one more seat, though we hold one.")
@click.option("--dry-run", is_flag=True, help="Show what would be bound; send nothing.")
@yes_option
@with_session
def register(
    session: Session, /, *, another: bool, dry_run: bool, yes: bool, **options: Any
) -> None:
    """Take a seat in a pool. Binds the pool's stake until `node withdraw`; burns its fee and gas.

    What the machine does in a second is measured, unless --rate or [verifier] rate says it. The
    seat can lose stake if it does not do its work or attests to a forged segment.
    """
    params = _given(**options)
    if dry_run:
        session.call_and_show("node.preview", params=params)
        return
    if must_ask(session, yes=yes):
        found = session.call("node.preview", params=params)
        session.show("node.preview", found)
        stake, fee = show_sui(found["stake_mist"]), show_sui(found["fee_mist"])
        ask(f"Take a seat, bind {stake} and burn {fee}?")
        params |= {"rate": found["rate"], "memory": found["memory_bytes"]}
    session.call_and_show("node.register", params={**params, "another": another})


@node.command()
@_pool_option
@_seat_option
@_offer_options
@with_session
def declare(session: Session, /, **options: Any) -> None:
    """Say anew what a seat asks for and can do. Costs gas; duties that it has stay."""
    session.call_and_show("node.declare", params=_given(**options))


@node.command()
@_pool_option
@_seat_option
@yes_option
@with_session
def renew(session: Session, /, *, yes: bool, **options: Any) -> None:
    """Renew a seat before it lapses. Burns the pool's fee, and costs gas."""
    if must_ask(session, yes=yes):
        ask("Renew the seat and burn the pool's fee?")
    session.call_and_show("node.renew", params=_given(**options))


@node.command("top-up")
@_pool_option
@_seat_option
@click.option("--amount", help='For example "0.5 SUI"; all that is missing by default.')
@yes_option
@with_session
def top_up(session: Session, /, *, yes: bool, **options: Any) -> None:
    """Add to a seat's stake what penalties took. Costs gas."""
    if must_ask(session, yes=yes):
        ask(f"Bind {options['amount'] or 'what the stake lacks'} in the seat?")
    session.call_and_show("node.top_up", params=_given(**options))


@node.command()
@with_session
def balance(session: Session) -> None:
    """Show the daemon's address, its balance, and its claimable credits."""
    session.call_and_show("node.balance")


@node.command()
@with_session
def stake(session: Session) -> None:
    """Show our seats with their stakes, and the stakes bound in tasks."""
    session.call_and_show("node.stake")


@node.command("exit")
@_pool_option
@_seat_option
@with_session
def exit_(session: Session, /, **options: Any) -> None:
    """Leave a pool: the seat is no longer drawn, and its stake unbonds. Costs gas."""
    session.call_and_show("node.exit", params=_given(**options))


@node.command()
@_pool_option
@_seat_option
@with_session
def withdraw(session: Session, /, **options: Any) -> None:
    """Withdraw a seat's stake after the unbonding period. Costs gas."""
    session.call_and_show("node.withdraw", params=_given(**options))
