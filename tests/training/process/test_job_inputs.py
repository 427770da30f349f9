"""A file that is not the one that a job was to read ends the job, and says nothing about a plan."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.training.process.child_jobs import segments_of, train_job
from walrusd.engine.training_backend import ChildTraining
from walrusd.errors import JobInputUnusable, WorldFault
from walrusd.runtime.child_output import error_from_json
from walrusd.training.formats.container import METADATA_KEY
from walrusd.training.numerics.random import compute_segment_rows
from walrusd.training.plan.plan import read_plan
from walrusd.training.process.workdir import Checkpoints
from walrusd.training.run.aborts import AbortCode
from walrusd.training.run.jobs import EvaluateJob, ReplayJob, RowsFile, SegmentStart, state_name
from walrusd.training.run.state import compute_state_root
from walrusd.training.run.weights import compute_state_root_0, init_weights, weights_to_bytes

WIDTH = 13
"""The bytes of a row of these tests; the last is the label."""


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def check_refused(outcome, message=""):
    """Check that a job ended with an error of the machine, and told no segment or result."""
    code, lines = outcome
    assert (code, lines[-1][0]) == (3, "error"), lines
    error = error_from_json(lines[-1][1])
    assert isinstance(error, WorldFault)
    assert error.code in ("training.input", "training.failed")
    assert message in error.message
    assert error.hint
    return lines


def verified(files, data, **changes):
    """Return the rows of a job as the daemon names them; ``data`` is what it has verified."""
    fields = {"count": len(data) // WIDTH, "digest": sha256(data)}
    return RowsFile(str(files / "rows"), **{**fields, **changes})


def make_container(schema, data):
    """Return a container of the dataset whose size is a multiple of a row's."""
    shape = [len(data) // WIDTH, WIDTH]
    rows = {"dtype": "U8", "shape": shape, "data_offsets": [0, len(data)]}
    metadata = {METADATA_KEY: json.dumps(schema, sort_keys=True)}
    header = {"__metadata__": metadata, "rows": rows}
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % WIDTH)
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize("is_named", [False, True], ids=["unnamed", "named"])
def test_a_container_is_no_file_of_rows(run, files, plan, row_bytes, is_named):
    (files / "rows").write_bytes(make_container(plan.dataset.to_json(), row_bytes))
    rows = verified(files, row_bytes) if is_named else RowsFile(str(files / "rows"))
    lines = check_refused(run(train_job(files, rows=rows)))
    assert is_named or "container" in lines[-1][1]["message"]
    evaluation = EvaluateJob(str(files / "plan.json"), str(files / "weights"), rows)
    check_refused(run(evaluation))


@pytest.mark.parametrize("size", [0, 1, 74 * WIDTH + 1, 75 * WIDTH + 1])
def test_a_file_of_another_size_holds_no_rows(run, files, row_bytes, size):
    (files / "rows").write_bytes((row_bytes + row_bytes)[:size])
    for rows in (RowsFile(str(files / "rows")), verified(files, row_bytes)):
        check_refused(run(train_job(files, rows=rows)))


def test_a_row_too_few_is_not_another_dataset(run, files, row_bytes):
    """With fewer rows every batch is another, and a plan may seem not to fit."""
    for size in (74 * WIDTH, 20 * WIDTH):
        (files / "rows").write_bytes(row_bytes[:size])
        check_refused(run(train_job(files, rows=verified(files, row_bytes))))
        alone = verified(files, row_bytes, digest=None)
        check_refused(run(train_job(files, rows=alone)), "and the dataset has 75")


def test_a_directory_or_nothing_holds_no_rows(run, files, row_bytes):
    (files / "rows").unlink()
    check_refused(run(train_job(files, rows=verified(files, row_bytes))), "rows")
    (files / "rows").mkdir()
    check_refused(run(train_job(files, rows=verified(files, row_bytes))), "rows")


def spoil(data):
    """Return rows whose labels are no classes."""
    table = np.frombuffer(data, np.uint8).reshape(-1, WIDTH).copy()
    table[:, -1] = 99
    return table.tobytes()


def test_only_verified_rows_abort_a_plan(run, files, row_bytes):
    """The same bad label: damaged on this machine, in the dataset, and in a file of the caller."""
    (files / "rows").write_bytes(spoil(row_bytes))
    check_refused(run(train_job(files, rows=verified(files, row_bytes))), "rows of the dataset")
    for rows in (verified(files, spoil(row_bytes)), RowsFile(str(files / "rows"))):
        code, lines = run(train_job(files, rows=rows))
        assert (code, lines[-1][1]["abort"]["code"]) == (0, AbortCode.BAD_DATA)


def after_segment(monkeypatch, segment, action):
    """Call ``action`` when a segment has been saved."""
    save = Checkpoints.save

    def save_and_act(self, result):
        save(self, result)
        if result.record.segment == segment:
            action()

    monkeypatch.setattr(Checkpoints, "save", save_and_act)


@pytest.mark.parametrize("change", [spoil, lambda data: data[WIDTH:] + data[:WIDTH]])
def test_rows_that_change_during_the_run_end_it_and_leave_nothing(
    run, files, row_bytes, monkeypatch, change
):
    whole = run(train_job(files, workdir=str(files / "whole")))[1][-1][1]
    job = train_job(files, rows=verified(files, row_bytes))
    with monkeypatch.context() as patch:
        after_segment(patch, 1, lambda: (files / "rows").write_bytes(change(row_bytes)))
        check_refused(run(job))
    assert not list((files / "work").glob("segment-*.json"))
    (files / "rows").write_bytes(row_bytes)
    again = run(job)[1][-1][1]
    assert again["trace_root"] == whole["trace_root"]


