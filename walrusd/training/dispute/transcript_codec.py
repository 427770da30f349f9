"""Transcripts as bytes: a magic, then one map in canonical CBOR (docs/formats/transcript.md)."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NoReturn

from walrusd.core.protocol import TraceContext
from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.errors import MalformedData, MalformedTranscript
from walrusd.training.dispute.transcript import (
    KINDS,
    MAX_AXES,
    Ending,
    Operation,
    StepLog,
    StepRecord,
    Transcript,
    Value,
    find_break,
)

MAGIC = b"WALRUSD-TRANSCRIPT\x01"
MAX_BYTES = 1 << 30
"""The size limit of a transcript; larger files are refused before they are read."""

_SUBJECT = tuple(field.name for field in fields(TraceContext))
_U64 = 1 << 64
_MAX_CODE = 64
_MAX_NAME = 256


def transcript_to_bytes(transcript: Transcript) -> bytes:
    """Return the canonical encoding of a transcript."""
    log, ending = transcript.log, transcript.ending
    body = {
        "subject": {name: getattr(transcript.subject, name) for name in _SUBJECT},
        "segment": transcript.segment,
        "first": transcript.first,
        "start_root": transcript.start_root,
        "steps": [[s.step, s.losses, s.folds, s.chain, s.state_root] for s in transcript.steps],
        "ending": None if ending is None else [ending.step, ending.code],
        "log": None if log is None else _log_to_map(log),
    }
    return MAGIC + encode_canonical(body)


def _log_to_map(log: StepLog) -> dict[str, Any]:
    return {
        "step": log.step,
        "operations": [
            [each.name, _values_to_list(each.inputs), _values_to_list(each.outputs)]
            for each in log.operations
        ],
        "state": log.state,
        "values": [log.values[digest] for digest in sorted(log.values)],
        "digests": sorted(log.values),
    }


def _values_to_list(values: Mapping[str, Value]) -> list[list[Any]]:
    return [[name, v.kind, list(v.shape), v.digest] for name, v in values.items()]


def transcript_from_bytes(raw: bytes) -> Transcript:
    """Read a transcript and check that its parts follow from each other.

    Raises:
        MalformedTranscript: if the bytes are not the encoding of a transcript, or the chain, the
            log or a value does not fit the rest.
    """
    if len(raw) > MAX_BYTES:
        raise MalformedTranscript(f"a transcript must have at most {MAX_BYTES} bytes")
    if not raw.startswith(MAGIC):
        raise MalformedTranscript("the file is not a transcript of a known version")
    try:
        body = decode_canonical(raw[len(MAGIC) :])
    except MalformedData as error:
        raise MalformedTranscript(f"the transcript is damaged: {error.message}") from error
    keys = {"subject", "segment", "first", "start_root", "steps", "ending", "log"}
    body = _map(body, keys, "outline")
    subject = _map(body["subject"], set(_SUBJECT), "subject")
    transcript = Transcript(
        subject=TraceContext(**{name: _hash(subject[name], name) for name in _SUBJECT}),
        segment=_number(body["segment"], "segment"),
        first=_number(body["first"], "first step"),
        start_root=_hash(body["start_root"], "start root"),
        steps=tuple(_read_step(item) for item in _list(body["steps"], "steps")),
        ending=None if body["ending"] is None else _read_ending(body["ending"]),
        log=None if body["log"] is None else _read_log(body["log"]),
    )
    wrong = find_break(transcript)
    if wrong:
        raise MalformedTranscript(f"the transcript contradicts itself: {wrong} does not follow")
    return transcript


def _refuse(what: str) -> NoReturn:
    raise MalformedTranscript(f"the transcript's {what} is malformed")


def _map(value: Any, keys: set[str], what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != keys:
        _refuse(what)
    return value


def _list(value: Any, what: str, size: int | None = None) -> list[Any]:
    if not isinstance(value, list) or (size is not None and len(value) != size):
        _refuse(what)
    return value


def _number(value: Any, what: str) -> int:
    if type(value) is not int or not 0 <= value < _U64:
        _refuse(what)
    return value


def _hash(value: Any, what: str) -> bytes:
    if not isinstance(value, bytes) or len(value) != 32:
        _refuse(what)
    return value


def _text(value: Any, most: int, what: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= most:
        _refuse(what)
    return value


def _floats(value: Any, what: str) -> bytes:
    if not isinstance(value, bytes) or len(value) % 4:
        _refuse(what)
    return value


def _read_step(value: Any) -> StepRecord:
    step, losses, folds, chain, root = _list(value, "steps", 5)
    return StepRecord(
        _number(step, "steps"),
        _floats(losses, "losses"),
        _floats(folds, "folds"),
        _hash(chain, "chain"),
        _hash(root, "state root"),
    )


def _read_ending(value: Any) -> Ending:
    step, code = _list(value, "ending", 2)
    return Ending(_number(step, "ending"), _text(code, _MAX_CODE, "ending"))


def _read_log(value: Any) -> StepLog:
    log = _map(value, {"step", "operations", "state", "values", "digests"}, "log")
    digests = [_hash(item, "digests") for item in _list(log["digests"], "digests")]
    values = _list(log["values"], "values", len(digests))
    if digests != sorted(set(digests)):
        _refuse("digests")
    if not all(isinstance(item, bytes) for item in [*values, log["state"] or b""]):
        _refuse("values")
    return StepLog(
        step=_number(log["step"], "log"),
        operations=tuple(_read_operation(item) for item in _list(log["operations"], "log")),
        state=log["state"],
        values=dict(zip(digests, values, strict=True)),
    )


def _read_operation(value: Any) -> Operation:
    name, inputs, outputs = _list(value, "operation", 3)
    return Operation(
        _text(name, _MAX_NAME, "operation"), _read_values(inputs), _read_values(outputs)
    )


def _read_values(value: Any) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for item in _list(value, "operation"):
        name, kind, shape, digest = _list(item, "operation", 4)
        axes = tuple(_number(axis, "shape") for axis in _list(shape, "shape"))
        if name in found or not isinstance(kind, str) or kind not in KINDS or len(axes) > MAX_AXES:
            _refuse("operation")
        found[_text(name, _MAX_NAME, "operation")] = Value(kind, axes, _hash(digest, "digest"))
    return found
