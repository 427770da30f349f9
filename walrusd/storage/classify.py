"""What a response of a Walrus service means, and how to react.

The table follows Walrus 1.56 (``walrus-service``: ``routes.rs``, ``responses.rs``): errors are
JSON with a reason and a domain, except 400, 413 and 429, which may be plain text.
"""

import json
from enum import Enum
from typing import Any


class AnswerKind(Enum):
    """The meaning of a response; the comments say how to react."""

    OK = "ok"
    BAD_REQUEST = "bad request"  # our mistake: do not repeat
    NOT_FOUND = "not found"  # ask the others, then accept it
    UNSUPPORTED = "no such method here"  # another kind of service: ask the others
    BLOCKED = "blocked"  # denylisted there: ask the others
    TOO_LARGE = "over this service's size limit"  # ask the others
    AUTH_REJECTED = "authorization rejected"  # ask the others
    OVERSIZE = "longer than allowed"  # wrong, or not the expected blob: ask the others
    OVERLOADED = "overloaded"  # back off
    UNAVAILABLE = "unavailable"  # back off
    UNREACHABLE = "unreachable"  # nothing was sent: ask the others, back off
    INTERRUPTED = "interrupted"  # sent, but no complete answer: it may have been carried out

    @property
    def may_pass(self) -> bool:
        """Whether the same endpoint may answer better a little later."""
        return self in _PASSING


_PASSING = {
    AnswerKind.OVERLOADED,
    AnswerKind.UNAVAILABLE,
    AnswerKind.UNREACHABLE,
    AnswerKind.INTERRUPTED,
}

_AUTH_DOMAIN = "auth.publisher.walrus.space"

_NO_TOKEN = b"header of type `authorization`"
"""The plain text of the 400 with which a publisher asks for a missing token."""

_BY_STATUS = {
    401: AnswerKind.AUTH_REJECTED,
    402: AnswerKind.AUTH_REJECTED,
    403: AnswerKind.AUTH_REJECTED,
    407: AnswerKind.AUTH_REJECTED,
    404: AnswerKind.NOT_FOUND,
    405: AnswerKind.UNSUPPORTED,
    408: AnswerKind.UNAVAILABLE,
    413: AnswerKind.TOO_LARGE,
    425: AnswerKind.UNAVAILABLE,
    429: AnswerKind.OVERLOADED,
    451: AnswerKind.BLOCKED,
    501: AnswerKind.UNSUPPORTED,
}


def classify_answer(status: int, body: bytes) -> AnswerKind:
    """Return the meaning of HTTP ``status`` with ``body``."""
    if status in (200, 206):
        return AnswerKind.OK
    # An expired token is a 504 and a spent one a 429, so the domain is checked before the number.
    detail = _find_detail(body)
    if detail.get("domain") == _AUTH_DOMAIN:
        return AnswerKind.AUTH_REJECTED
    if detail.get("reason") == "BLOB_TOO_LARGE":
        return AnswerKind.TOO_LARGE
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status == 400 and _NO_TOKEN in body[:200].lower():
        return AnswerKind.AUTH_REJECTED
    return AnswerKind.UNAVAILABLE if status >= 500 else AnswerKind.BAD_REQUEST


def gives_reason(body: bytes) -> bool:
    """Return whether a refusal has a form that only Walrus uses.

    Any other 404 may come from any web server and says nothing about a blob.
    """
    return bool(_find_detail(body))


def is_page(body: bytes) -> bool:
    """Return whether a refusal is a web page: of a proxy, or of another service altogether."""
    return body.lstrip()[:1] == b"<"


def describe_answer(status: int, body: bytes) -> str:
    """Return a short, printable summary of a refusal: status and reason, or the text's start."""
    reason = _find_detail(body).get("reason")
    if isinstance(reason, str):
        return f"HTTP {status} {reason[:60]!r}"
    text = body[:80].decode("utf-8", "replace")
    return f"HTTP {status} {text!r}" if text else f"HTTP {status}"


def _find_detail(body: bytes) -> dict[str, Any]:
    """The ``ErrorInfo`` of an AIP-193 error, or nothing if the body is not one."""
    try:
        details = json.loads(body)["error"]["details"]
        return next(detail for detail in details if detail["@type"] == "ErrorInfo")
    except (ValueError, KeyError, TypeError, StopIteration, RecursionError):
        return {}
