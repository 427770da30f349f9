"""Requests for the keys of datasets."""

import click

from walrusctl.session import Session, with_session


@click.group()
def keys() -> None:
    """Decide who receives the keys of your datasets."""


@keys.command()
@with_session
def pending(session: Session) -> None:
    """List the requests that you have not answered."""
    session.call_and_show("keys.pending")


@keys.command("list")
@with_session
def list_(session: Session) -> None:
    """List all requests to and by this daemon."""
    session.call_and_show("keys.list")


@keys.command()
@click.argument("request")
@with_session
def approve(session: Session, request: str) -> None:
    """Grant REQUEST: encrypt the dataset's key to the requester. Costs gas; cannot be undone."""
    session.call_and_show("keys.approve", request=request)


@keys.command()
@click.argument("request")
@click.option("--reason", required=True, help="Shown to the requester.")
@with_session
def deny(session: Session, request: str, reason: str) -> None:
    """Refuse REQUEST. The reason is public. Costs gas."""
    session.call_and_show("keys.deny", request=request, reason=reason)
