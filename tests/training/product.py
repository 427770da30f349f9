"""What the product makes of a plan, in the form of the second implementation's ``describe``."""

import dataclasses
import hashlib

from walrusd.core.protocol import compute_leaf_zero, compute_trace_root
from walrusd.training.plan.plan import parse_plan
from walrusd.training.run.aborts import ABORTS, compute_abort_code
from walrusd.training.run.costs import compute_step_costs
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.replay import evaluate
from walrusd.training.run.state import (
    compute_state_root,
    deserialize_state,
    initial_state,
    serialize_state,
)
from walrusd.training.run.trace import Assignment
from walrusd.training.run.trainer import SegmentAbort, SegmentResult, attempt_segment, train
from walrusd.training.run.update import compute_cost, compute_update, update_to_bytes
from walrusd.training.run.weights import (
    check_weights,
    init_weights,
    select_frozen,
    weights_from_bytes,
)


def read_weights(plan, data):
    """Return a plan's weights, from a safetensors file or those of its seed, checked."""
    weights = init_weights(plan) if data is None else weights_from_bytes(plan, data)
    check_weights(plan, weights)
    return weights


def describe_record(record):
    return {
        "losses": [list(step) for step in record.losses],
        "costs": compute_step_costs(record.losses).tolist(),
        "chain": record.chain.hex(),
        "slot_root": record.slot_root.hex(),
        "state_root": record.state_root.hex(),
        "leaf": record.leaf.hex(),
    }


def describe(plan, weights, rows, *, seed, context, slots=5):
    """Train a plan as a contributor does; the arguments are those of the other ``describe``."""
    plan = parse_plan(plan)
    weights = read_weights(plan, weights)
    state = serialize_state(plan, initial_state(plan, weights))
    root_0 = compute_state_root(plan, state)
    found = {"plan_digest": plan.digest().hex(), "state_root_0": root_0.hex(), "segments": []}
    leaves = [compute_leaf_zero(root_0)]
    assignment = Assignment(plan, context, seed, slots)
    source, frozen = DatasetRows(plan.dataset, rows), select_frozen(plan, weights)
    for event in train(assignment, source, state, 1, frozen, weights=weights):
        if isinstance(event, SegmentResult | SegmentAbort):
            record = event.record
            leaves.append(record.leaf)
            found["segments"].append(describe_record(record))
        if isinstance(event, SegmentAbort):
            code = int(event.code)
            found["abort"] = {"segment": record.segment, "step": event.step, "code": code}
        if isinstance(event, SegmentResult):
            state = event.state_bytes
    found["trace_root"] = compute_trace_root(leaves).hex()
    if "abort" not in found:
        update = compute_update(plan, weights, deserialize_state(plan, state).weights)
        found["cost"] = compute_cost(loss for step in record.losses for loss in step)
        found["update"] = hashlib.sha256(update_to_bytes(update)).hexdigest()
        found["state"] = hashlib.sha256(state).hexdigest()
    return found


def describe_replay(case, start, segment, *, seed, context, slots=5):
    """Run one segment from the bytes of a state; return its record, and the abort or None."""
    plan = parse_plan(case.plan)
    weights = read_weights(plan, case.weights)
    assignment = Assignment(plan, context, seed, slots)
    source, frozen = DatasetRows(plan.dataset, case.rows), select_frozen(plan, weights)
    *_, last = attempt_segment(assignment, source, start, segment, frozen, weights=weights)
    failed = (last.step, int(last.code)) if isinstance(last, SegmentAbort) else None
    return describe_record(last.record), failed


def describe_evaluation(plan, weights, rows):
    """Return what weights get right of rows, or the number of the error that ends it."""
    plan = parse_plan(plan)
    try:
        found = evaluate(plan, read_weights(plan, weights), DatasetRows(plan.dataset, rows))
    except ABORTS as error:
        return {"abort": int(compute_abort_code(error))}
    return dataclasses.asdict(found) | {"accuracy": found.accuracy}
