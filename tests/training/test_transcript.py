"""The transcript's codec: one encoding, and nothing else is taken for a transcript."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from walrusd.core.protocol import TraceContext, compute_chain_step
from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.errors import MalformedTranscript
from walrusd.training.dispute.transcript import (
    Ending,
    Operation,
    StepLog,
    StepRecord,
    Transcript,
    Value,
    canonicalise,
    compute_value_digest,
    pack_floats,
    unpack_floats,
)
from walrusd.training.dispute.transcript_codec import (
    MAGIC,
    transcript_from_bytes,
    transcript_to_bytes,
)

hashes = st.binary(min_size=32, max_size=32)
floats = st.floats(width=32, allow_nan=False)
names = st.text(min_size=1, max_size=12)


def describe(value):
    kind, shape, raw = canonicalise(value)
    return Value(kind, shape, compute_value_digest(kind, shape, raw)), raw


def make_log(step, record, extra, state, keep):
    """A log whose last operations lead to the record, as every honest one does."""
    kept = {}
    operations = []
    for name, array in extra:
        value, raw = describe(array)
        if keep:
            kept[value.digest] = raw
        operations.append(Operation(name, {"x": value}, {"y": value}))
    if isinstance(record, StepRecord):
        operations.append(Operation("chain", {}, {"chain": describe(record.chain)[0]}))
        operations.append(Operation("state", {}, {"state_root": describe(record.state_root)[0]}))
    return StepLog(step, tuple(operations), state, kept)


@st.composite
def transcripts(draw):
    first = draw(st.integers(1, 1 << 40))
    subject = TraceContext(**{name: draw(hashes) for name in TraceContext.__annotations__})
    made = Transcript(subject, draw(st.integers(1, 1 << 20)), first, draw(hashes), ())
    ending = draw(st.none() | names)
    for step in range(first, first + draw(st.integers(1 if ending is None else 0, 3))):
        losses = pack_floats(tuple(draw(st.lists(floats, max_size=3))))
        folds = pack_floats(tuple(draw(st.lists(floats, max_size=3))))
        chain = compute_chain_step(
            made.chain_before(step), step, unpack_floats(losses), unpack_floats(folds)
        )
        made = replace(
            made, steps=(*made.steps, StepRecord(step, losses, folds, chain, draw(hashes)))
        )
    if ending is not None:
        made = replace(made, ending=Ending(first + len(made.steps), ending))
    if draw(st.booleans()):
        steps = [record.step for record in made.steps]
        step = draw(st.sampled_from(steps + ([] if ending is None else [made.ending.step])))
        shapes = st.lists(st.integers(0, 3), max_size=3)
        drawn = draw(st.lists(st.tuples(names, shapes), max_size=3))
        extra = [(name, np.zeros(shape, np.float32) + i) for i, (name, shape) in enumerate(drawn)]
        state = draw(st.none() | st.binary(max_size=8))
        made = replace(made, log=make_log(step, made.at(step), extra, state, draw(st.booleans())))
    return made


@given(transcripts())
def test_a_transcript_survives_its_encoding(transcript):
    raw = transcript_to_bytes(transcript)
    assert transcript_from_bytes(raw) == transcript
    assert transcript_to_bytes(transcript_from_bytes(raw)) == raw


@given(transcripts(), st.data())
def test_a_changed_byte_is_noticed_or_is_another_transcript(transcript, data):
    raw = bytearray(transcript_to_bytes(transcript))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        found = transcript_from_bytes(bytes(raw))
    except MalformedTranscript:
        return
    assert transcript_to_bytes(found) == bytes(raw)
    assert found != transcript


@given(st.binary(max_size=64))
def test_other_bytes_are_refused(raw):
    for data in (raw, MAGIC + raw):
        with pytest.raises(MalformedTranscript):
            transcript_from_bytes(data)


def make_small():
    subject = TraceContext(*(bytes([i]) * 32 for i in range(7)))
    made = Transcript(subject, 2, 5, b"s" * 32, ())
    for step in (5, 6):
        losses, folds = pack_floats((1.5,)), pack_floats((0.25, -2.0))
        chain = compute_chain_step(made.chain_before(step), step, (1.5,), (0.25, -2.0))
        record = StepRecord(step, losses, folds, chain, bytes([step]) * 32)
        made = replace(made, steps=(*made.steps, record))
    extra = [("op", np.arange(6, dtype=np.float32).reshape(2, 3))]
    return replace(made, log=make_log(6, made.at(6), extra, b"state", True))


def change(path, value):
    """Return a small transcript's bytes with what lies at ``path`` replaced."""
    body = decode_canonical(transcript_to_bytes(make_small())[len(MAGIC) :])
    inner = body
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return MAGIC + encode_canonical(body)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("segment",), 0, "the numbers of segment and step"),
        (("first",), 4, "the order of the steps"),
        (("first",), -1, "first step"),
        (("steps",), [], "the number of steps"),
        (("ending",), [9, "x"], "the step of the error"),
        (("ending",), [7, ""], "ending"),
        (("start_root",), b"q" * 32, "the chain of step 5"),
        (("start_root",), b"q" * 31, "start root"),
        (("steps", 1, 1), pack_floats((2.5,)), "the chain of step 6"),
        (("steps", 1, 1), b"abc", "losses"),
        (("steps", 1), [6], "steps"),
        (("subject", "task"), b"", "task"),
        (("log", "step"), 9, "the step of the log"),
        (("log", "step"), 5, "the chain of the log"),
        (("log", "operations"), [], "the chain of the log"),
        (("log", "operations", 0), ["op"], "operation"),
        (("log", "operations", 0, 1, 0, 1), "f16", "operation"),
        (("log", "operations", 0, 1, 0, 2), [1] * 9, "operation"),
        (("log", "values", 0), b"other", "a value of the log"),
        (("log", "values", 0), bytes(24), "a value of the log"),
        (("log", "values", 0), 7, "values"),
        (("log", "values"), [], "values"),
        (("log", "digests"), [b"d" * 32], "a value of the log"),
    ],
)
def test_what_does_not_follow_is_refused(path, value, said):
    with pytest.raises(MalformedTranscript, match=said):
        transcript_from_bytes(change(path, value))


def test_the_small_transcript_itself_is_taken():
    made = make_small()
    assert transcript_from_bytes(transcript_to_bytes(made)) == made
    assert made.state_root_before(5) == b"s" * 32
    assert made.state_root_before(6) == bytes([5]) * 32
    assert (made.at(4), made.at(7)) == (None, None)


def test_a_value_has_one_description():
    array = np.array([[0.0, 1.0], [2.0, -0.0]], np.float32)
    plus = np.array([[0.0, 1.0], [2.0, 0.0]], np.float32)
    same = (torch.from_numpy(array), array, np.asfortranarray(array), plus)
    assert len({describe(value)[0] for value in same}) == 1
    assert describe(array)[0].shape == (2, 2)
    others = (array.T, array.reshape(4), array.astype(np.float64), 0.0, 0, b"\0" * 16)
    assert len({describe(value)[0].digest for value in (array, *others)}) == 7
    assert describe(np.zeros((), np.int64))[0] == describe(0)[0]
    value, raw = describe(array)
    assert (value.read(raw) == plus).all()
    assert value.size == 16
