import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from walrusd.core import protocol
from walrusd.crypto import merkle
from walrusd.errors import BlobCorrupt, MalformedData, NonFiniteValue, PlanRefused
from walrusd.training.numerics.random import batch_rows, compute_segment_rows
from walrusd.training.plan.plan import read_plan
from walrusd.training.run.aborts import ABORTED_STATE, SENTENCES, AbortCode, compute_abort_code
from walrusd.training.run.data import DatasetRows, PackedRows
from walrusd.training.run.replay import evaluate, replay_segment
from walrusd.training.run.state import (
    compute_state_root,
    deserialize_state,
    initial_state,
    serialize_state,
)
from walrusd.training.run.trace import Assignment, SegmentRecord, Trace, TraceRoots
from walrusd.training.run.trainer import (
    Progress,
    SegmentAbort,
    SegmentResult,
    attempt_segment,
    train,
)
from walrusd.training.run.update import compute_cost, compute_update, update_to_bytes
from walrusd.training.run.weights import init_weights

GOLDEN = Path(__file__).parents[1] / "golden" / "training.json"


def test_plan_to_trace_root_is_golden(plan, trained):
    states, records = trained
    start, end = (deserialize_state(plan, s).weights for s in (states[0], states[-1]))
    root_0 = compute_state_root(plan, states[0])
    update = update_to_bytes(compute_update(plan, start, end))
    assert json.loads(GOLDEN.read_text()) == {
        "plan": plan.to_bytes().decode(),
        "plan_digest": plan.digest().hex(),
        "state_root_0": root_0.hex(),
        "leaves": [record.leaf.hex() for record in records],
        "trace_root": Trace(root_0, records).root.hex(),
        "update_sha256": hashlib.sha256(update).hexdigest(),
        "cost": compute_cost(loss for step in records[-1].losses for loss in step),
    }


@pytest.mark.parametrize("segment", [1, 2, 3])
def test_replay_from_the_opened_rows_gives_the_same_record(
    plan, assignment, rows, trained, segment
):
    states, records = trained
    needed = compute_segment_rows(plan, assignment.seed, segment, rows.count)
    packed = PackedRows(plan.dataset, rows.count, needed, rows.rows(needed))
    replayed = replay_segment(assignment, packed, states[segment - 1], segment)
    assert replayed == records[segment - 1]
    tree = protocol.compute_slot_tree(assignment.ctx, segment, assignment.slots, replayed.chain)
    assert (tree.size, tree.root) == (assignment.slots, records[segment - 1].slot_root)


def test_a_resumed_run_equals_an_uninterrupted_one(assignment, rows, trained):
    states, records = trained
    events = list(train(assignment, rows, states[1], start_segment=2))
    done = [event for event in events if isinstance(event, SegmentResult)]
    assert [event.record for event in done] == records[1:]
    assert [event.state_bytes for event in done] == states[2:]
    steps = [event.step for event in events if isinstance(event, Progress)]
    assert steps == list(range(5, 13))


def test_forged_work_is_caught(plan, assignment, rows, trained):
    """A state nudged by one bit, a step skipped, losses made up: no replay equals such a record."""
    states, records = trained
    state = deserialize_state(plan, states[2])
    nudged = {name: tensor.copy() for name, tensor in state.weights.items()}
    nudged["linear00.weight"].view(np.int32)[0, 0] ^= 1
    forged_state = serialize_state(plan, dataclasses.replace(state, weights=nudged))
    forged_root = compute_state_root(plan, forged_state)
    chain = records[1].chain
    slot_root = protocol.compute_slot_tree(assignment.ctx, 2, assignment.slots, chain).root
    forged = dataclasses.replace(
        records[1],
        state_root=forged_root,
        leaf=protocol.compute_leaf(2, forged_root, slot_root),
    )
    honest = replay_segment(assignment, rows, states[1], 2)
    assert honest != forged
    assert honest.leaf != forged.leaf
    skipped = replay_segment(assignment, rows, states[0], 1)
    assert skipped.chain != honest.chain
    another_seed = dataclasses.replace(assignment, seed=b"x" * 32)
    assert replay_segment(another_seed, rows, states[1], 2).state_root != honest.state_root
    another_ctx = dataclasses.replace(assignment, ctx=b"x" * 32)
    copied = replay_segment(another_ctx, rows, states[1], 2)
    assert copied.state_root == honest.state_root
    assert copied.leaf != honest.leaf


