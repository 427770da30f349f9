"""The transcript's bytes: one encoding, and nothing else is taken for a transcript."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden.plans import make_document
from tests.golden.run import make_rows
from tests.support.transcripts import (
    frame,
    list_frames,
    read_transcript,
    rewrite,
    write_transcript,
)
from walrusd.core.protocol import TraceContext
from walrusd.crypto import tensors
from walrusd.errors import ForeignTranscript, MalformedTranscript
from walrusd.training.dispute.forms import Form
from walrusd.training.dispute.frames import MAGIC, FrameKind
from walrusd.training.dispute.operations import compute_operations
from walrusd.training.dispute.oplog import compute_value_root
from walrusd.training.dispute.reader import open_transcript
from walrusd.training.dispute.recording import SegmentWork
from walrusd.training.dispute.values import (
    hash_leaves,
    iterate_blocks,
    read_array,
    read_form,
    read_numbers,
)
from walrusd.training.dispute.writer import Wanted, transcribe
from walrusd.training.plan.plan import read_plan
from walrusd.training.run.state import initial_state, serialize_state
from walrusd.training.run.trace import Assignment
from walrusd.training.run.weights import init_weights

PLAN = read_plan(
    make_document("mlp")
    | {
        "model": {"kind": "mlp", "inputs": 64, "hidden": [40], "classes": 10},
        "batch": 3,
        "micro_batches": [2, 1],
        "segments": 2,
        "segment_steps": 3,
        "steps": 6,
    }
)
OPERATIONS = compute_operations(PLAN)
STEP = 2


def make_work():
    torch.set_num_threads(1)
    subject = TraceContext(*(bytes([i]) * 32 for i in range(5)), PLAN.digest(), b"r" * 32)
    assignment = Assignment(PLAN, subject.digest(), subject.seed, 3)
    start = serialize_state(PLAN, initial_state(PLAN, init_weights(PLAN)))
    return SegmentWork(assignment, subject, make_rows(PLAN), {}), start


def write_small(wanted):
    work, start = make_work()
    return write_transcript(work, start, 1, wanted)


@pytest.fixture(scope="module")
def raw():
    return write_small(Wanted(STEP, 1 << 20))


def test_writing_is_deterministic_and_reading_finds_what_was_written(raw):
    assert write_small(Wanted(STEP, 1 << 20)) == raw
    assert rewrite(PLAN, raw) == raw
    told = read_transcript(PLAN, raw)
    assert (told.steps, told.finished, told.ending) == (range(1, 4), 3, None)
    assert told.find_root_before(1) == told.beginning.start_root
    assert told.find_root_before(2) == told.get_record(1).state_root
    assert told.find_chain_before(1) == told.beginning.compute_chain()
    assert told.find_chain_before(3) == told.get_record(2).chain
    assert told.log.count == len(OPERATIONS)
    assert told.log.step == STEP


def test_values_that_do_not_fit_are_left_out(raw):
    """Those that fit are carried in order; the hashes of all leaves are there anyway."""
    small = read_transcript(PLAN, write_small(Wanted(STEP, 700)))
    sizes = [operation.form.size for operation in OPERATIONS]
    left, carried = 700, []
    for number, size in enumerate(sizes):
        if 0 < size <= left:
            left -= size
            carried.append(number)
    assert [n for n in range(len(sizes)) if small.log.carries(n)] == carried
    whole = read_transcript(PLAN, raw)
    for number, size in enumerate(sizes):
        assert small.log.digest(number) == whole.log.digest(number)
        if size:
            assert whole.log.carries(number)
            trees = small.log.leaf_tree(number), whole.log.leaf_tree(number)
            assert trees[0].root() == trees[1].root()
    bare = write_small(None)
    assert read_transcript(PLAN, bare).log is None
    assert rewrite(PLAN, raw, log=False) == bare


def test_no_output_is_held_whole(raw, monkeypatch):
    """Outputs are written a block at a time, and opening a transcript reads none of them."""
    monkeypatch.setattr(tensors, "_BLOCK", 1024)
    pieces, sizes = [], []
    work, start = make_work()
    transcribe(work, start, 1, pieces.append, Wanted(STEP, 1 << 20))
    assert b"".join(pieces) == raw
    largest = max(operation.form.size for operation in OPERATIONS)
    state = PLAN.state_bytes
    assert max(len(piece) for piece in pieces if len(piece) != state) == 4096 < largest / 2

    def read(offset, size):
        sizes.append(size)
        return raw[offset : offset + size]

    open_transcript(PLAN, read)
    assert max(sizes) < 1024


@settings(max_examples=150)
@given(st.data())
def test_a_changed_byte_is_noticed_or_changes_what_is_said(raw, data):
    changed = bytearray(raw)
    place = data.draw(st.integers(0, len(raw) - 1))
    changed[place] ^= data.draw(st.integers(1, 255))
    changed = bytes(changed)
    honest = read_transcript(PLAN, raw)
    try:
        told = read_transcript(PLAN, changed)
        log = told.log
        same = told.tree().root() == honest.tree().root()
        same = same and log.tree().root() == honest.log.tree().root()
        same = same and log.read_state() == honest.log.read_state()
        for number, operation in enumerate(OPERATIONS):
            for leaf in range(operation.form.leaves):
                log.leaf_tree(number)
                same = same and log.read_leaf(number, leaf) == honest.log.read_leaf(number, leaf)
    except (MalformedTranscript, ForeignTranscript):
        return
    assert not same


@given(st.binary(max_size=64))
def test_other_bytes_are_refused(raw):
    for data in (raw, MAGIC + raw, MAGIC + (4).to_bytes(8, "little") + raw):
        with pytest.raises(MalformedTranscript):
            read_transcript(PLAN, data)


@given(st.data())
def test_a_transcript_that_is_cut_is_refused(raw, data):
    end = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(MalformedTranscript):
        read_transcript(PLAN, raw[:end])
    with pytest.raises(MalformedTranscript, match="after the end"):
        read_transcript(PLAN, raw + b"x")


def replace_frame(raw, number, *bodies):
    """Return the bytes with one frame replaced by others."""
    _kind, start, end = list_frames(raw)[number]
    return raw[: start - 9] + b"".join(bodies) + raw[end:]


def find_frame(raw, kind, index=0):
    return [n for n, (found, _s, _e) in enumerate(list_frames(raw)) if found == kind][index]


def test_frames_that_do_not_follow_from_each_other_are_refused(raw):
    told = read_transcript(PLAN, raw)
    record = find_frame(raw, FrameKind.RECORD)
    first, second = (told.get_record(step).to_bytes() for step in (1, 2))
    output, state = find_frame(raw, FrameKind.OUTPUT), find_frame(raw, FrameKind.STATE)
    last = find_frame(raw, FrameKind.OUTPUT, -1)
    end = find_frame(raw, FrameKind.END)
    body = raw[slice(*list_frames(raw)[output][1:])]
    cases = {
        "the chain of step 1 does not": replace_frame(
            raw, record, frame(FrameKind.RECORD, b"x" * 32 + first[32:])
        ),
        "the chain of step 3 does not": replace_frame(
            raw, record, frame(FrameKind.RECORD, first), frame(FrameKind.RECORD, second)
        ),
        "the state root of the log does not": replace_frame(raw, last),
        "the root does not": replace_frame(raw, end, frame(FrameKind.END, bytes(32))),
        "number of operations is": replace_frame(
            raw, last, *2 * [frame(FrameKind.OUTPUT, raw[slice(*list_frames(raw)[last][1:])])]
        ),
        "number of steps is": replace_frame(raw, find_frame(raw, FrameKind.RECORD, -1)),
        "frame is": replace_frame(raw, record, frame(9, first)),
        "state is": replace_frame(raw, state, frame(FrameKind.STATE, b"short")),
        "log is": replace_frame(raw, output, frame(FrameKind.OUTPUT, body[:-1])),
        "ending is": replace_frame(raw, record, frame(FrameKind.ENDING, b"\0")),
        "segment is": raw.replace(b"gsegment\x01", b"gsegment\x00"),
    }
    for said, changed in cases.items():
        with pytest.raises(MalformedTranscript, match=said):
            read_transcript(PLAN, changed)
    twice = replace_frame(
        raw,
        find_frame(raw, FrameKind.RECORD, 2),
        frame(FrameKind.STATE, told.log.read_state()),
    )
    with pytest.raises(MalformedTranscript, match="log is"):
        read_transcript(PLAN, twice)
    with pytest.raises(ForeignTranscript, match="no segment 3"):
        read_transcript(PLAN, raw.replace(b"gsegment\x01", b"gsegment\x03"))
    assert frame(FrameKind.RECORD, first) in raw


def test_the_log_ends_in_the_record(raw):
    told = read_transcript(PLAN, raw)
    count = len(OPERATIONS)
    for number, what in ((count - 2, "chain"), (count - 1, "state root")):
        lied = rewrite(PLAN, raw, outputs={number: b"\0" + b"x" * 32})
        with pytest.raises(MalformedTranscript, match=f"the {what} of the log"):
            read_transcript(PLAN, lied)
    record = replace(told.get_record(STEP), state_root=b"x" * 32)
    lied = rewrite(PLAN, raw, records={STEP: record}, outputs={count - 1: b"\0" + b"x" * 32})
    assert read_transcript(PLAN, lied).get_record(STEP) == record


def describe(value):
    array = read_array(value)
    form = read_form(array)
    data = b"".join(iterate_blocks(array))
    return form, form.compute_digest(compute_value_root(form, hash_leaves(data))), data


def test_a_value_has_one_digest():
    array = np.array([[0.0, 1.0], [2.0, -0.0]], np.float32)
    plus = np.array([[0.0, 1.0], [2.0, 0.0]], np.float32)
    same = (torch.from_numpy(array), array, np.asfortranarray(array), plus)
    assert len({describe(value)[:2] for value in same}) == 1
    others = (array.T, array.reshape(4), array.astype(np.float64), array[None], 0.0)
    assert len({describe(value)[1] for value in (array, *others)}) == 6
    quiet, other = (
        np.array([bits], np.uint32).view(np.float32) for bits in (0x7FC00000, 0xFFC00001)
    )
    assert describe(quiet) == describe(other)
    assert describe(quiet)[2] == bytes.fromhex("0000c07f")
    form, _digest, data = describe(array)
    assert (read_numbers(form, data).reshape(2, 2) == plus).all()


@pytest.mark.parametrize("numbers", [1, 1023, 1024, 1025, 5000])
def test_leaves_are_of_a_thousand_words(numbers):
    for kind, words in (("f32", 1), ("f64", 2), ("i64", 2)):
        form = Form(kind, (numbers,))
        assert form.size == 4 * words * numbers
        assert form.leaves == -(-words * numbers // 1024)
        assert sum(form.leaf_bytes(leaf) for leaf in range(form.leaves)) == form.size
        assert len(hash_leaves(bytes(form.size))) == 32 * form.leaves
