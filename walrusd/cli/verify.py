"""``walrusd verify``: what a third party can check, from files alone or from public data."""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from walrusd.cli.options import FILE, json_option, say, say_json, typed_errors
from walrusd.errors import BadRequest, VerificationFailed
from walrusd.files import write_atomically
from walrusd.text import make_printable
from walrusd.verify.checklist import Checklist, describe_lines

if TYPE_CHECKING:
    from walrusd.verify.segment import Writing

DEFAULT = "file"
KEY_BYTES = 32
KEY_HELP = (
    "A file with a key: of the cost function, of the opening, or of the dataset. Which it is"
    " is found by trying; may be repeated."
)

threads_option = click.option(
    "--threads",
    type=click.IntRange(min=0),
    default=0,
    help="How many threads compute; 0, the default, is one per core.",
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
@click.option("--opening", type=FILE, help="The sealed opening of the submission.")
@click.option("--plan", type=FILE, help="The task's plan.")
@click.option("--model", type=FILE, help="The task's weights, safetensors.")
@click.option("--dataset", type=FILE, help="The dataset's rows, or a container.")
@click.option("--rows", type=click.IntRange(min=1), help="How many rows the dataset has.")
@click.option(
    "--segment",
    "segments",
    type=click.IntRange(min=1),
    multiple=True,
    help="Replay this segment, from 1; may be repeated. Default: what was opened, else the first.",
)
@threads_option
@json_option
@typed_errors
def verify_file(file: Path, digest: str | None, *, as_json: bool, **given: Any) -> None:
    """Check a verification file, offline: no daemon, no chain.

    The file alone shows that it is whole and that its proofs hold. Each further thing that you
    have allows more checks; the list says what each one proves, and what it would take to make
    those that were not made.
    """
    from walrusd.verify.file import check_everything  # noqa: PLC0415  # numpy, curves
    from walrusd.verify.given import Given  # noqa: PLC0415  # numpy, curves

    progress = ProgressLine()
    checks = Checklist(lambda item: None if as_json else progress.print(*describe_lines(item)))
    keys = tuple(_read_key(path) for path in given.pop("key_files"))
    expected = None if digest is None else _hex("--digest", digest)
    facts = check_everything(
        Given(file=file, digest=expected, keys=keys, on_step=progress.show, **given), checks
    )
    progress.clear()
    _report(facts, checks, as_json=as_json)


@verify.command("segment")
@click.argument("file", type=FILE)
@click.option("--segment", type=click.IntRange(min=1), required=True, help="Which, from 1.")
@click.option("--plan", "plan_path", type=FILE, required=True, help="The task's plan.")
@click.option("--start", type=FILE, required=True, help="State at the end of the one before.")
@click.option("--rows", "rows_path", type=FILE, required=True, help="Rows, or a container.")
@click.option("--committee", type=click.IntRange(1, 16), required=True, help="Seats of the task.")
@click.option("--weights", type=FILE, help="The task's weights; plans with adapters need them.")
@threads_option
@click.option("--transcript", type=FILE, help="Write what was computed, step by step, to this.")
@click.option("--step", type=click.IntRange(min=1), help="Log every operation of this step, too.")
@click.option("--values", is_flag=True, help="And keep the values of that step.")
@json_option
@typed_errors
def verify_segment(file: Path, *, as_json: bool, **given: Any) -> None:
    """Do the work of one segment again and compare it with what FILE commits to.

    FILE is the submission's verification file: it says whose work it is, and with what seed.
    """
    from walrusd.verify.segment import SegmentFiles, check_segment  # noqa: PLC0415  # torch

    files = SegmentFiles(
        file=_read(file),
        plan=_read(given["plan_path"]),
        start=_read(given["start"]),
        rows=given["rows_path"],
        weights=None if given["weights"] is None else _read(given["weights"]),
    )
    writing = _read_writing(given)
    report = check_segment(files, given["segment"], given["committee"], given["threads"], writing)
    _conclude({"file": str(file), **report}, ("segment", "steps", "leaf"), [], as_json=as_json)


@verify.command("aggregate")
@click.argument("task")
@click.option("--network", metavar="NAME|FILE", help="The profile of a network with a contract.")
@click.option("--config", type=FILE, help="Or the configuration of a daemon; its keys stay shut.")
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

    Anyone can: it takes no key, no stake and no daemon. The single updates stay hidden.
    """
    import trio  # noqa: PLC0415  # see the module

    from walrusd.verify.aggregate import check_aggregate_of, read_places  # noqa: PLC0415  # pysui

    progress = ProgressLine()
    checks = Checklist(lambda item: None if as_json else progress.print(*describe_lines(item)))
    places = read_places(network, config)
    facts = trio.run(check_aggregate_of, places, task, checks, progress.show, threads)
    progress.clear()
    _report(facts, checks, as_json=as_json)


def _read_writing(given: dict[str, Any]) -> "Writing | None":
    """Return what the options say of a transcript."""
    from walrusd.training.dispute.recording import (  # noqa: PLC0415  # torch
        MAX_KEPT_BYTES,
        Wanted,
        keep_up_to,
    )
    from walrusd.verify.segment import Writing  # noqa: PLC0415  # torch

    path, step, values = given["transcript"], given["step"], given["values"]
    if path is None and (step is not None or values):
        raise BadRequest("--step and --values belong to --transcript")
    if path is None:
        return None
    keep = keep_up_to(MAX_KEPT_BYTES if values else 0)
    wanted = None if step is None else Wanted(step, keep, with_state=True)
    return Writing(lambda raw: _write(path, raw), wanted)


@verify.command("dispute")
@click.argument("a", type=FILE)
@click.argument("b", type=FILE)
@click.option("--plan", "plan_path", type=FILE, help="The task's plan.")
@click.option("--start", type=FILE, help="State at the start of the segment.")
@click.option("--rows", "rows_path", type=FILE, help="Rows, or a container.")
@click.option("--weights", type=FILE, help="The task's weights; plans with adapters need them.")
@threads_option
@json_option
@typed_errors
def verify_dispute(a: Path, b: Path, *, as_json: bool, **given: Any) -> None:
    """Find where two transcripts part, and say who is right.

    A and B are transcripts of one segment (see `verify segment --transcript`). With plan, start
    state and rows, the step in dispute is computed.
    """
    from walrusd.verify.dispute import (  # noqa: PLC0415  # torch
        WorkFiles,
        check_dispute,
        read_transcript,
    )
    from walrusd.verify.dispute_text import format_dispute  # noqa: PLC0415

    needed = [given["plan_path"], given["start"], given["rows_path"]]
    if any(needed) and not all(needed):
        raise BadRequest("--plan, --start and --rows belong together")
    files = None
    if all(needed):
        files = WorkFiles(
            plan=_read(given["plan_path"]),
            start=_read(given["start"]),
            rows=given["rows_path"],
            weights=None if given["weights"] is None else _read(given["weights"]),
        )
    first, second = (read_transcript(path, _read(path)) for path in (a, b))
    report = check_dispute(first, second, files, given["threads"])
    if as_json:
        say_json(report)
        return
    for line in format_dispute(report):
        say(line)


class ProgressLine:
    """What is being done, in one line that is overwritten; nothing if nobody watches."""

    def __init__(self) -> None:
        self._watched = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """Show what is being done."""
        if self._watched:
            # On one line: the rest of a longer one would stay.
            shown = make_printable(text, max(10, shutil.get_terminal_size().columns - 3))
            click.echo(f"\r\x1b[K… {shown}", nl=False, err=True)

    def clear(self) -> None:
        """Remove the line."""
        if self._watched:
            click.echo("\r\x1b[K", nl=False, err=True)

    def print(self, *lines: str) -> None:
        """Print lines for good."""
        self.clear()
        for line in lines:
            say(line)


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


def _report(facts: dict[str, Any], checks: Checklist, *, as_json: bool) -> None:
    """End with the facts and a verdict; fail if a check failed."""
    if not as_json:
        click.echo()
        for name, value in facts.items():
            say(f"{name:12} {value}")
        say(checks.conclude())
    report = {**facts, "valid": not checks.failed, "checks": checks.to_json()}
    if checks.failed:
        failed = ", ".join(f"{item.name} {item.subject}".strip() for item in checks.failed)
        what = facts.get("file") or f"the aggregate of {facts.get('task')}"
        raise VerificationFailed(f"{what} fails: {failed}", hint="do not trust it", **report)
    if as_json:
        say_json(report)


def _conclude(
    report: dict[str, Any], shown: tuple[str, ...], notes: list[str], *, as_json: bool
) -> None:
    """Print a report; end with a failure if a check failed."""
    failed = ", ".join(check["name"] for check in report["checks"] if not check["ok"])
    if not as_json:
        for check in report["checks"]:
            detail = f"  {check['detail']}" if check["detail"] else ""
            say(f"{'ok    ' if check['ok'] else 'FAILED'}  {check['name']}{detail}")
        for key in shown:
            say(f"{key:12} {report[key]}")
        for note in notes:
            say(note)
    if failed:
        message = f"{report['file']} fails: {failed}"
        raise VerificationFailed(message, hint="do not trust it", **report)
    if as_json:
        say_json(report)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadRequest(f"cannot read {path}: {error.strerror}") from error


def _read_key(path: Path) -> bytes:
    """Return the 32 bytes of a key file: raw, or as 64 hexadecimal digits."""
    data = _read(path)
    if len(data) != KEY_BYTES:
        try:
            data = bytes.fromhex(data.decode("ascii").strip().removeprefix("0x"))
        except ValueError:
            data = b""
    if len(data) != KEY_BYTES:
        raise BadRequest(f"{path} does not hold a key: 32 bytes, raw or hexadecimal")
    return data


def _write(path: Path, raw: bytes) -> None:
    """Write a file whole or not at all."""
    try:
        write_atomically(path, raw)
    except OSError as error:
        raise BadRequest(f"cannot write {path}: {error.strerror}") from error


def _hex(option: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise BadRequest(f"{option} is not hexadecimal") from error
