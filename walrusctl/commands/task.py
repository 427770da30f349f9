"""Tasks: publish, inspect, join, leave."""

from pathlib import Path

import click

from walrusctl.confirm import ask, must_ask, yes_option
from walrusctl.inputs import read_task
from walrusctl.session import Session, with_session
from walrusctl.values import show_sui


@click.group()
def task() -> None:
    """Publish, inspect, join or leave tasks."""


@task.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--title", help="Overrides the file's title.")
@click.option("--dry-run", is_flag=True, help="Show what it would cost; store and send nothing.")
@yes_option
@with_session
def publish(session: Session, file: Path, title: str | None, *, dry_run: bool, yes: bool) -> None:
    """Open the task that FILE (TOML or JSON) describes: title, plan, datasets, terms.

    Stores model and plan on Walrus, and deposits everything the task may pay; what it does not
    spend comes back at its end. Costs gas. Publishing the same file again opens no second task.
    """
    params = read_task(file)
    if title is not None:
        params["title"] = title
    if dry_run:
        session.call_and_show("task.preview", params=params)
        return
    if must_ask(session, yes=yes):
        found = session.call("task.preview", params=params)
        session.show("task.preview", found)
        if not found["already_open"]:  # else nothing more is locked
            ask(f"Open this task and lock {show_sui(found['locked_mist'])}?")
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
    """Show everything known about TASK, and this daemon's part in it."""
    session.call_and_show("task.show", task=task)


@task.command()
@click.argument("task")
@with_session
def estimate(session: Session, task: str) -> None:
    """Show what TASK would cost and pay, and whether and why the policy would join it."""
    session.call_and_show("task.estimate", task=task)


@task.command()
@click.argument("task")
@yes_option
@with_session
def join(session: Session, task: str, *, yes: bool) -> None:
    """Join TASK even if the policy declines it. Binds the task's stake; costs gas.

    The policy's balance limits still apply. Forged work loses the stake, absent work a penalty.
    """
    if must_ask(session, yes=yes):
        found = session.call("task.show", task=task)
        ask(f"Bind a stake of {show_sui(found['stake_mist'])} in task {found['task']}?")
    session.call_and_show("task.join", task=task)


@task.command()
@click.argument("task")
@yes_option
@with_session
def cancel(session: Session, task: str, *, yes: bool) -> None:
    """Give up TASK, one of ours, before joining closes. Costs gas.

    Free while nobody has joined; everybody who has gets its stake back and the task's cancel fee.
    What the task does not spend comes back.
    """
    if must_ask(session, yes=yes):
        found = session.call("task.show", task=task)
        fees = found["joined"] * found["cancel_fee_mist"]
        ask(f"Cancel task {found['task']}, which {found['joined']} joined, for {show_sui(fees)}?")
    session.call_and_show("task.cancel", task=task)


@task.command()
@click.argument("task")
@with_session
def leave(session: Session, task: str) -> None:
    """Do not join TASK. A stake that is already bound stays bound."""
    session.call_and_show("task.leave", task=task)


@task.command()
@click.argument("task")
@with_session
def aggregate(session: Session, task: str) -> None:
    """Verify the published aggregate of TASK on this machine. Costs nothing."""
    session.call_and_show("task.aggregate", task=task)


@task.command()
@click.argument("task")
@with_session
def costs(session: Session, task: str) -> None:
    """Show the losses of TASK's submissions, step by step where this daemon can read them.

    Of a very long run, only every n-th step is shown.
    """
    session.call_and_show("task.costs", task=task)
