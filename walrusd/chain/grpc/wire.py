"""The gRPC wire format: length-prefixed messages, status trailers, deadlines as text.

Source: the gRPC over HTTP/2 protocol description (PROTOCOL-HTTP2).
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import quote, unquote

from grpclib.const import Cardinality, Status
from grpclib.exceptions import GRPCError

from walrusd.chain.grpc.status_details import TRAILER, Detail, decode_details, encode_details

__all__ = [
    "MAX_MESSAGE",
    "Cardinality",
    "Framer",
    "GRPCError",
    "Message",
    "Status",
    "decode_message",
    "encode_frame",
    "encode_timeout",
    "status_from_headers",
    "status_trailers",
]

MAX_MESSAGE = 64 << 20
"""The longest message accepted, in bytes."""

_HTTP_STATUS = {
    "400": Status.INTERNAL,
    "401": Status.UNAUTHENTICATED,
    "403": Status.PERMISSION_DENIED,
    "404": Status.UNIMPLEMENTED,
    "429": Status.UNAVAILABLE,
    "502": Status.UNAVAILABLE,
    "503": Status.UNAVAILABLE,
    "504": Status.UNAVAILABLE,
}


class Message(Protocol):
    """A protobuf message, as betterproto2 generates it."""

    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
        """Return the message in protobuf's binary form."""
        ...

    @classmethod
    def FromString(cls, data: bytes) -> Self:  # noqa: N802 - protobuf's name
        """Return the message whose binary form is ``data``."""
        ...


M = TypeVar("M", bound=Message)


def encode_frame(message: Message) -> bytes:
    """Return ``message`` after its 5-byte prefix: compression flag and u32 length, big-endian."""
    body = message.SerializeToString()
    return struct.pack(">BI", 0, len(body)) + body


def decode_message(cls: type[M], body: bytes) -> M:
    """Return the message whose binary form is ``body``.

    Raises:
        GRPCError: INTERNAL, if ``body`` is not such a message.
    """
    try:
        return cls.FromString(body)
    except (ValueError, EOFError, TypeError, KeyError, IndexError, struct.error) as error:
        raise GRPCError(Status.INTERNAL, f"not a {cls.__name__}: {error}") from error


class Framer:
    """Splits a byte stream into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield every message that ``data`` completes.

        Raises:
            GRPCError: if a message is compressed or longer than ``MAX_MESSAGE``.
        """
        self._buffer += data
        while len(self._buffer) >= 5:
            compressed, length = struct.unpack_from(">BI", self._buffer)
            if compressed:
                raise GRPCError(Status.UNIMPLEMENTED, "compressed gRPC message")
            if length > MAX_MESSAGE:
                raise GRPCError(
                    Status.RESOURCE_EXHAUSTED,
                    f"gRPC message of {length} bytes",
                )
            if len(self._buffer) < 5 + length:
                return
            yield bytes(self._buffer[5 : 5 + length])
            del self._buffer[: 5 + length]


def encode_timeout(seconds: float) -> str:
    """Return the ``grpc-timeout`` header for ``seconds``: at most eight digits and a unit."""
    millis = max(0, int(seconds * 1000))
    return f"{millis}m" if millis < 10**8 else f"{min(int(seconds), 10**8 - 1)}S"


def status_trailers(
    status: Status, message: str, details: Sequence[Detail] = ()
) -> list[tuple[str, str]]:
    """Return the trailers that end a call with ``status``."""
    trailers = [("grpc-status", str(status.value))]
    if message:
        trailers.append(("grpc-message", quote(message, safe=" !\"#$&'()*+,-./:;<=>?@[]^_`{|}~")))
    if details:
        trailers.append((TRAILER, encode_details(status, message, details)))
    return trailers


def status_from_headers(headers: Mapping[str, str]) -> GRPCError | Status | None:
    """Return what a response's headers or trailers say: an error, OK, or nothing yet."""
    http = headers.get(":status", "200")
    code = headers.get("grpc-status")
    if code is None:
        if http == "200":
            return None
        return GRPCError(_HTTP_STATUS.get(http, Status.UNKNOWN), f"HTTP status {http}")
    try:
        status = Status(int(code))
    except ValueError:
        status = Status.UNKNOWN
    if status is Status.OK:
        return Status.OK
    details = decode_details(headers[TRAILER]) if TRAILER in headers else None
    return GRPCError(status, unquote(headers.get("grpc-message", "")), details)


def headers_of(event: Any) -> dict[str, str]:
    """Return the headers of an h2 event as text."""
    return {_text(name): _text(value) for name, value in event.headers}


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
