"""A transcript's bytes: a header, then frames in the order in which things happened.

``docs/formats/transcript.md`` has the layout. A frame is its kind, the length of its body as u64,
and the body, so a reader finds its way without holding any body.
"""

from dataclasses import fields
from enum import IntEnum
from typing import Any, NoReturn

from walrusd.core.protocol import TraceContext
from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.crypto.tags import u64
from walrusd.errors import MalformedData, MalformedTranscript
from walrusd.training.dispute.transcript import Beginning

MAGIC = b"WALRUSD-TRANSCRIPT\x02"
MAX_HEADER = 4096
FRAME_HEAD = 9
"""Bytes before the body of a frame."""

_SUBJECT = tuple(field.name for field in fields(TraceContext))


class FrameKind(IntEnum):
    """The first byte of a frame."""

    RECORD = 1
    ENDING = 2
    STATE = 3
    OUTPUT = 4
    END = 5


def frame_to_bytes(kind: FrameKind, length: int) -> bytes:
    """Return the head of a frame whose body has ``length`` bytes."""
    return bytes([kind]) + u64(length)


def header_to_bytes(beginning: Beginning) -> bytes:
    """Return what a transcript begins with: the magic, a length, and a map in canonical CBOR."""
    subject = beginning.subject
    body = encode_canonical(
        {
            "subject": {name: getattr(subject, name) for name in _SUBJECT},
            "segment": beginning.segment,
            "start_root": beginning.start_root,
        }
    )
    return MAGIC + u64(len(body)) + body


def parse_header(body: bytes) -> Beginning:
    """Read the map of a header.

    Raises:
        MalformedTranscript: if it is not one.
    """
    try:
        document = decode_canonical(body)
    except MalformedData as error:
        raise MalformedTranscript(f"the transcript is damaged: {error.message}") from error
    outline = _read_map(document, {"subject", "segment", "start_root"}, "outline")
    subject = _read_map(outline["subject"], set(_SUBJECT), "subject")
    segment = outline["segment"]
    if type(segment) is not int or not 1 <= segment < 1 << 64:
        refuse_part("segment")
    return Beginning(
        TraceContext(**{name: _read_hash(subject[name], name) for name in _SUBJECT}),
        segment,
        _read_hash(outline["start_root"], "start root"),
    )


def refuse_part(what: str) -> NoReturn:
    """Refuse a part of a transcript, which ``what`` names.

    Raises:
        MalformedTranscript: always.
    """
    raise MalformedTranscript(f"the transcript's {what} is malformed")


def _read_map(value: Any, keys: set[str], what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != keys:
        refuse_part(what)
    return value


def _read_hash(value: Any, what: str) -> bytes:
    if not isinstance(value, bytes) or len(value) != 32:
        refuse_part(what)
    return value
