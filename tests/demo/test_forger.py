"""The cheat must be caught by replay and by nothing else."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trio

from tests.adversaries.forger import ForgingTraining
from tests.adversaries.forgery import forge
from tests.adversaries.results import read_records, read_states
from tests.support.openings import DraftOpening, view
from tests.support.row_tree import RowTree
from walrusd.core.opening import verify_opening
from walrusd.core.pieces.layouts import OpenedCost, OpenedRow
from walrusd.errors import BadRequest, MalformedData
from walrusd.market.results import load_trace
from walrusd.services.contributor.committer import cost_function, trace_leaves
from walrusd.training.process.execution import run_train
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.jobs import InitJob
from walrusd.training.run.replay import replay_segment
from walrusd.training.run.replayed import Replayed
from walrusd.training.run.state import (
    compute_state_root,
    deserialize_state,
    initial_state,
    serialize_state,
)
from walrusd.training.run.trace import Assignment, SegmentRecord, Trace
from walrusd.training.run.update import compute_cost, compute_update, update_to_bytes
from walrusd.training.run.weights import init_weights, weights_from_bytes

DEK = bytes(range(32, 64))


def forge_result(job):
    *_, (kind, result) = forge(job)
    assert kind == "result"
    return result


def kinds_of(value):
    """Return the shape of a JSON value: types, keys, lengths."""
    if isinstance(value, dict):
        return {key: kinds_of(item) for key, item in value.items()}
    if isinstance(value, list):
        return [kinds_of(item) for item in value]
    return (type(value), len(value)) if isinstance(value, str) and len(value) == 64 else type(value)


def test_the_result_looks_like_an_honest_one(job, tmp_path):
    honest = json.loads(json.dumps(run_train(replace(job, workdir=str(tmp_path / "honest")))))
    forged = forge_result(job)
    assert kinds_of(forged) == kinds_of(honest)
    assert forged["state_root_0"] == honest["state_root_0"]
    assert forged["trace_root"] != honest["trace_root"]
    for name in ("weights", "update"):
        assert Path(forged[name]).stat().st_size == Path(honest[name]).stat().st_size


def test_states_roots_update_and_cost_fit_together(job, plan):
    forged = forge_result(job)
    records, states = read_records(forged), read_states(forged)
    assert Trace(bytes.fromhex(forged["state_root_0"]), records).root.hex() == forged["trace_root"]
    assert trace_leaves(forged)[1:] == [record.leaf for record in records]
    start = init_weights(plan)
    first = serialize_state(plan, initial_state(plan, start))
    assert states[0] == first
    for record, state in zip(records, states[1:], strict=True):
        assert compute_state_root(plan, state) == record.state_root
        assert deserialize_state(plan, state).step == record.segment * plan.segment_steps
    end = deserialize_state(plan, states[-1]).weights
    published = weights_from_bytes(plan, Path(forged["weights"]).read_bytes())
    assert all(np.array_equal(end[name], published[name]) for name in end)
    update = update_to_bytes(compute_update(plan, start, end))
    assert Path(forged["update"]).read_bytes() == update
    assert np.frombuffer(update, "<i4").any()
    last = [loss for step in records[-1].losses for loss in step]
    assert forged["cost"] == compute_cost(last)
    assert len(cost_function(forged, plan).trajectory) == plan.steps
    means = [np.mean(record.losses) for record in records]
    assert means == sorted(means, reverse=True)


def test_its_opening_passes_every_check_of_an_opening(job, plan, cast):
    forged = forge_result(job)
    width = plan.dataset.row_bytes
    table = [cast.train[i : i + width] for i in range(0, 40 * width, width)]
    tree = RowTree(DEK, table)
    roots = load_trace(forged)
    opening = DraftOpening(
        state_roots=roots.state_roots,
        slot_roots=roots.slot_roots,
        states={0: read_states(forged)[0]},
        update=Path(forged["update"]).read_bytes(),
        openings=(bytes(32),),
        cost=OpenedCost(bytes(32), forged["cost"], bytes(32)),
        rows={1: tuple(OpenedRow(table[i], tree.proof(i)) for i in (3, 17))},
    )
    verified = verify_opening(
        view(opening.to_pieces()),
        segments=plan.segments,
        trace_root=bytes.fromhex(forged["trace_root"]),
        row_root=tree.root,
        row_count=len(table),
    )
    assert list(verified.leaves) == trace_leaves(forged)


def test_a_replay_of_any_segment_gives_another_leaf(job, plan, cast):
    forged = forge_result(job)
    assignment = Assignment(plan, job.ctx, job.seed, job.slots)
    rows = DatasetRows(plan.dataset, cast.train)
    for record, start in zip(read_records(forged), read_states(forged)[:-1], strict=True):
        true = replay_segment(assignment, rows, start, record.segment)
        replayed = Replayed.from_json(true.segment, true.summarize())
        assert replayed.leaf(job.ctx, job.slots) != record.leaf
        assert (true.chain, true.state_root) != (record.chain, record.state_root)


def test_the_same_job_is_forged_the_same_way_and_another_otherwise(job, tmp_path):
    assert forge_result(job)["trace_root"] == forge_result(job)["trace_root"]
    other = replace(job, seed=b"\1" * 32, workdir=str(tmp_path / "other"))
    assert forge_result(other)["trace_root"] != forge_result(job)["trace_root"]


def test_a_record_with_a_changed_loss_still_fits_but_a_changed_root_does_not(job):
    record = read_records(forge_result(job))[0].to_json()
    assert SegmentRecord.from_json({**record, "losses": [[9.0, 9.0]] * 4}).losses[0] == (9.0, 9.0)
    with pytest.raises(MalformedData):
        SegmentRecord.from_json({**record, "state_root": "00" * 32})


async def test_the_backend_forges_training_and_nothing_else(job, monkeypatch):
    monkeypatch.setattr("tests.adversaries.forger.PAUSE_S", 0)
    lines = []

    async def on_line(kind, payload):
        await trio.lowlevel.checkpoint()
        lines.append((kind, payload["segment"]))

    backend = ForgingTraining()
    result = await backend.run(job, on_line)
    assert result == forge_result(job)
    assert lines == [(kind, i) for i in (1, 2, 3) for kind in ("segment", "progress")]

    passed_on = []

    async def run(_self, other, _on_line):
        await trio.lowlevel.checkpoint()
        passed_on.append(other)
        raise BadRequest("as the honest backend says")

    monkeypatch.setattr("walrusd.engine.training_backend.ChildTraining.run", run)
    with pytest.raises(BadRequest):
        await backend.run(InitJob("plan", "work"), on_line)
    assert passed_on == [InitJob("plan", "work")]
