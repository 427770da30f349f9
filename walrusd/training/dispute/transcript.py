"""Transcripts: one party's account of the work of one segment, step by step.

Two transcripts that disagree are narrowed to the first step where they do; a transcript may also
hold the log of every operation of one step, which narrows to a single operation. The format is in
docs/formats/transcript.md. A transcript proves nothing by itself: it shows what to compute.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from walrusd.core.protocol import TraceContext, compute_chain_start, compute_chain_step
from walrusd.crypto.tags import Tag, hash_tagged, u64

KINDS: dict[str, str] = {"f32": "<f4", "f64": "<f8", "i64": "<i8", "u8": "u1", "bool": "?"}
"""The types of values, by name: little-endian, one byte per bool."""

_NAMES = {np.dtype(code): kind for kind, code in KINDS.items()}
MAX_AXES = 8

Array = npt.NDArray[Any]
Given = Tensor | Array | float | int | bytes
"""A value that can be described. A float counts as float32, an integer as int64."""


@dataclass(frozen=True)
class Value:
    """A tensor, a number or bytes: type, shape, and the digest of the canonical form."""

    kind: str
    shape: tuple[int, ...]
    digest: bytes

    @property
    def size(self) -> int:
        """The length of the canonical form in bytes."""
        return math.prod(self.shape) * np.dtype(KINDS[self.kind]).itemsize

    def read(self, raw: bytes) -> Array:
        """Return the canonical bytes as an array."""
        return np.frombuffer(raw, KINDS[self.kind]).reshape(self.shape)


def canonicalise(value: Given) -> tuple[str, tuple[int, ...], bytes]:
    """Return type, shape and canonical bytes: C order, little-endian, no negative zero."""
    if isinstance(value, bytes):
        return "u8", (len(value),), value
    if isinstance(value, float):
        array: Array = np.array(value, np.float32)
    elif isinstance(value, int):
        array = np.array(value, np.int64)
    else:
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind == "f":
        array = array + array.dtype.type(0.0)
    kind = _NAMES[array.dtype.newbyteorder("<")]
    return kind, tuple(array.shape), np.ascontiguousarray(array, KINDS[kind]).tobytes()


def compute_value_digest(kind: str, shape: tuple[int, ...], raw: bytes) -> bytes:
    """Return ``H(VALUE ‖ u8(len) ‖ type ‖ u64(axes) ‖ u64 of each axis ‖ canonical bytes)``."""
    axes = b"".join(u64(axis) for axis in (len(shape), *shape))
    return hash_tagged(Tag.VALUE, bytes([len(kind)]), kind.encode(), axes, raw)


@dataclass(frozen=True)
class Operation:
    """One operation: its inputs and outputs, in order and by name."""

    name: str
    inputs: Mapping[str, Value]
    outputs: Mapping[str, Value]


@dataclass(frozen=True)
class StepRecord:
    """A finished step: losses of the micro-batches, folds of the gradients, chain and state root.

    ``losses`` and ``folds`` are float32 little-endian bytes, as the chain absorbs them; ``chain``
    and ``state_root`` are their values after the step.
    """

    step: int
    losses: bytes
    folds: bytes
    chain: bytes
    state_root: bytes


@dataclass(frozen=True)
class StepLog:
    """The operations of one step in order.

    ``state`` holds the canonical state before the step, if it is given. ``values`` holds the
    canonical bytes of some inputs and outputs by their digest.
    """

    step: int
    operations: tuple[Operation, ...]
    state: bytes | None = None
    values: Mapping[bytes, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Ending:
    """The step that ended the work with an error, and the error's code."""

    step: int
    code: str


@dataclass(frozen=True)
class Transcript:
    """One party's account of a segment that starts after step ``first − 1`` in ``start_root``."""

    subject: TraceContext
    segment: int
    first: int
    start_root: bytes
    steps: tuple[StepRecord, ...]
    ending: Ending | None = None
    log: StepLog | None = None

    def state_root_before(self, step: int) -> bytes:
        """Return the state root that ``step`` starts from."""
        if step == self.first:
            return self.start_root
        return self.steps[step - self.first - 1].state_root

    def chain_before(self, step: int) -> bytes:
        """Return the chain's value before ``step``."""
        if step == self.first:
            return compute_chain_start(self.subject.digest(), self.segment, self.start_root)
        return self.steps[step - self.first - 1].chain

    def at(self, step: int) -> StepRecord | Ending | None:
        """Return what the transcript says about ``step``; None after its end."""
        index = step - self.first
        if 0 <= index < len(self.steps):
            return self.steps[index]
        return self.ending if self.ending is not None and self.ending.step == step else None


def unpack_floats(raw: bytes) -> tuple[float, ...]:
    """Return float32 values from their little-endian bytes."""
    return struct.unpack(f"<{len(raw) // 4}f", raw)


def pack_floats(values: tuple[float, ...]) -> bytes:
    """Return float32 little-endian bytes without the sign of zero, as the chain absorbs them."""
    return struct.pack(f"<{len(values)}f", *(value + 0.0 for value in values))


def find_break(transcript: Transcript) -> str:
    """Return what contradicts the rest of the transcript, or an empty text if nothing does.

    The chain must follow from losses and folds, and the log's last operations must give the chain
    and the state root of their step.
    """
    if transcript.first < 1 or transcript.segment < 1:
        return "the numbers of segment and step"
    if transcript.ending is not None:
        if transcript.ending.step != transcript.first + len(transcript.steps):
            return "the step of the error"
    elif not transcript.steps:
        return "the number of steps"
    for number, record in enumerate(transcript.steps, transcript.first):
        if record.step != number:
            return "the order of the steps"
        before = transcript.chain_before(number)
        losses, folds = unpack_floats(record.losses), unpack_floats(record.folds)
        if compute_chain_step(before, number, losses, folds) != record.chain:
            return f"the chain of step {number}"
    return "" if transcript.log is None else _find_break_of_log(transcript, transcript.log)


def _find_break_of_log(transcript: Transcript, log: StepLog) -> str:
    record = transcript.at(log.step)
    if record is None:
        return "the step of the log"
    found: dict[str, Value] = {}
    for operation in log.operations:
        if operation.name in {"chain", "state"}:
            found |= operation.outputs
    if isinstance(record, StepRecord):
        for name, expected in (("chain", record.chain), ("state_root", record.state_root)):
            digest = compute_value_digest("u8", (len(expected),), expected)
            if name not in found or found[name].digest != digest:
                return f"the {name} of the log"
    described = {
        value.digest: value
        for each in log.operations
        for part in (each.inputs, each.outputs)
        for value in part.values()
    }
    for digest, raw in log.values.items():
        value = described.get(digest)
        if value is None or len(raw) != value.size:
            return "a value of the log"
        if compute_value_digest(value.kind, value.shape, raw) != digest:
            return "a value of the log"
    return ""
