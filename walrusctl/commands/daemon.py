"""The daemon itself: its state, its events, its decisions."""

import json
import sys

import click

from walrusctl.session import Session, say, with_session


@click.command()
@with_session
def status(session: Session) -> None:
    """Show the daemon's address, network, balance, and the health of its services."""
    session.call_and_show("status")


@click.command()
@click.argument("id")
@with_session
def why(session: Session, id: str) -> None:  # noqa: A002  # the name people see in the usage
    """Explain ID: every decision, event, verdict, reward, missed reward and penalty.

    ID is a task, submission, dataset, key request or address. `seat` is this daemon's seat in
    the verifier pool, `seat:N` any other.
    """
    session.call_and_show("why", subject=id)


@click.command()
@with_session
def watch(session: Session) -> None:
    """Show events as they happen; with --json, one object per line."""
    if sys.stderr.isatty():
        say("waiting for events; press Ctrl-C to stop", err=True)
    try:
        for event in session.client.events():
            if session.as_json:
                click.echo(json.dumps(event))
                continue
            from walrusctl.render import render_event  # noqa: PLC0415  # rich is slow to import

            say(render_event(event, full=session.full))
    except KeyboardInterrupt:
        return
