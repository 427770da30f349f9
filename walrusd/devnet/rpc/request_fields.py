"""Parses fields of requests.

A malformed field raises ``GRPCError`` INVALID_ARGUMENT with details, as Sui's nodes send it.
"""

import base58

from walrusd.chain.grpc import BadRequest, ErrorInfo, FieldViolation, GRPCError, Status
from walrusd.chain.values.typetags import normalize_type
from walrusd.units import normalize_address


def refuse_field(field: str, why: str, *, reason: str = "FIELD_INVALID") -> GRPCError:
    """Return INVALID_ARGUMENT for one field of a request, with details that name the field."""
    message = f"{why}: {field}" if reason == "FIELD_MISSING" else f"invalid {field}: {why}"
    violation = FieldViolation(field=field, description=why, reason=reason)
    details = [BadRequest(field_violations=[violation]), ErrorInfo(reason=reason, domain="sui.rpc")]
    return GRPCError(Status.INVALID_ARGUMENT, message, details)


def require_address(text: str | None, field: str) -> str:
    """Return a canonical address or id."""
    if not text:
        raise refuse_field(field, "missing field", reason="FIELD_MISSING")
    try:
        return normalize_address(text)
    except ValueError as e:
        raise refuse_field(field, str(e)) from e


def parse_type(text: str, field: str) -> str:
    """Return a canonical type."""
    try:
        return normalize_type(text)
    except ValueError as e:
        raise refuse_field(field, str(e)) from e


def parse_digest(text: str | None, field: str = "digest") -> bytes:
    """Return the 32 bytes of a digest."""
    try:
        raw = bytes(base58.b58decode(text or ""))
    except ValueError as e:
        raise refuse_field(field, repr(text)) from e
    if len(raw) != 32:
        raise refuse_field(field, repr(text))
    return raw


def parse_page(token: bytes | None, size: int | None, most: int, usual: int) -> tuple[str, int]:
    """Return the key after which a page begins (empty for the first) and its most entries."""
    if token:
        try:
            after = token.decode("ascii")
            normalize_address(after)
        except (UnicodeDecodeError, ValueError) as e:
            raise refuse_field("page_token", "not a token of this server") from e
    else:
        after = ""
    return after, min(size or usual, most)
