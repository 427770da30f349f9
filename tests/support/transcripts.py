"""Transcripts for tests: written into memory, read from there, and written anew with lies."""

from collections.abc import Callable, Mapping

from walrusd.crypto import merkle
from walrusd.training.dispute.frames import FrameKind, frame_to_bytes, header_to_bytes
from walrusd.training.dispute.operations import compute_operations
from walrusd.training.dispute.oplog import compute_value_root
from walrusd.training.dispute.reader import Transcript, open_transcript
from walrusd.training.dispute.recording import SegmentWork
from walrusd.training.dispute.transcript import StepRecord
from walrusd.training.dispute.values import hash_leaves
from walrusd.training.dispute.writer import Wanted, transcribe
from walrusd.training.plan.plan import Plan

KEEP = b"as it was"


def make_reader(raw: bytes) -> Callable[[int, int], bytes]:
    """Return what reads ``size`` bytes at an offset."""
    return lambda offset, size: raw[offset : offset + size]


def read_transcript(plan: Plan, raw: bytes) -> Transcript:
    """Open a transcript that is in memory."""
    return open_transcript(plan, make_reader(raw))


def write_transcript(
    work: SegmentWork, start: bytes, segment: int = 1, wanted: Wanted | None = None
) -> bytes:
    """Compute a segment and return the bytes of its transcript."""
    pieces: list[bytes] = []
    transcribe(work, start, segment, pieces.append, wanted)
    return b"".join(pieces)


def frame(kind: FrameKind, body: bytes) -> bytes:
    """Return one frame."""
    return frame_to_bytes(kind, len(body)) + body


def make_output(plan: Plan, number: int, data: bytes) -> bytes:
    """Return the body of an output's frame that carries canonical bytes, or a hash."""
    form = compute_operations(plan)[number].form
    if not form.size:
        return b"\0" + data
    hashes = hash_leaves(data)
    return b"\1" + data + hashes + form.compute_digest(compute_value_root(form, hashes))


def rewrite(
    plan: Plan,
    raw: bytes,
    *,
    records: Mapping[int, StepRecord] | None = None,
    outputs: Mapping[int, bytes] | None = None,
    state: bytes | None = KEEP,
    log: bool = True,
) -> bytes:
    """Return a transcript with other records and other bodies of outputs; its root fits.

    ``state`` replaces the state before the logged step; None leaves it out, as ``log`` the log.
    """
    told = read_transcript(plan, raw)
    pieces, tree = [header_to_bytes(told.beginning)], merkle.RootBuilder()
    bodies = dict(_list_bodies(raw))
    for step in told.steps:
        record = (records or {}).get(step, told.get_record(step))
        tree.append(record.to_leaf())
        if log and told.log is not None and told.log.step == step:
            kept = told.log.read_state() if state is KEEP else state
            pieces += [] if kept is None else [frame(FrameKind.STATE, kept)]
            for number in range(told.log.count):
                body = (outputs or {}).get(number, bodies[number])
                pieces.append(frame(FrameKind.OUTPUT, body))
        if record.code is not None:
            if step == told.steps.start + told.finished:
                pieces.append(frame(FrameKind.ENDING, bytes([record.code])))
        else:
            pieces.append(frame(FrameKind.RECORD, record.to_bytes()))
    return b"".join([*pieces, frame(FrameKind.END, tree.root())])


def list_frames(raw: bytes) -> list[tuple[int, int, int]]:
    """Return the kind of each frame, and where its body begins and ends."""
    start = len(b"WALRUSD-TRANSCRIPT\x02")
    place = start + 8 + int.from_bytes(raw[start : start + 8], "little")
    found = []
    while place < len(raw):
        length = int.from_bytes(raw[place + 1 : place + 9], "little")
        found.append((raw[place], place + 9, place + 9 + length))
        place += 9 + length
    return found


def _list_bodies(raw: bytes) -> enumerate[bytes]:
    outputs = (raw[start:end] for kind, start, end in list_frames(raw) if kind == FrameKind.OUTPUT)
    return enumerate(outputs)
