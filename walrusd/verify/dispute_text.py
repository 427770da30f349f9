"""A dispute for people: lines of text from the report that ``--json`` prints in full."""

from collections.abc import Iterator
from typing import Any

from walrusd.text import make_printable

_SHOWN_INPUTS = 12
"""The chain and clipping have an input for each tensor."""


def format_dispute(report: dict[str, Any]) -> Iterator[str]:
    """Yield a report of ``check_dispute`` as lines; names in it are strangers' text."""
    return map(make_printable, _format(report))


def _format(report: dict[str, Any]) -> Iterator[str]:
    yield f"segment      {report['segment']} of task {report['task']}"
    if report["agree"]:
        yield "agree        the transcripts agree on every step; nothing was computed"
        return
    yield f"first step   {report['step']}, which differs in {', '.join(report['parts'])}"
    for side, record in report["told"].items():
        yield f"  {side:9}  {_format_record(record)}"
    if "operation" in report:
        yield from _format_operation(report["operation"])
    else:
        missing = " and ".join(side for side, there in report["logs"].items() if not there)
        yield f"operation    not known: no log of this step from {missing or 'the step before'}"
        yield f"             (verify segment … --transcript FILE --step {report['step']} makes it)"
    yield from _format_verdict(report)


def _format_record(record: dict[str, Any]) -> str:
    if "error" in record:
        return f"ends in step {record['step']} with {record['error']}: {record['means']}"
    parts = (f"{name} {record[name][:16]}…" for name in ("losses", "folds", "chain", "state_root"))
    return " ".join(parts)


def _format_operation(operation: dict[str, Any]) -> Iterator[str]:
    name, form = operation["name"], operation["form"]
    yield f"operation    {operation['number']} of {operation['count']}: {name}, {form}"
    for given in operation["inputs"][:_SHOWN_INPUTS]:
        yield f"  input      {given['name']}: {_format_input(given)}"
    if (hidden := len(operation["inputs"]) - _SHOWN_INPUTS) > 0:
        yield f"             and {hidden} more"
    leaf = operation["leaf"]
    if leaf is not None:
        last = leaf["first_number"] + leaf["numbers"] - 1
        places = f"numbers {leaf['first_number']} to {last}"
        yield f"leaf         {leaf['index']} of {leaf['count']}: {places}"
        if "place" in leaf:
            yield f"  first differing number {leaf['place']} ({leaf['differing']} in this leaf)"
    at = {} if leaf is None else leaf.get("at", {})
    for side, digest in operation["digests"].items():
        told = "no output" if digest is None else f"{digest[:16]}…"
        yield f"  {side:9}  {told}  {at.get(side, '')}".rstrip()


def _format_input(given: dict[str, Any]) -> str:
    if "number" not in given:
        return f"{given['of']} ({given['source']})"
    numbers = ", ".join(given.get("numbers", []))
    return (
        f"operation {given['number']}, {given['of']}  {given['digest'][:16]}…  {numbers}".rstrip()
    )


def _format_verdict(report: dict[str, Any]) -> Iterator[str]:
    right = report["right"]
    if right is None:
        yield "right        not computed: give --start and --rows"
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
