"""Writing a transcript: compute a segment, and write records and outputs as they come.

Memory is bounded by the hashes of the leaves of one output, a 128th of it, whatever is logged.
"""

from collections.abc import Callable
from dataclasses import dataclass

from walrusd.crypto import merkle
from walrusd.errors import MalformedData
from walrusd.training.dispute.forms import Form
from walrusd.training.dispute.frames import FrameKind, frame_to_bytes, header_to_bytes
from walrusd.training.dispute.operation import Operation
from walrusd.training.dispute.recording import SegmentWork, Watch, record_steps
from walrusd.training.dispute.transcript import Beginning, StepRecord
from walrusd.training.plan.plan import Plan
from walrusd.training.run.state import (
    State,
    compute_state_root,
    deserialize_state,
    serialize_state,
)
from walrusd.training.run.trace import WorkChain

Write = Callable[[bytes], object]

MAX_KEPT_BYTES = 1 << 28
"""The largest state, and the most bytes of outputs, that a log carries."""


@dataclass(frozen=True)
class Wanted:
    """The step to log, and how many bytes of its outputs to carry; those that fit, in order."""

    step: int
    value_bytes: int = 0


class TranscriptWriter:
    """Writes frames. It takes the outputs of a watched step in pieces."""

    def __init__(
        self, plan: Plan, beginning: Beginning, write: Write, value_bytes: int = 0
    ) -> None:
        self._plan = plan
        self._write = write
        self._left = value_bytes
        self._steps = len(plan.segment_range(beginning.segment))
        self._tree = merkle.RootBuilder()
        self._written = 0
        self._carries = False
        self._hashes = bytearray()
        write(header_to_bytes(beginning))

    def begin_log(self, state: State) -> None:
        """Write the state before the logged step, unless it is too large."""
        if self._plan.state_bytes <= MAX_KEPT_BYTES:
            data = serialize_state(self._plan, state)
            self._write(frame_to_bytes(FrameKind.STATE, len(data)))
            self._write(data)

    def start(self, operation: Operation) -> None:
        """Begin the frame of an output."""
        form = operation.form
        self._carries = 0 < form.size <= self._left
        self._left -= form.size if self._carries else 0
        self._hashes.clear()
        length = compute_output_bytes(form, carried=self._carries)
        self._write(frame_to_bytes(FrameKind.OUTPUT, length) + bytes([self._carries]))

    def take(self, block: bytes, hashes: bytes) -> None:
        """Write a part of an output, if it is carried, and keep the hashes of its leaves."""
        if self._carries:
            self._write(block)
        self._hashes += hashes

    def finish(self, digest: bytes) -> None:
        """End the frame of an output with the hashes of its leaves and its digest."""
        self._write(bytes(self._hashes) + digest)

    def add(self, record: StepRecord) -> None:
        """Write the record of a step, or the number of the error that ended the work."""
        body = record.to_bytes() if record.code is None else bytes([record.code])
        kind = FrameKind.RECORD if record.code is None else FrameKind.ENDING
        self._write(frame_to_bytes(kind, len(body)) + body)
        places = 1 if record.code is None else self._steps - self._written
        for _ in range(places):
            self._tree.append(record.to_leaf())
        self._written += places

    def close(self) -> None:
        """Write the root of the records, which ends the transcript."""
        self._write(frame_to_bytes(FrameKind.END, 32) + self._tree.root())


def compute_output_bytes(form: Form, *, carried: bool) -> int:
    """Return the length of an output's frame: a flag, its bytes, hashes of leaves, its digest."""
    return 1 + (form.size if carried else 0) + 32 * form.leaves + 32


def transcribe(
    work: SegmentWork, start_state: bytes, segment: int, write: Write, wanted: Wanted | None = None
) -> StepRecord:
    """Compute ``segment`` from its start state, write the transcript, return the last record.

    Raises:
        PlanRefused: if the batch is too large for the rows.
        MalformedData, NonFiniteValue: if the start state is malformed or of another step.
        DeviceRefused: as ``find_device``.
        OperationMismatch: if the watched step did other operations than the plan lists.
    """
    plan = work.assignment.plan
    steps = plan.segment_range(segment)
    state = deserialize_state(plan, start_state)
    if state.step != steps.start - 1:
        raise MalformedData(f"segment {segment} does not start after step {state.step}")
    beginning = Beginning(work.subject, segment, compute_state_root(plan, start_state))
    writer = TranscriptWriter(plan, beginning, write, wanted.value_bytes if wanted else 0)
    watch = None if wanted is None else Watch(wanted.step, writer, writer.begin_log)
    chain = WorkChain(work.subject.digest(), segment, beginning.start_root)
    record = None
    for record in record_steps(work, beginning, state, chain, steps, watch=watch):
        writer.add(record)
    assert record is not None, "a segment has at least one step"
    writer.close()
    return record
