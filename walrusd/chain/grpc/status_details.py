"""The details of a gRPC status beyond its code: ``google.rpc.Status`` in a binary trailer.

Sui nodes name the field of a request that is wrong (``BadRequest``) and give a machine-readable
reason (``ErrorInfo``). Source: google/rpc/error_details.proto and the gRPC richer error model.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

import betterproto2
from grpclib.const import Status

from walrusd.chain.values.pysui_parts import protobuf, rpc

TRAILER = "grpc-status-details-bin"
_PREFIX = "type.googleapis.com/google.rpc."


@dataclass(eq=False, repr=False)
class FieldViolation(betterproto2.Message):
    """One field of a request that is wrong."""

    field: str = betterproto2.field(1, betterproto2.TYPE_STRING)
    description: str = betterproto2.field(2, betterproto2.TYPE_STRING)
    reason: str = betterproto2.field(3, betterproto2.TYPE_STRING)


@dataclass(eq=False, repr=False)
class BadRequest(betterproto2.Message):
    """Every field that is wrong."""

    field_violations: list[FieldViolation] = betterproto2.field(  # noqa: RUF009 - a field descriptor
        1, betterproto2.TYPE_MESSAGE, repeated=True
    )


@dataclass(eq=False, repr=False)
class ErrorInfo(betterproto2.Message):
    """A reason that programs can compare, such as ``FIELD_INVALID`` of the domain ``sui.rpc``."""

    reason: str = betterproto2.field(1, betterproto2.TYPE_STRING)
    domain: str = betterproto2.field(2, betterproto2.TYPE_STRING)


Detail = BadRequest | ErrorInfo
_KNOWN: dict[str, type[Detail]] = {_PREFIX + c.__name__: c for c in (BadRequest, ErrorInfo)}


def encode_details(status: Status, message: str, details: Sequence[Detail]) -> str:
    """Return the value of the trailer: base64 without padding, as the protocol writes it."""
    packed = [
        protobuf.Any(type_url=_PREFIX + type(d).__name__, value=d.SerializeToString())
        for d in details
    ]
    raw = rpc.Status(code=status.value, message=message, details=packed).SerializeToString()
    return base64.b64encode(raw).decode().rstrip("=")


def decode_details(text: str) -> list[Detail]:
    """Return the details of known types; none if the trailer cannot be read."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4))
        packed = rpc.Status.FromString(raw).details
        return [
            _KNOWN[item.type_url].FromString(item.value)
            for item in packed
            if item.type_url in _KNOWN
        ]
    except (binascii.Error, ValueError, EOFError, TypeError, KeyError, IndexError):
        return []