def flip_first(data):
    return bytes([data[0] ^ 1]) + data[1:]


@pytest.mark.parametrize("change", [flip_first, spoil])
def test_a_flipped_bit_without_a_write_is_found_at_the_end(
    run, files, row_bytes, monkeypatch, change
):
    """Memory and disks change bytes and no times. The second change makes the plan abort."""
    job = train_job(files, rows=verified(files, row_bytes))
    monkeypatch.setattr("walrusd.training.process.inputs._read_stamp", lambda found: ())
    after_segment(monkeypatch, 2, lambda: (files / "rows").write_bytes(change(row_bytes)))
    check_refused(run(job))
    assert not list((files / "work").glob("segment-*.json"))


def test_a_file_that_was_only_touched_is_still_the_file(run, files, row_bytes, monkeypatch):
    after_segment(monkeypatch, 1, lambda: os.utime(files / "rows", (1, 1)))
    assert run(train_job(files, rows=verified(files, row_bytes)))[0] == 0
    unnamed = train_job(files, workdir=str(files / "unnamed"))
    os.utime(files / "rows", (2, 2))
    check_refused(run(unnamed), "changed")


async def test_a_file_cut_during_the_run_ends_the_process(files, document, row_bytes):
    plan = read_plan(document(steps=200_000, segments=10_000, segment_steps=20))
    (files / "plan.json").write_bytes(plan.to_bytes())

    async def cut(kind, _payload):
        if kind == "segment":
            (files / "rows").write_bytes(b"")

    with pytest.raises(WorldFault) as caught:
        await ChildTraining().run(train_job(files, rows=verified(files, row_bytes)), cut)
    assert caught.value.hint


def test_a_plan_that_the_task_does_not_name(run, files, plan, document):
    (files / "plan.json").write_bytes(read_plan(document(batch=10, micro_batches=[10])).to_bytes())
    check_refused(run(train_job(files, plan_digest=plan.digest())), "plan")
    (files / "plan.json").write_bytes(plan.to_bytes()[:-9])
    check_refused(run(train_job(files, plan_digest=plan.digest())), "plan")


def damage_weights(plan):
    """Return files of weights that are not those of the plan's seed."""
    good = init_weights(plan)
    nudged = {name: value.copy() for name, value in good.items()}
    nudged["linear00.weight"].view(np.int32)[0, 0] ^= 1
    data = weights_to_bytes(plan, good)
    infinite = data[:-4] + np.array([np.inf], "<f4").tobytes()
    return [weights_to_bytes(plan, nudged), data[:-1], b"", infinite]


@pytest.mark.parametrize("number", range(4))
def test_weights_that_the_task_does_not_name(run, files, plan, number):
    root = compute_state_root_0(plan, init_weights(plan))
    assert run(train_job(files, state_root_0=root, workdir=str(files / "good")))[0] == 0
    (files / "weights").write_bytes(damage_weights(plan)[number])
    check_refused(run(train_job(files, state_root_0=root)), "weights")


@pytest.fixture
def replay(files, plan, rows, trained, assignment):
    """Return a job that replays segment 2 from packed rows, all its inputs named."""
    states, _records = trained
    needed = compute_segment_rows(plan, assignment.seed, 2, rows.count)
    packed, numbers = rows.rows(needed), needed.astype("<u8").tobytes()
    (files / "packed").write_bytes(packed)
    (files / "numbers").write_bytes(numbers)
    (files / state_name(1)).write_bytes(states[1])

    def make(**changes):
        found = {"indices": str(files / "numbers"), "count": 75}
        found |= {"digest": sha256(packed, numbers)} | changes.pop("rows", {})
        fields = {
            "plan": str(files / "plan.json"),
            "rows": RowsFile(str(files / "packed"), **found),
            "ctx": b"c" * 32,
            "seed": b"s" * 32,
            "slots": 5,
            "segments": (
                SegmentStart(2, str(files / state_name(1)), compute_state_root(plan, states[1])),
            ),
            "weights": str(files / "weights"),
            "plan_digest": plan.digest(),
            "state_root_0": compute_state_root_0(plan, init_weights(plan)),
        }
        return ReplayJob(**{**fields, **changes})

    return make


def flip(path):
    data = bytearray(Path(path).read_bytes())
    data[len(data) // 2] ^= 1
    Path(path).write_bytes(data)


@pytest.mark.parametrize("name", ["packed", "numbers", "weights", "plan.json", state_name(1)])
@pytest.mark.parametrize("damage", [flip, lambda path: os.truncate(path, 8)])
def test_a_replay_of_damaged_files_finds_nothing(run, files, replay, trained, name, damage):
    _states, records = trained
    code, lines = run(replay())
    assert (code, segments_of(lines)[0]["leaf"]) == (0, records[1].leaf.hex())
    damage(files / name)
    assert not segments_of(check_refused(run(replay())))


def test_a_start_state_of_another_length_is_no_finding(run, files, replay):
    """It has no root, so nothing can be said of the segment, even if the job names no root."""
    path = files / state_name(1)
    os.truncate(path, path.stat().st_size - 4)
    segments = (SegmentStart(2, str(path)),)
    assert not segments_of(check_refused(run(replay(segments=segments)), "length of a state"))


def test_a_replay_that_lacks_a_row_finds_nothing(run, files, replay):
    """Not even if nobody has told the digest."""
    os.truncate(files / "packed", WIDTH)
    os.truncate(files / "numbers", 8)
    refused = check_refused(run(replay(rows={"digest": None})), "not among the opened rows")
    assert not segments_of(refused)


def test_the_error_is_one_of_the_machine():
    assert error_from_json({"code": "training.input"}).__class__ is JobInputUnusable
