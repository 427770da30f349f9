"""``walrusd verify segment`` and ``verify dispute``: replay and compare the work itself."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from walrusd.cli.inputs import open_output, read_input
from walrusd.cli.options import FILE, json_option, say, say_json, threads_option, typed_errors
from walrusd.cli.report import ProgressLine, open_checklist, print_report
from walrusd.core.terms_rules import MAX_COMMITTEE, MAX_SUBSTITUTES
from walrusd.errors import BadRequest

if TYPE_CHECKING:
    from walrusd.verify.segment import Writing

MAX_SLOTS = MAX_COMMITTEE + MAX_SUBSTITUTES
SLOTS = "The task's committee and substitutes, added."


@click.command("segment")
@click.argument("file", type=FILE)
@click.option("--segment", type=click.IntRange(min=1), required=True, help="Its number, from 1.")
@click.option("--plan", "plan_path", type=FILE, required=True, help="The task's plan.")
@click.option("--start", type=FILE, required=True, help="State at the end of the previous one.")
@click.option("--rows", "rows_path", type=FILE, required=True, help="Rows, or a container.")
@click.option("--slots", type=click.IntRange(2, MAX_SLOTS), required=True, help=SLOTS)
@click.option("--weights", type=FILE, help="The task's weights; plans with adapters need them.")
@threads_option
@click.option("--transcript", type=FILE, help="Write the computation, step by step, here.")
@click.option("--step", type=click.IntRange(min=1), help="Also log every operation of this step.")
@click.option("--values", is_flag=True, help="Include the values of that step.")
@json_option
@typed_errors
def verify_segment(file: Path, *, as_json: bool, **given: Any) -> None:
    """Replay one segment and compare the result with what FILE commits to.

    FILE is the submission's verification file, which names the contributor and the seed.
    """
    from walrusd.verify.segment import SegmentFiles, check_segment  # noqa: PLC0415  # torch

    files = SegmentFiles(
        file=read_input(file),
        plan=read_input(given["plan_path"]),
        start=read_input(given["start"]),
        rows=given["rows_path"],
        weights=None if given["weights"] is None else read_input(given["weights"]),
    )
    writing = _read_writing(given)
    checks = open_checklist(ProgressLine(), as_json=as_json)
    facts = check_segment(
        files,
        given["segment"],
        given["slots"],
        checks,
        threads=given["threads"],
        writing=writing,
    )
    print_report({"file": str(file), **facts}, checks, as_json=as_json)


def _read_writing(given: dict[str, Any]) -> "Writing | None":
    """Return which transcript the options ask for, if any."""
    from walrusd.training.dispute.writer import MAX_KEPT_BYTES, Wanted  # noqa: PLC0415  # torch
    from walrusd.verify.segment import Writing  # noqa: PLC0415  # torch

    path, step, values = given["transcript"], given["step"], given["values"]
    if path is None and (step is not None or values):
        raise BadRequest("--step and --values belong to --transcript")
    if path is None:
        return None
    wanted = None if step is None else Wanted(step, MAX_KEPT_BYTES if values else 0)
    return Writing(lambda: open_output(path), wanted)


@click.command("dispute")
@click.argument("a", type=FILE)
@click.argument("b", type=FILE)
@click.option("--plan", "plan_path", type=FILE, required=True, help="The task's plan.")
@click.option("--start", type=FILE, help="State at the start of the segment.")
@click.option("--rows", "rows_path", type=FILE, help="Rows, or a container.")
@click.option("--weights", type=FILE, help="The task's weights; plans with adapters need them.")
@threads_option
@json_option
@typed_errors
def verify_dispute(a: Path, b: Path, *, as_json: bool, **given: Any) -> None:
    """Find where two transcripts diverge, and who is right.

    A and B are transcripts of one segment (see `verify segment --transcript`); the plan says which
    operations a step has. With start state and rows too, the step in dispute is computed.
    """
    from walrusd.training.plan.plan import parse_plan  # noqa: PLC0415
    from walrusd.verify.dispute import WorkFiles, check_dispute  # noqa: PLC0415  # torch
    from walrusd.verify.dispute_text import format_dispute  # noqa: PLC0415
    from walrusd.verify.transcripts import open_transcript_file  # noqa: PLC0415  # torch

    needed = [given["start"], given["rows_path"]]
    if any(needed) and not all(needed):
        raise BadRequest("--start and --rows belong together")
    files = None
    if all(needed):
        files = WorkFiles(
            start=read_input(given["start"]),
            rows=given["rows_path"],
            weights=None if given["weights"] is None else read_input(given["weights"]),
        )
    plan = parse_plan(read_input(given["plan_path"]))
    with open_transcript_file(a, plan) as first, open_transcript_file(b, plan) as second:
        report = check_dispute(plan, first, second, files, given["threads"])
    if as_json:
        say_json(report)
        return
    for line in format_dispute(report):
        say(line)
