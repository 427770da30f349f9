"""``walrusd verify``: what a third party can check, from files alone or from public data."""

import os
from pathlib import Path
from typing import Any

import click

from walrusd.cli.inputs import parse_hex, read_key
from walrusd.cli.options import (
    FILE,
    FOLDER,
    json_option,
    say,
    say_json,
    threads_option,
    typed_errors,
)
from walrusd.cli.report import ProgressLine, open_checklist, print_report
from walrusd.cli.verify_work import verify_dispute, verify_segment

DEFAULT = "file"
KEY_HELP = (
    "A file with a key: of the cost function, of the opening, or of the dataset. May be repeated;"
    " each key is tried for each purpose."
)


class _FileByDefault(click.Group):
    """``verify FILE`` is ``verify file FILE``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take a first argument that names no command as a file."""
        if args and args[0] not in self.commands:
            args = [DEFAULT, *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_FileByDefault)
def verify() -> None:
    """Check a FILE, the `aggregate` of a task, a `segment` of the work, or a `dispute` about it."""
    from walrusd.training.run.threads import WAITING  # noqa: PLC0415  # starts quickly without

    os.environ.update(WAITING)


@verify.command(DEFAULT)
@click.argument("file", type=FILE)
@click.option("--digest", help="The header digest recorded on chain, in hexadecimal.")
@click.option("--key", "key_files", type=FILE, multiple=True, help=KEY_HELP)
@click.option("--opening", type=FOLDER, help="The folder of the opening's sealed pieces.")
@click.option("--plan", type=FILE, help="The task's plan.")
@click.option("--model", type=FILE, help="The task's weights, safetensors.")
@click.option("--dataset", type=FILE, help="The dataset's rows, or a container.")
@click.option("--rows", type=click.IntRange(min=1), help="How many rows the dataset has.")
@click.option(
    "--segment",
    "segments",
    type=click.IntRange(min=1),
    multiple=True,
    help="Replay this segment, from 1; may be repeated. Default: the opened ones, else the first.",
)
@threads_option
@json_option
@typed_errors
def verify_file(file: Path, digest: str | None, *, as_json: bool, **given: Any) -> None:
    """Check a verification file, offline: no daemon, no chain.

    The file alone shows that it is intact and that its proofs hold. Each further input allows
    more checks; the list says what each check proves, and what the missing ones would need.
    """
    from walrusd.verify.file import check_everything  # noqa: PLC0415  # numpy, curves
    from walrusd.verify.given import Given  # noqa: PLC0415  # numpy, curves

    progress = ProgressLine()
    checks = open_checklist(progress, as_json=as_json)
    keys = tuple(read_key(path) for path in given.pop("key_files"))
    expected = None if digest is None else parse_hex("--digest", digest)
    facts = check_everything(
        Given(file=file, digest=expected, keys=keys, on_step=progress.show, **given), checks
    )
    progress.clear()
    print_report(facts, checks, as_json=as_json)


@verify.command("aggregate")
@click.argument("task")
@click.option("--network", metavar="NAME|FILE", help="The profile of a network with a contract.")
@click.option("--config", type=FILE, help="Or a daemon's configuration; its keys are not used.")
@threads_option
@json_option
@typed_errors
def verify_aggregate(
    task: str,
    network: str | None,
    config: Path | None,
    threads: int,
    *,
    as_json: bool,
) -> None:
    """Check the published sum of TASK from public data alone: the chain and Walrus.

    This takes no key, no stake and no daemon. The individual updates stay hidden.
    """
    import trio  # noqa: PLC0415  # see the module

    from walrusd.verify.aggregate import check_aggregate_of, read_places  # noqa: PLC0415  # pysui

    progress = ProgressLine()
    checks = open_checklist(progress, as_json=as_json)
    places = read_places(network, config)
    facts = trio.run(check_aggregate_of, places, task, checks, progress.show, threads)
    progress.clear()
    print_report(facts, checks, as_json=as_json)


@verify.command("selftest")
@threads_option
@json_option
@typed_errors
def verify_selftest(*, threads: int, as_json: bool) -> None:
    """Check that this machine computes the bits that the market agrees on, as training does.

    WALRUSD_DEVICE and WALRUSD_PRODUCTS choose the device, as for the daemon.
    """
    from walrusd.training.process.child import apply_limits  # noqa: PLC0415  # imports torch
    from walrusd.training.process.execution import run_job  # noqa: PLC0415  # imports torch
    from walrusd.training.run.jobs import JobLimits, SelftestJob  # noqa: PLC0415  # with the former

    apply_limits(JobLimits(threads=threads))
    found = run_job(SelftestJob())
    if as_json:
        say_json(found)
        return
    say(f"all {len(found['hashes'])} operations give the golden bits")
    say(f"torch {found['torch']}, {found['capability']}, {found['threads']} threads")


verify.add_command(verify_segment, "segment")
verify.add_command(verify_dispute, "dispute")
