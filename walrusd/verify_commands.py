"""``walrusd verify``: what a third party can check from files alone, without daemon or chain."""

import json
from pathlib import Path
from typing import Any

import click

from walrusd.command_line import FILE, json_option, typed_errors
from walrusd.errors import BadRequest, VerificationFailed

DEFAULT = "file"


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
    """Check a verification FILE, or `segment`: replay a part of the work."""


@verify.command(DEFAULT)
@click.argument("file", type=FILE)
@click.option("--digest", help="The header digest recorded on chain, in hexadecimal.")
@json_option
@typed_errors
def verify_file(file: Path, digest: str | None, *, as_json: bool) -> None:
    """Check a verification file, offline."""
    from walrusd.crypto.vfile import read_verification_file  # noqa: PLC0415  # numpy, curves
    from walrusd.crypto.vfile_checks import inspect_verification_file  # noqa: PLC0415

    parsed = read_verification_file(_read(file))
    expected = None if digest is None else _hex("--digest", digest)
    checks = inspect_verification_file(parsed, expected_digest=expected)
    report = {
        "file": str(file),
        "valid": all(check.ok for check in checks),
        "anchored": expected is not None,
        "digest": parsed.digest.hex(),
        "task": "0x" + parsed.header.subject.task.hex(),
        "submission": "0x" + parsed.header.subject.submission.hex(),
        "contributor": "0x" + parsed.header.subject.contributor.hex(),
        "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in checks],
    }
    notes = [] if expected is not None else ["not compared with the chain: give --digest to do so"]
    _conclude(report, ("digest", "task", "submission", "contributor"), notes, as_json=as_json)


@verify.command("segment")
@click.argument("file", type=FILE)
@click.option("--segment", type=click.IntRange(min=1), required=True, help="Which, from 1.")
@click.option("--plan", "plan_path", type=FILE, required=True, help="The task's plan.")
@click.option("--start", type=FILE, required=True, help="State at the end of the one before.")
@click.option("--rows", "rows_path", type=FILE, required=True, help="Rows, or a container.")
@click.option("--committee", type=click.IntRange(1, 16), required=True, help="Seats of the task.")
@click.option("--weights", type=FILE, help="The task's weights; plans with adapters need them.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@json_option
@typed_errors
def verify_segment(file: Path, *, as_json: bool, **given: Any) -> None:
    """Do the work of one segment again and compare it with what FILE commits to.

    FILE is the submission's verification file: it says whose work it is, and with what seed.
    """
    from walrusd.segment_check import SegmentFiles, check_segment  # noqa: PLC0415  # torch

    files = SegmentFiles(
        file=_read(file),
        plan=_read(given["plan_path"]),
        start=_read(given["start"]),
        rows=given["rows_path"],
        weights=None if given["weights"] is None else _read(given["weights"]),
    )
    report = check_segment(files, given["segment"], given["committee"], given["threads"])
    _conclude({"file": str(file), **report}, ("segment", "steps", "leaf"), [], as_json=as_json)


def _conclude(
    report: dict[str, Any], shown: tuple[str, ...], notes: list[str], *, as_json: bool
) -> None:
    """Print a report; end with a failure if a check failed."""
    failed = ", ".join(check["name"] for check in report["checks"] if not check["ok"])
    if not as_json:
        for check in report["checks"]:
            detail = f"  {check['detail']}" if check["detail"] else ""
            click.echo(f"{'ok    ' if check['ok'] else 'FAILED'}  {check['name']}{detail}")
        for key in shown:
            click.echo(f"{key:12} {report[key]}")
        for note in notes:
            click.echo(note)
    if failed:
        message = f"{report['file']} fails: {failed}"
        raise VerificationFailed(message, hint="do not trust it", **report)
    if as_json:
        click.echo(json.dumps(report))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadRequest(f"cannot read {path}: {error.strerror}") from error


def _hex(option: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise BadRequest(f"{option} is not hexadecimal") from error
