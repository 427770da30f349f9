"""A dispute for people: lines of text from the report that ``--json`` prints in full."""

from collections.abc import Iterator
from typing import Any

from walrusd.text import make_printable

_SIDES = ("A", "B", "computed")


def format_dispute(report: dict[str, Any]) -> Iterator[str]:
    """Yield a report of ``check_dispute`` as lines; names in it are strangers' text."""
    return map(make_printable, _format(report))


def _format(report: dict[str, Any]) -> Iterator[str]:
    yield f"segment      {report['segment']} of task {report['task']}"
    if report["agree"]:
        yield "agree        the transcripts agree on every step; nothing was computed"
        return
    yield f"first step   {report['step']}, which differs in {', '.join(report['parts'])}"
    for side in _SIDES:
        record = report["told"].get(side)
        if side in report["told"]:
            yield f"  {side:9}  {_format_record(record)}"
    if "operation" in report:
        yield from _format_operation(report["operation"])
    else:
        missing = " and ".join(side for side, there in report["logs"].items() if not there)
        yield f"operation    not known: no log of this step from {missing or 'the step before'}"
        yield f"             (verify segment … --transcript FILE --step {report['step']} makes it)"
    yield from _format_verdict(report)


def _format_record(record: dict[str, Any] | None) -> str:
    if record is None:
        return "ends before"
    if "error" in record:
        return f"ends in the error {record['error']}"
    losses = ", ".join(record["losses"])
    return f"chain {record['chain'][:16]}… state {record['state_root'][:16]}… losses {losses}"


def _format_operation(operation: dict[str, Any]) -> Iterator[str]:
    yield f"operation    number {operation['index']}: {operation['name']}"
    if operation["differs_in"] == "operation":
        names = ", ".join(f"{side}: {name}" for side, name in operation["names"].items())
        yield f"             the lists of operations differ here ({names})"
    for part in ("inputs", "outputs"):
        for value in operation[part]:
            yield f"  {part[:-1]:9}  {value['name']}: {_format_shapes(value)}"
            yield from _format_value(value)


def _format_shapes(value: dict[str, Any]) -> str:
    told = {f"{v['type']}{v['shape']}" for v in value["told"].values()}
    return " or ".join(sorted(told)) + (", agreed" if value["agree"] else ", DIFFERS")


def _format_value(value: dict[str, Any]) -> Iterator[str]:
    elements = value["elements"] or {}
    if value["agree"]:
        digest = next(iter(value["told"].values()))["digest"]
        first = ", ".join(elements.get("first", []))
        yield f"             {digest[:16]}…  {first}".rstrip()
        return
    at = elements.get("at", {})
    if at:
        count = elements["differing"]
        how_many = "" if count is None else f" ({count} differ)"
        yield f"             first differing element {elements['index']}{how_many}"
    for side, told in value["told"].items():
        shown = at.get(side, "value not carried")
        yield f"             {side:9} {told['digest'][:16]}…  {shown}"


def _format_verdict(report: dict[str, Any]) -> Iterator[str]:
    right = report["right"]
    if right is None:
        yield "right        not computed: give --plan, --start and --rows"
        return
    since = report["both_wrong_from_step"]
    if since is not None:
        yield f"right        neither: both diverge from the computation at step {since} already"
        return
    meaning = {"A": "A is right, B is wrong", "B": "B is right, A is wrong"}
    yield f"right        {meaning.get(right, 'neither is right')}"
    for side, account in report["accounts"].items():
        wrong = account["first_wrong_operation"]
        if wrong is not None:
            yield f"             {side} diverges from the computation at: {wrong}"
    yield f"computed     {report['computed_steps']} step(s)"
