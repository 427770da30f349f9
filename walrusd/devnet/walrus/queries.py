"""Query strings, read as strictly as Walrus reads them: unknown or repeated fields are refused."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

_U32 = 1 << 32


class BadQuery(Exception):
    """Raised when a query string does not parse; the text is the body of the 400."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Failed to deserialize query string: {reason}")


@dataclass(frozen=True)
class StoreQuery:
    """The fields of ``PUT /v1/blobs`` and ``/v1/quilts`` that have an effect here."""

    epochs: int
    permanent: bool
    deletable: bool
    force: bool
    share: bool
    owner: str | None


def parse_store_query(request: Request) -> StoreQuery:
    """Read the query of a store.

    Raises:
        BadQuery: if it does not parse.
    """
    given = _parse(request, _STORE_FIELDS)
    if given.get("share") and "send_object_to" in given:
        raise BadQuery("share and send_object_to exclude each other")
    return StoreQuery(
        epochs=given.get("epochs", 1),
        permanent=given.get("permanent", False),
        deletable=given.get("deletable", False),
        force=given.get("force", False),
        share=given.get("share", False),
        owner=given.get("send_object_to"),
    )


def check_read_query(request: Request) -> bool:
    """Read the query of a blob read; False if it asks for both strict and no checks.

    Raises:
        BadQuery: if it does not parse.
    """
    given = _parse(request, _READ_FIELDS)
    return not (
        given.get("strict_consistency_check", False) and given.get("skip_consistency_check", False)
    )


def parse_span_query(request: Request) -> tuple[int, int]:
    """Read ``start`` and ``length`` of a byte-range read.

    Raises:
        BadQuery: if it does not parse.
    """
    given = _parse(request, {"start": _number, "length": _number})
    for name in ("start", "length"):
        if name not in given:
            raise BadQuery(f"missing field `{name}`")
    return given["start"], given["length"]


def _parse(request: Request, fields: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        if name not in fields:
            raise BadQuery(f"unknown field `{name}`")
        if name in given:
            raise BadQuery(f"duplicate field `{name}`")
        given[name] = fields[name](text)
    return given


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise BadQuery("provided string was not `true` or `false`")
    return text == "true"


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise BadQuery("invalid digit found in string")
    return int(text)


def _u32(text: str) -> int:
    number = _number(text)
    if number >= _U32:
        raise BadQuery("number too large to fit in target type")
    return number


def _address(text: str) -> str:
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,64}", text):
        raise BadQuery("not a Sui address")
    return "0x" + text[2:].lower().zfill(64)


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise BadQuery(f"unknown variant `{text[:40]}`")
        return text

    return read


_STORE_FIELDS: dict[str, Callable[[str], Any]] = {
    "epochs": _u32,
    "permanent": _flag,
    "deletable": _flag,
    "force": _flag,
    "reuse_resources": _flag,
    "share": _flag,
    "send_object_to": _address,
    "encoding_type": _one_of("RS2"),
    "quilt_version": _one_of("v1", "V1", "1"),
}
_READ_FIELDS: dict[str, Callable[[str], Any]] = {
    "strict_consistency_check": _flag,
    "skip_consistency_check": _flag,
}