def test_a_start_state_of_another_segment_is_refused(assignment, rows, trained):
    with pytest.raises(MalformedData, match="starts after step 4"):
        replay_segment(assignment, rows, trained[0][0], 2)


def test_paths_lead_from_leaves_to_the_trace_root(plan, trained):
    states, records = trained
    trace = Trace(compute_state_root(plan, states[0]), records)
    assert trace.leaves[0] == protocol.compute_leaf_zero(trace.state_root(0))
    for index, leaf in enumerate(trace.leaves):
        merkle.verify_path(trace.root, leaf, index, 4, trace.path(index))
    assert trace.root == protocol.compute_trace_root(trace.leaves)
    with pytest.raises(MalformedData):
        Trace(trace.state_root_0, records[1:])


def test_the_roots_of_a_trace_give_its_leaves(plan, trained):
    states, records = trained
    trace = Trace(compute_state_root(plan, states[0]), records)
    data = trace.roots.to_bytes()
    assert len(data) == 32 + 64 * len(records)
    assert TraceRoots.from_bytes(data) == trace.roots
    assert trace.roots.leaves() == list(trace.leaves)
    for cut in (b"", data[:-1], data[:-32]):
        with pytest.raises(MalformedData):
            TraceRoots.from_bytes(cut)


def test_records_survive_json_and_their_leaf_is_checked(trained):
    record = trained[1][0]
    text = json.dumps(record.to_json())
    assert SegmentRecord.from_json(json.loads(text)) == record
    for change in ({"leaf": "00" * 32}, {"segment": 2}, {"losses": [["x"]]}, {"chain": None}):
        with pytest.raises(MalformedData):
            SegmentRecord.from_json({**json.loads(text), **change})


def abort_of(events) -> SegmentAbort:
    *_, last = events
    assert isinstance(last, SegmentAbort)
    return last


def test_divergence_ends_in_an_abort_that_names_its_step(document, rows):
    wild = read_plan(document(optimizer={"kind": "sgd", "lr": "1000", "momentum": "0.9"}))
    weights = {n: w * np.float32(1e30) for n, w in init_weights(wild).items()}
    start = serialize_state(wild, initial_state(wild, weights))
    assignment = Assignment(wild, b"c" * 32, b"s" * 32, 3)
    abort = abort_of(train(assignment, rows, start))
    assert (abort.record.segment, abort.step, abort.code) == (1, 1, AbortCode.NON_FINITE)
    assert abort.record.state_root == ABORTED_STATE
    first = protocol.compute_chain_start(b"c" * 32, 1, compute_state_root(wild, start))
    chain = protocol.compute_abort_chain(b"c" * 32, 1, 1, AbortCode.NON_FINITE, first)
    assert abort.record.chain == chain
    assert abort_of(attempt_segment(assignment, rows, start, 1)).record == abort.record
    with pytest.raises(NonFiniteValue):
        replay_segment(assignment, rows, start, 1)


def test_a_bad_row_ends_in_an_abort_with_the_work_up_to_there(plan, assignment, rows, trained):
    """The row is bad for everybody who reads it, from whatever it is packed in."""
    states, _records = trained
    chosen = int(batch_rows(assignment.seed, 7, 16, rows.count)[3])
    everything = np.arange(rows.count, dtype=np.int64)
    bad = bytearray(rows.rows(everything))
    bad[13 * chosen + 12] = 9
    events = list(train(assignment, DatasetRows(plan.dataset, bad), states[0]))
    abort = abort_of(events)
    done = [event.record for event in events if isinstance(event, SegmentResult)]
    steps = [event.step for event in events if isinstance(event, Progress)]
    assert abort.code == AbortCode.BAD_DATA
    assert steps == list(range(1, abort.step))
    assert abort.record.segment == len(done) + 1 <= 2
    needed = compute_segment_rows(plan, assignment.seed, abort.record.segment, rows.count)
    source = DatasetRows(plan.dataset, bad)
    packed = PackedRows(plan.dataset, rows.count, needed, source.rows(needed))
    start = states[abort.record.segment - 1]
    again = abort_of(attempt_segment(assignment, packed, start, abort.record.segment))
    assert (again.record, again.step) == (abort.record, abort.step)
    whole = Trace(compute_state_root(plan, states[0]), [*done, abort.record])
    assert len(whole.leaves) == abort.record.segment + 1


