"""Tasks: publish, look, decide."""

from pathlib import Path

import click

from walrusctl.inputs import read_task
from walrusctl.session import Session, with_session


@click.group()
def task() -> None:
    """Publish tasks, look at them, join or leave."""


@task.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--title", help="Overrides the file's title.")
@with_session
def publish(session: Session, file: Path, title: str | None) -> None:
    """Open the task that FILE (TOML or JSON) describes: title, plan, datasets, terms.

    The same file opens its task once, however often it is published.
    """
    params = read_task(file)
    if title is not None:
        params["title"] = title
    session.call_and_show("task.publish", params=params)


@task.command("list")
@with_session
def list_(session: Session) -> None:
    """List the tasks on the market."""
    session.call_and_show("task.list")


@task.command()
@click.argument("task")
@with_session
def show(session: Session, task: str) -> None:
    """Show everything known of TASK."""
    session.call_and_show("task.show", task=task)


@task.command()
@click.argument("task")
@with_session
def estimate(session: Session, task: str) -> None:
    """Show what TASK would cost and pay, and whether the policy joins it and why."""
    session.call_and_show("task.estimate", task=task)


@task.command()
@click.argument("task")
@with_session
def join(session: Session, task: str) -> None:
    """Stake on TASK even if the policy declines."""
    session.call_and_show("task.join", task=task)


@task.command()
@click.argument("task")
@with_session
def leave(session: Session, task: str) -> None:
    """Do not stake on TASK."""
    session.call_and_show("task.leave", task=task)


@task.command()
@click.argument("task")
@with_session
def aggregate(session: Session, task: str) -> None:
    """Verify the published aggregate of TASK on this machine."""
    session.call_and_show("task.aggregate", task=task)


@task.command()
@click.argument("task")
@with_session
def costs(session: Session, task: str) -> None:
    """Show the losses of TASK's submissions, step by step where they are open to this daemon.

    Of a very long run every so many steps are shown.
    """
    session.call_and_show("task.costs", task=task)
