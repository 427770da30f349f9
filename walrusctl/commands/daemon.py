"""The daemon itself: how it is, what happens, and why."""

import json
import sys

import click

from walrusctl.session import Session, say, with_session


@click.command()
@with_session
def status(session: Session) -> None:
    """Show who the daemon is and how its services are."""
    session.call_and_show("status")


@click.command()
@click.argument("id")
@with_session
def why(session: Session, id: str) -> None:  # noqa: A002  # the name people see in the usage
    """Explain ID: every decision, verdict, reward, missed reward and penalty.

    ID is a task, submission, dataset, key request or address. `seat` is our seat in the verifier
    pool, `seat:N` another.
    """
    session.call_and_show("why", subject=id)


@click.command()
@with_session
def watch(session: Session) -> None:
    """Show events as they happen; with --json one object a line."""
    if sys.stderr.isatty():
        say("waiting for events; Ctrl-C ends it", err=True)
    try:
        for event in session.client.events():
            if session.as_json:
                click.echo(json.dumps(event))
                continue
            from walrusctl.render import render_event  # noqa: PLC0415  # rich is slow to import

            say(render_event(event, full=session.full))
    except KeyboardInterrupt:
        return
