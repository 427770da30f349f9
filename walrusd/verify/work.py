"""The checks that need the plan: model, difference, dataset, replays."""

from pathlib import Path

from walrusd.core.protocol import compute_leaf_zero
from walrusd.crypto.checklist import Checklist
from walrusd.crypto.dataset_rows import compute_row_root
from walrusd.errors import BadRequest, PeerFault, VerificationFailed
from walrusd.training.plan.plan import Plan, parse_plan
from walrusd.training.process.child import apply_limits
from walrusd.training.run.data import DatasetRows, RowSource
from walrusd.training.run.jobs import JobLimits
from walrusd.training.run.state import (
    Tensors,
    compute_state_root,
    deserialize_state,
    initial_state,
    serialize_state,
)
from walrusd.training.run.update import compute_update, update_to_bytes
from walrusd.training.run.weights import weights_from_bytes
from walrusd.training.selftest.selftest import selftest
from walrusd.verify.given import Found, Given
from walrusd.verify.replay import Material, Replay, read_opened_state
from walrusd.verify.rows import iterate_rows, open_given_rows, read_opened_rows

_NEED = {
    "plan": "give --plan with the task's plan",
    "model": "give --model with the task's weights (safetensors), and --plan",
    "difference": "give --opening and its key, --model and --plan",
    "dataset": "give --dataset with its rows, its key with --key, and --plan",
    "replay": "give --plan, --model, and --dataset or an opening with --rows",
}


def check_work(given: Given, found: Found, checks: Checklist) -> None:
    """Run the checks that need the plan; list those that cannot be run, with the reason.

    Raises:
        BadRequest: if a file cannot be read or a segment does not exist.
        DeviceRefused: if this machine does not give the golden bits.
    """
    if given.plan is None:
        for name, why in _NEED.items():
            checks.skipped(name, why)
        return
    path = given.plan
    plan = checks.find("plan", lambda: _read_plan(path, found))
    if plan is None:
        for name in ("model", "difference", "dataset", "replay"):
            checks.skipped(name, "the check of the plan failed")
        return
    if any(segment > plan.segments for segment in given.segments):
        raise BadRequest(f"the plan has {plan.segments} segments, not {max(given.segments)}")
    weights = _check_model(given, found, plan, checks)
    rows = _check_dataset(given, found, plan, checks)
    _check_replays(given, found, Material(plan, weights, rows), checks)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadRequest(f"cannot read {path}: {error.strerror}") from error


def _read_plan(path: Path, found: Found) -> Plan:
    plan = parse_plan(_read(path))
    if plan.digest() != found.file.header.subject.plan_digest:
        raise VerificationFailed("this is not the plan that the file names")
    if len(found.file.trace_leaves) != plan.segments + 1:
        raise VerificationFailed("the trace does not have one leaf for each segment of the plan")
    return plan


def _check_model(given: Given, found: Found, plan: Plan, checks: Checklist) -> Tensors | None:
    if given.model is None:
        checks.skipped("model", _NEED["model"])
        checks.skipped("difference", _NEED["difference"])
        return None
    data = _read(given.model)
    weights = checks.find("model", lambda: _read_start(data, found, plan))
    if weights is None:
        checks.skipped("difference", "the check of the model failed")
    elif found.opening is None:
        checks.skipped("difference", _NEED["difference"])
    else:
        checks.run("difference", lambda: _verify_difference(weights, found, plan))
    return weights


def _read_start(data: bytes, found: Found, plan: Plan) -> Tensors:
    weights = weights_from_bytes(plan, data)
    state = serialize_state(plan, initial_state(plan, weights))
    if compute_leaf_zero(compute_state_root(plan, state)) != found.file.trace_leaves[0]:
        raise VerificationFailed("the trace starts from other weights")
    return weights


def _verify_difference(weights: Tensors, found: Found, plan: Plan) -> None:
    assert found.opening is not None
    end = deserialize_state(plan, read_opened_state(plan, found.opening, plan.segments))
    update = update_to_bytes(compute_update(plan, weights, end.weights))
    if update != found.opening.read_update():
        raise VerificationFailed("the update is not the difference of the weights")


def _check_dataset(given: Given, found: Found, plan: Plan, checks: Checklist) -> RowSource | None:
    if given.dataset is None:
        checks.skipped("dataset", _NEED["dataset"])
        return read_opened_rows(given, found, plan)
    path, root = given.dataset, found.file.header.subject.dataset_root
    if given.keys:
        given.on_step("dataset")
        return checks.find(
            "dataset",
            lambda: _read_listed_rows(plan, path, root, given.keys),
            lambda rows: f"{rows.count} rows",
        )
    checks.skipped("dataset", "the salts of the listed root need the dataset's key: give --key")
    try:
        return open_given_rows(plan, path)
    except PeerFault as fault:
        raise BadRequest(f"{path}: {fault.message}") from fault


def _read_listed_rows(plan: Plan, path: Path, root: bytes, keys: tuple[bytes, ...]) -> DatasetRows:
    rows = open_given_rows(plan, path)
    if not any(compute_row_root(key, iterate_rows(plan, rows)) == root for key in keys):
        raise VerificationFailed("under none of the given keys are these the listed rows")
    return rows


def _check_replays(given: Given, found: Found, material: Material, checks: Checklist) -> None:
    if material.rows is None or (material.weights is None and found.opening is None):
        checks.skipped("replay", _NEED["replay"])
        return
    if material.plan.model.frozen_tensors() and material.weights is None:
        checks.skipped("replay", "a plan with adapters needs --model")
        return
    given.on_step("testing this machine's arithmetic")
    apply_limits(JobLimits(threads=given.threads))
    selftest()
    replay = Replay(found, material, given.on_step)
    for segment in given.segments or replay.default_segments():
        _check_replay(replay, segment, checks)


def _check_replay(replay: Replay, segment: int, checks: Checklist) -> None:
    subject = f"of segment {segment}"
    record = checks.find(
        "replay",
        lambda: replay.run(segment),
        lambda record: f"{len(record.losses)} steps, leaf {record.leaf.hex()}",
        subject=subject,
    )
    if record is not None and replay.found.cost is not None:
        checks.run("losses", lambda: replay.check_losses(record), subject=subject)
