"""What a child process prints: one JSON object a line, with its result or its error."""

import json
from functools import cache
from typing import Any

from walrusd import errors
from walrusd.errors import TrainingFailed, WalrusdError

MAX_LINE_BYTES = 1 << 20
"""The most bytes of a line. What grows with a job goes into files, or into many lines."""


class GarbledOutput(Exception):
    """Raised when the child's output is not a stream of JSON objects."""

    hint = "a library prints to standard output; it must use standard error"


class LineTooLong(GarbledOutput):
    """Raised when a line is longer than any that walrusd's own children print."""

    hint = "this is a bug in walrusd, or a library prints to standard output"

    def __init__(self) -> None:
        super().__init__(f"a line has more than {MAX_LINE_BYTES} bytes")


def parse_line(line: bytes) -> dict[str, Any]:
    """Return the object on one line, without its newline.

    Raises:
        GarbledOutput: if it is not an object, or its result is not one.
    """
    try:
        message = json.loads(line)
    except ValueError as exc:
        raise GarbledOutput("not JSON") from exc
    if not isinstance(message, dict) or not isinstance(message.get("result", {}), dict):
        raise GarbledOutput("not an object")
    return message


def error_from_json(document: Any) -> WalrusdError:
    """Return the error that ``WalrusdError.to_json`` wrote.

    An unknown code, such as a later version's, becomes ``TrainingFailed``.
    """
    if not isinstance(document, dict):
        return TrainingFailed("the child process reported an error of unknown form")
    fields = dict(document)
    code, message = fields.pop("code", ""), str(fields.pop("message", "no message"))
    hint = str(fields.pop("hint", ""))
    safe = {key: value for key, value in fields.items() if key.isidentifier()}
    return error_classes().get(code, TrainingFailed)(message, hint=hint, **safe)


@cache
def error_classes() -> dict[str, type[WalrusdError]]:
    """Return the error classes by code."""
    return {
        kind.code: kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, WalrusdError)
        and kind is not WalrusdError
        and "code" in vars(kind)
    }
