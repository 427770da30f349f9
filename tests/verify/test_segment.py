"""``walrusctl verify segment``: a third party does a segment's work again from files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.golden.plans import MODELS, make_document
from tests.golden.run import make_rows
from tests.support.containers import make_container_header
from tests.support.guards import GUARD_S
from tests.support.verification_files import build_verification_file
from walrusd.core.protocol import compute_leaf_zero
from walrusd.crypto.cost import CostFunction
from walrusd.crypto.merkle import compute_root
from walrusd.crypto.number_tree import compute_update_root
from walrusd.crypto.pedersen import pedersen, rows
from walrusd.crypto.vfile.blocks import PedersenBlock
from walrusd.crypto.vfile.header import FileSubject, Quantisation
from walrusd.training.plan.plan import read_plan
from walrusd.training.run.state import compute_state_root, initial_state, serialize_state
from walrusd.training.run.trace import Assignment
from walrusd.training.run.trainer import SegmentResult, train
from walrusd.training.run.weights import init_weights, select_frozen, weights_to_bytes
from walrusd.training.selftest.golden import GOLDEN

SLOTS = 5
SHORT = {
    "segments": 2,
    "segment_steps": 3,
    "steps": 6,
    "schedule": {"kind": "constant", "warmup_steps": 0},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_files(tmp_path_factory.mktemp("segment"), "mlp")


def make_files(folder: Path, model: str) -> Path:
    """Write the files of honest work: plan, weights, states, rows, verification file."""
    plan = read_plan(make_document(model) | SHORT)
    subject = FileSubject(
        *(bytes([i]) * 32 for i in range(6)),
        plan_digest=plan.digest(),
        dataset=bytes(32),
        dataset_version=1,
        dataset_root=b"\x09" * 32,
    )
    source = make_rows(plan)
    data = source.rows(np.arange(source.count, dtype=np.int64))
    weights = init_weights(plan)
    state = serialize_state(plan, initial_state(plan, weights))
    assignment = Assignment(plan, subject.ctx(), subject.seed, SLOTS)
    events = list(train(assignment, source, state, frozen=select_frozen(plan, weights)))
    results = [event for event in events if isinstance(event, SegmentResult)]
    states = [state, *(result.state_bytes for result in results)]
    leaves = [compute_leaf_zero(compute_state_root(plan, state))]
    leaves += [result.record.leaf for result in results]
    update = np.zeros(plan.weight_count, np.int32)
    blindings = list(range(7, 7 - (-plan.weight_count // 4096)))
    commitments = rows.commit_rows(update, blindings)
    update_root = compute_update_root(update)
    context = pedersen.compute_pok_context(subject.ctx(), compute_root(leaves), update_root)
    block = PedersenBlock(
        4096,
        len(commitments),
        rows.compute_scheme_root(commitments),
        pedersen.commit(5, 9),
        pedersen.prove_opening(context, 5, 9),
    )
    file = build_verification_file(
        subject,
        Quantisation(20, 24, plan.weight_count),
        update_root=update_root,
        trace_leaves=leaves,
        scheme=block,
        committed=b"".join(commitments),
        cost=CostFunction({"loss": "x"}, np.zeros(6, np.int64)),
        cost_key=b"k" * 32,
    )
    (folder / "plan.json").write_bytes(plan.to_bytes())
    (folder / "weights.safetensors").write_bytes(weights_to_bytes(plan, weights))
    (folder / "rows.bin").write_bytes(data)
    header = make_container_header(plan.dataset, len(data) // plan.dataset.row_bytes)
    (folder / "rows.safetensors").write_bytes(header + data)
    (folder / "work.wvf").write_bytes(file)
    for number, content in enumerate(states):
        (folder / f"state-{number}").write_bytes(content)
    return folder


def check(
    files, segment=1, rows_file="rows.bin", start=None, plan="plan.json", slots=SLOTS, options=()
):
    start = f"state-{segment - 1}" if start is None else start
    command = [sys.executable, "-m", "walrusctl", "verify", "segment", files / "work.wvf"]
    command += ["--segment", segment, "--plan", files / plan, "--start", files / start]
    command += ["--rows", files / rows_file, "--slots", slots, "--json", *options]
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=GUARD_S,
    )
    return done.returncode, json.loads(done.stdout)


def test_honest_work_is_confirmed_segment_by_segment(files):
    for segment, rows_file in ((1, "rows.bin"), (2, "rows.safetensors")):
        status, told = check(files, segment, rows_file)
        assert (status, told["valid"]) == (0, True), told
        assert told["replayed_leaf"] == told["leaf"]
        assert [c["name"] for c in told["checks"]][-1] == "replay"


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_every_family_in_every_profile_is_confirmed(model, tmp_path):
    files = make_files(tmp_path, model)
    options = ["--weights", files / "weights.safetensors"] if "lora" in model else []
    status, told = check(files, 2, "rows.safetensors", options=options)
    assert (status, told["valid"]) == (0, True), told
    assert told["replayed_leaf"] == told["leaf"]
    status, told = check(files, 2, "rows.bin", start="state-2", options=options)
    assert [c["name"] for c in told["error"]["checks"] if not c["ok"]] == ["replay"]


def test_other_inputs_are_found(files):
    for changes, failed in [
        ({"segment": 2, "start": "state-2"}, "replay"),
        ({"slots": 4}, "replay"),
        ({"start": "state-1"}, "start state"),
    ]:
        status, told = check(files, **changes)
        checks = told["error"]["checks"]
        assert (status, [c["name"] for c in checks if not c["ok"]]) == (1, [failed])


def test_what_cannot_be_checked_is_said(files):
    status, told = check(files, segment=3, start="state-2")
    assert (status, told["error"]["code"]) == (1, "rpc.bad_request")
    status, told = check(files, plan="rows.bin")
    assert (status, told["error"]["code"]) == (1, "plan.refused")


def test_the_selftest_can_be_run_by_hand(monkeypatch):
    command = [sys.executable, "-m", "walrusctl", "verify", "selftest"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"all {len(GOLDEN)} operations give the golden bits\n")
    monkeypatch.setenv("WALRUSD_DEVICE", "cuda:99")
    refused = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"]["code"] == "training.device_refused"
