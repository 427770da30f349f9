"""``walrusctl verify FILE``: what a third party can check with file, keys, model, dataset."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.golden.plans import make_mlp
from tests.support.guards import GUARD_S
from tests.support.openings import DraftOpening, seal_folder
from tests.support.row_tree import RowTree
from tests.support.verification_files import build_verification_file
from walrusd.__main__ import cli
from walrusd.core.pieces.layouts import OpenedCost, OpenedRow
from walrusd.core.protocol import compute_leaf_zero, compute_slot_tree
from walrusd.crypto.cost import CostFunction
from walrusd.crypto.merkle import compute_root
from walrusd.crypto.number_tree import compute_update_root
from walrusd.crypto.pedersen import pedersen, rows
from walrusd.crypto.pedersen.g1 import encode_scalar
from walrusd.crypto.vfile.blocks import PedersenBlock
from walrusd.crypto.vfile.header import FileSubject, Quantisation
from walrusd.training.numerics.random import compute_segment_rows
from walrusd.training.plan.plan import read_plan
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.state import (
    compute_state_root,
    deserialize_state,
    initial_state,
    serialize_state,
)
from walrusd.training.run.trace import Assignment
from walrusd.training.run.trainer import SegmentResult, train
from walrusd.training.run.update import compute_cost, compute_update, update_to_bytes
from walrusd.training.run.weights import init_weights, weights_to_bytes
from walrusd.verify.checklist_text import PROVES
from walrusd.verify.file import opening_aad

DIGITS = Path(__file__).parents[1] / "demo" / "data" / "digits.bin"
SLOTS = 5
DEK, COST_KEY, OPENING_KEY = b"d" * 32, b"k" * 32, b"o" * 32


def make_work(folder):
    """Do honest work, and write all that a third party could be given."""
    plan = read_plan(make_mlp() | {"segments": 2, "segment_steps": 3, "steps": 6})
    data, width = DIGITS.read_bytes(), plan.dataset.row_bytes
    table = [data[i : i + width] for i in range(0, len(data), width)]
    tree = RowTree(DEK, table)
    subject = FileSubject(
        *(bytes([i]) * 32 for i in range(6)),
        plan_digest=plan.digest(),
        dataset=bytes(32),
        dataset_version=1,
        dataset_root=tree.root,
    )
    weights = init_weights(plan)
    start = serialize_state(plan, initial_state(plan, weights))
    assignment = Assignment(plan, subject.ctx(), subject.seed, SLOTS)
    events = train(assignment, DatasetRows(plan.dataset, data), start)
    results = [event for event in events if isinstance(event, SegmentResult)]
    states = [start, *(result.state_bytes for result in results)]
    roots = [compute_state_root(plan, state) for state in states]
    leaves = [compute_leaf_zero(roots[0]), *(result.record.leaf for result in results)]
    end = deserialize_state(plan, states[-1])
    update = compute_update(plan, weights, end.weights)
    blindings = list(range(7, 7 + rows.compute_row_count(update.size)))
    commitments = rows.commit_rows(update, blindings)
    context = pedersen.compute_pok_context(
        subject.ctx(), compute_root(leaves), compute_update_root(update)
    )
    losses = [step for result in results for step in result.record.losses]
    final = compute_cost(loss for step in results[-1].record.losses for loss in step)
    fixed = [round(sum(step) / len(step) * 2**32) for step in losses]
    file = build_verification_file(
        subject,
        Quantisation(plan.update.scale_bits, plan.update.value_bits, update.size),
        update_root=compute_update_root(update),
        trace_leaves=leaves,
        scheme=PedersenBlock(
            4096,
            len(commitments),
            rows.compute_scheme_root(commitments),
            pedersen.commit(final, 9),
            pedersen.prove_opening(context, final, 9),
        ),
        committed=b"".join(commitments),
        cost=CostFunction({"loss": "softmax-cross-entropy"}, np.array(fixed, np.int64)),
        cost_key=COST_KEY,
    )
    indices = sorted(set(compute_segment_rows(plan, subject.seed, 2, len(table)).tolist()))
    opening = DraftOpening(
        state_roots=tuple(roots),
        slot_roots=tuple(
            compute_slot_tree(subject.ctx(), i + 1, SLOTS, result.record.chain).root
            for i, result in enumerate(results)
        ),
        states={1: states[1], 2: states[2]},
        update=update_to_bytes(update),
        openings=tuple(blinding.to_bytes(32, "big") for blinding in blindings),
        cost=OpenedCost(COST_KEY, final, encode_scalar(9)),
        rows={2: tuple(OpenedRow(table[i], tree.proof(i)) for i in indices)},
    )
    for name, bent in {
        "opening": opening,
        "other-cost": replace(opening, cost=replace(opening.cost, final=final - 1)),
        "no-cost": replace(opening, cost=None),
        "other-opening": replace(opening, update=bytes(len(opening.update))),
    }.items():
        seal_folder(folder / name, bent, OPENING_KEY, opening_aad(subject))
    seal_folder(folder / "foreign-opening", opening, bytes(32), opening_aad(subject))
    for name, content in {
        "work.wvf": file,
        "plan.json": plan.to_bytes(),
        "model.safetensors": weights_to_bytes(plan, weights),
        "other.safetensors": weights_to_bytes(
            plan, {name: value + np.float32(1) for name, value in weights.items()}
        ),
        "rows.bin": data,
        "other-rows.bin": data[width:] + data[:width],
        "dataset.key": DEK,
        "cost.key": COST_KEY.hex().encode() + b"\n",
        "opening.key": OPENING_KEY,
    }.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return make_work(tmp_path_factory.mktemp("work"))


def verify(work, *options, file="work.wvf"):
    """Run the command; return its status, what it told, and the status of each check."""
    arguments = [
        str(work / option[1:]) if option.startswith("@") else option
        for option in (f"@{file}", *options)
    ]
    done = CliRunner().invoke(cli, ["verify", *arguments, "--json"])
    told = json.loads(done.stdout)
    report = told.get("error", told)
    statuses = {
        (check["name"] + " " + check.get("subject", "")).strip(): check["status"]
        for check in report.get("checks", ())
    }
    return done.exit_code, report, statuses


ALL = (
    *("--key", "@dataset.key", "--key", "@opening.key", "--opening", "@opening"),
    *("--plan", "@plan.json", "--model", "@model.safetensors", "--dataset", "@rows.bin"),
    *("--rows", "1797"),
)
ALONE = {"layout", "digest", "sections", "trace", "row root", "row commitments", "cost proof"}


def test_a_file_alone_shows_what_it_can(work):
    status, report, statuses = verify(work)
    assert (status, report["valid"], report["anchored"]) == (0, True, False)
    assert {name for name, found in statuses.items() if found == "passed"} == ALONE
    left = [check for check in report["checks"] if check["status"] == "not checked"]
    assert all(check["ok"] is None and "give" in check["detail"] for check in left)
    assert {check["name"] for check in report["checks"]} == set(statuses)
    assert all(check["proves"] == PROVES[check["name"]] for check in report["checks"])


def test_with_everything_every_check_is_made(work):
    _status, report, _statuses = verify(work)
    status, report, statuses = verify(work, *ALL, "--digest", report["digest"])
    assert status == 0, report
    assert set(statuses.values()) == {"passed"}
    assert {"update opened", "opened rows", "difference", "dataset", "anchor"} <= set(statuses)
    assert {"replay of segment 2", "losses of segment 2"} <= set(statuses)
    assert report["cost"]["steps"] == 6
    assert report["cost"]["last"] < report["cost"]["first"]


def test_chosen_segments_are_replayed_from_the_model(work):
    options = ("--plan", "@plan.json", "--model", "@model.safetensors", "--dataset", "@rows.bin")
    status, _report, statuses = verify(work, *options, "--segment", "2", "--key", "@cost.key")
    assert status == 1  # the cost key is not the dataset's
    assert statuses["dataset"] == "failed"
    status, _report, statuses = verify(work, *options, "--segment", "2")
    assert (status, statuses["replay of segment 2"]) == (0, "passed")
    assert statuses["dataset"] == "not checked"
    status, report, _statuses = verify(work, *options, "--segment", "3")
    assert (status, report["code"]) == (1, "rpc.bad_request")


def test_opened_rows_are_enough_for_a_replay(work):
    options = ("--opening", "@opening", "--key", "@opening.key", "--plan", "@plan.json")
    status, _report, statuses = verify(work, *options, "--rows", "1797")
    assert (status, statuses["replay of segment 2"]) == (0, "passed")
    assert statuses["model"] == "not checked"


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"@model.safetensors": "@other.safetensors"}, {"model"}),
        ({"@opening": "@other-opening"}, {"update", "update opened", "difference"}),
        ({"@opening": "@foreign-opening"}, {"opening"}),
        ({"@rows.bin": "@other-rows.bin"}, {"dataset"}),
        ({"@plan.json": "@rows.bin"}, {"plan"}),
        ({"1797": "3000"}, {"opened rows"}),
    ],
)
def test_each_wrong_thing_fails_its_own_check(work, changes, failed):
    status, report, statuses = verify(work, *(changes.get(option, option) for option in ALL))
    assert status == 1
    assert {name for name, found in statuses.items() if found == "failed"} == failed
    assert report["code"] == "proof.invalid"
    assert all(check["detail"] for check in report["checks"] if check["status"] == "failed")


def test_other_rows_give_another_checkpoint(work):
    options = ("--plan", "@plan.json", "--model", "@model.safetensors")
    status, _report, statuses = verify(work, *options, "--dataset", "@other-rows.bin")
    assert (status, statuses["replay of segment 1"]) == (1, "failed")


def test_what_is_no_file_is_said(work, tmp_path):
    (tmp_path / "bad").write_bytes(b"WALRUSDV" + bytes(40))
    done = CliRunner().invoke(cli, ["verify", str(tmp_path / "bad")])
    assert done.exit_code == 1
    assert "FAILED       layout" in done.output
    assert "[file.header]" in done.output
    status, report, _statuses = verify(work, "--key", "@rows.bin")
    assert (status, report["code"]) == (1, "rpc.bad_request")


def test_the_list_reads_well_through_walrusctl(work):
    command = [sys.executable, "-m", "walrusctl", "verify", str(work / "work.wvf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=GUARD_S)
    assert done.returncode == 0, done.stderr
    assert "passed       trace: the checkpoints of the training" in done.stdout
    assert "not checked  replay: this work was done" in done.stdout
    assert "All 7 checks that could be made passed." in done.stdout
