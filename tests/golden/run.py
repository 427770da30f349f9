"""``python -m tests.golden.run MODEL …``: train the golden runs and print their hashes as JSON.

Each line holds the root of the start state and the leaf of each segment, which binds the weights,
the optimizer's state, every loss and every gradient's fold. ``--check`` compares with the files
here; ``--write`` makes them anew, after a change of the definition only.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from tests.golden.data import read_rows
from tests.golden.plans import MODELS, make_document
from walrusd.training.plan.plan import Plan, read_plan
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.state import compute_state_root, initial_state, serialize_state
from walrusd.training.run.trace import Assignment
from walrusd.training.run.trainer import SegmentResult, run_segment
from walrusd.training.run.weights import check_weights, init_weights, select_frozen

HERE = Path(__file__).parent
CONTEXT = b"c" * 32
SEED = b"s" * 32
SLOTS = 5


def make_rows(plan: Plan) -> DatasetRows:
    """Return the rows that a golden plan trains on."""
    schema = plan.dataset
    if schema.kind == "tokens":
        return DatasetRows(schema, read_rows("licence", schema.length))
    if schema.kind == "tabular-f32":
        return DatasetRows(schema, read_rows("pixels"))
    return DatasetRows(schema, read_rows("digits"))


def run(document: dict[str, Any], segments: int | None = None) -> dict[str, Any]:
    """Train the first ``segments`` segments of a plan (all by default) and return the hashes."""
    plan = read_plan(document)
    rows = make_rows(plan)
    weights = init_weights(plan)
    check_weights(plan, weights)
    frozen = select_frozen(plan, weights)
    state = serialize_state(plan, initial_state(plan, weights))
    assignment = Assignment(plan, CONTEXT, SEED, SLOTS)
    found: dict[str, Any] = {
        "state_root_0": compute_state_root(plan, state).hex(),
        "leaves": [],
        "states": [],
        "losses": [],
    }
    for segment in range(1, (segments or plan.segments) + 1):
        *_, result = run_segment(assignment, rows, state, segment, frozen)
        assert isinstance(result, SegmentResult)
        state = result.state_bytes
        found["leaves"].append(result.record.leaf.hex())
        found["states"].append(hashlib.sha256(state).hexdigest())
        found["losses"].append(result.record.losses[-1][-1])
    return found


def read_golden(model: str) -> dict[str, Any]:
    """Return the committed hashes of a model, with its plan."""
    golden: dict[str, Any] = json.loads((HERE / f"{model}.json").read_text())
    return golden


def compare(model: str, found: dict[str, Any]) -> list[str]:
    """Return a sentence for each committed hash that ``found`` does not meet."""
    golden = read_golden(model)
    odd = [] if golden["state_root_0"] == found["state_root_0"] else [f"{model}: start state"]
    for kind in ("leaves", "states"):
        for number, value in enumerate(found[kind]):
            if golden[kind][number] != value:
                odd.append(f"{model}: {kind} of segment {number + 1}")
                break
    return odd


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="tests.golden.run", description=__doc__)
    parser.add_argument("models", nargs="*", default=list(MODELS))
    parser.add_argument("--segments", type=int, help="how many segments of 12 steps; all of them")
    parser.add_argument("--threads", type=int, default=1)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="fail where a hash is another")
    what.add_argument("--write", action="store_true", help="make the files here anew")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    odd = []
    for model in options.models:
        document = make_document(model) if options.write else read_golden(model)["plan"]
        start = time.perf_counter()
        found = run(document, options.segments)
        took = time.perf_counter() - start
        print(json.dumps({"model": model, "seconds": round(took, 2), **found}), flush=True)
        if options.write:
            plan = read_plan(document).to_json()
            text = json.dumps({"plan": plan, **found}, indent=1)
            (HERE / f"{model}.json").write_text(text + "\n")
        if options.check:
            odd += compare(model, found)
    print("\n".join(odd), file=sys.stderr, end="\n" if odd else "")
    return 1 if odd else 0


if __name__ == "__main__":
    sys.exit(main())
