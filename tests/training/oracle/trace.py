"""A whole run as one JSON object: what two implementations must agree on."""

import hashlib

from . import commitments
from .run import Run, compute_cost, compute_step_cost


def describe_segment(segment):
    return {
        "losses": segment.losses,
        "costs": [compute_step_cost(step) for step in segment.losses],
        "chain": segment.chain.hex(),
        "slot_root": segment.slot_root.hex(),
        "state_root": segment.state_root.hex(),
        "leaf": segment.leaf.hex(),
    }


def describe_replay(plan, weights, rows, start, segment, *, seed, context, slots=5):
    """Run one segment from the bytes of a state; return it, and where and why it aborts or None."""
    run = Run(plan, weights, rows, seed=seed, context=context, slots=slots)
    found, failed = run.segment(segment, start)
    return describe_segment(found), failed and (failed[0], failed[1].code)


def describe(plan, weights, rows, *, seed, context, slots=5, segments=None):
    """Train a plan, or its first ``segments``, and return all that the chain would hold of it.

    ``plan``, ``weights`` and ``rows`` are bytes, as for ``Run``; ``weights`` may be None.
    """
    run = Run(plan, weights, rows, seed=seed, context=context, slots=slots)
    root_0 = run.state.root()
    found = {
        "plan_digest": commitments.plan_digest(run.document).hex(),
        "state_root_0": root_0.hex(),
        "segments": [],
    }
    leaves = [commitments.leaf(0, root_0, b"")]
    for number in range(1, (segments or run.plan["segments"]) + 1):
        segment, failed = run.segment(number)
        leaves.append(segment.leaf)
        found["segments"].append(describe_segment(segment))
        if failed:
            found["abort"] = {"segment": number, "step": failed[0], "code": failed[1].code}
            break
    found["trace_root"] = commitments.merkle_root(leaves).hex()
    if "abort" not in found and len(leaves) == run.plan["segments"] + 1:
        found["cost"] = compute_cost(segment.losses)
        found["update"] = hashlib.sha256(run.update().tobytes()).hexdigest()
        found["state"] = hashlib.sha256(run.state.to_bytes()).hexdigest()
    return found