def test_too_few_rows_end_before_the_first_step(plan, assignment, row_bytes, state_0):
    few = DatasetRows(plan.dataset, row_bytes[: 31 * 13])
    abort = abort_of(train(assignment, few, state_0))
    assert (abort.step, abort.code) == (1, AbortCode.PLAN_REFUSED)


def test_an_update_too_large_for_its_bits_ends_after_the_last_step(document, rows):
    plan = read_plan(document(update={"scale_bits": 20, "value_bits": 8}))
    assignment = Assignment(plan, b"c" * 32, b"s" * 32, 3)
    weights = init_weights(plan)
    start = serialize_state(plan, initial_state(plan, weights))
    events = list(train(assignment, rows, start, weights=weights))
    abort = abort_of(events)
    assert (abort.record.segment, abort.step) == (3, 13)
    assert abort.code == AbortCode.UPDATE_OVERFLOW
    (*_, last) = (event.state_bytes for event in events if isinstance(event, SegmentResult))
    again = abort_of(attempt_segment(assignment, rows, last, 3, weights=weights))
    assert again.record == abort.record
    without = list(attempt_segment(assignment, rows, last, 3))
    assert isinstance(without[-1], SegmentResult)


def test_every_abort_has_a_sentence_and_a_code_that_stays():
    assert {code.name: int(code) for code in AbortCode} == {
        "BAD_DATA": 1,
        "NON_FINITE": 2,
        "PRODUCT_BOUND": 3,
        "PLAN_REFUSED": 4,
        "UPDATE_OVERFLOW": 5,
    }
    assert set(SENTENCES) == set(AbortCode)
    assert compute_abort_code(PlanRefused("x")) == AbortCode.PLAN_REFUSED
    with pytest.raises(ValueError, match="corrupt"):
        compute_abort_code(BlobCorrupt("x"))


def test_micro_batches_add_up_to_the_batch(document, rows, assignment, state_0, trained):
    """Another split is other bits, by rounding only."""
    whole = read_plan(document(micro_batches=[16]))
    *_, one = train(Assignment(whole, b"c" * 32, b"s" * 32, 3), rows, state_0)
    two = deserialize_state(assignment.plan, trained[0][-1]).weights
    for name, tensor in deserialize_state(whole, one.state_bytes).weights.items():
        assert np.abs(tensor - two[name]).max() < 1e-4
    assert one.record.leaf != trained[1][-1].leaf


def digits_plan(document):
    return read_plan(
        document(
            model={"kind": "mlp", "inputs": 64, "hidden": [64], "classes": 10},
            dataset={"kind": "tabular-u8", "features": 64, "scale_log2": -4, "classes": 10},
            optimizer={"kind": "sgd", "lr": "0.1", "momentum": "0.9"},
            batch=64,
            micro_batches=[64],
            steps=300,
            segments=3,
            segment_steps=100,
        )
    )


def test_a_perceptron_learns_the_digits(document, digits):
    plan = digits_plan(document)
    held_out = np.arange(len(digits)) % 5 == 0
    learn = DatasetRows(plan.dataset, digits[~held_out].tobytes())
    test = DatasetRows(plan.dataset, digits[held_out].tobytes())
    weights = init_weights(plan)
    before = evaluate(plan, weights, test)
    start = serialize_state(plan, initial_state(plan, weights))
    *_, last = train(Assignment(plan, b"c" * 32, b"s" * 32, 3), learn, start)
    after = evaluate(plan, deserialize_state(plan, last.state_bytes).weights, test)
    assert before.accuracy < 0.3
    assert after.rows == 360
    assert after.accuracy >= 0.95
    assert after.loss < before.loss / 5
