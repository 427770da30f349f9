"""The vectors of docs/formats/transcript.md, and how to make them again.

``python -m tests.training.dispute.transcript_vectors --write`` writes the files of
``tests/vectors/transcript``: a plan, its rows and start state, a transcript with a log and its
numbers, one that ends in an error, and what follows from them.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from tests.support.transcripts import read_transcript, write_transcript
from walrusd.core.protocol import TraceContext
from walrusd.training.dispute.evidence import compute_evidence, evidence_to_json
from walrusd.training.dispute.operation import InputSource
from walrusd.training.dispute.operations import compute_operations
from walrusd.training.dispute.recording import SegmentWork
from walrusd.training.dispute.writer import Wanted
from walrusd.training.numerics.random import batch_rows
from walrusd.training.plan.plan import EXACT_Q20, read_plan
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.state import initial_state, serialize_state
from walrusd.training.run.trace import Assignment
from walrusd.training.run.weights import init_weights

DIRECTORY = Path(__file__).parents[2] / "vectors" / "transcript"
ROWS, STEP = 16, 2
NAMED, LEAF = "optimizer wide.weight: first", 1
"""The operation and the leaf of its output whose evidence is given."""

DOCUMENT = {
    "version": 1,
    "profile": EXACT_Q20,
    "init_seed": "2a" * 32,
    "loss": "mse",
    "model": {
        "kind": "layers",
        "input": [40],
        "layers": [
            {"layer": "linear", "name": "wide", "outputs": 30, "bias": False},
            {
                "layer": "residual",
                "layers": [
                    {"layer": "layer_norm", "name": "norm", "epsilon": "1e-5"},
                    {"layer": "gelu"},
                    {"layer": "dropout", "name": "forget", "threshold": 30},
                ],
            },
            {"layer": "gated_mlp", "name": "gated", "hidden": 3},
            {"layer": "linear", "name": "leave", "outputs": 2, "bias": True},
        ],
    },
    "optimizer": {
        "kind": "adamw",
        "lr": "0.01",
        "beta1": "0.9",
        "beta2": "0.95",
        "epsilon": "1e-8",
        "weight_decay": "0.1",
    },
    "schedule": {"kind": "constant", "warmup_steps": 0},
    "clipping": {"kind": "global-norm", "limit": "0.5"},
    "batch": 3,
    "micro_batches": [2, 1],
    "segments": 2,
    "segment_steps": 3,
    "steps": 6,
    "dataset": {"kind": "tabular-f32", "features": 40, "targets": 2},
    "update": {"scale_bits": 20, "value_bits": 24},
}


def make_rows(*, bad_row=None):
    """Return rows of small fractions; the first value of ``bad_row`` is not a number."""
    table = np.array(
        [[(7 * row + 3 * column) % 17 / 8 - 1 for column in range(42)] for row in range(ROWS)],
        "<f4",
    )
    if bad_row is not None:
        table[bad_row, 0] = np.nan
    return table.tobytes()


def make_files():
    """Return the content of all files by name."""
    torch.set_num_threads(1)
    plan = read_plan(DOCUMENT)
    operations = list(compute_operations(plan))
    hashes = (bytes([0x10 + index]) * 32 for index in range(5))
    subject = TraceContext(*hashes, plan.digest(), b"\x19" * 32)
    assignment = Assignment(plan, subject.digest(), subject.seed, 3)
    start = serialize_state(plan, initial_state(plan, init_weights(plan)))
    first, second = (set(batch_rows(subject.seed, n, plan.batch, ROWS).tolist()) for n in (1, STEP))
    bad = min(second - first)
    found = {"plan.json": plan.to_bytes(), "state": start, "rows": make_rows()}
    told = {"step": STEP, "bad_row": bad, "operations": [show(each) for each in operations]}
    for name, rows in (("honest", make_rows()), ("aborted", make_rows(bad_row=bad))):
        work = SegmentWork(assignment, subject, DatasetRows(plan.dataset, rows), {})
        raw = write_transcript(work, start, 1, Wanted(STEP, 1 << 20))
        transcript = read_transcript(plan, raw)
        number = next(each.number for each in operations if each.name == NAMED)
        evidence = compute_evidence(transcript, STEP, number, LEAF)
        found[f"{name}.transcript"] = raw
        told[name] = {
            "outputs": transcript.log.count,
            "operations_root": transcript.log.tree().root().hash.hex(),
            "evidence": evidence_to_json(evidence),
        }
    found["transcript.json"] = json.dumps(told, indent=1).encode() + b"\n"
    return found


def show(operation):
    """Return an operation as JSON: number, kind, name, type, shape, and the inputs."""
    inputs = [
        [each.name, each.source, each.place if each.source == InputSource.OPERATION else each.of]
        for each in operation.inputs
    ]
    form = operation.form
    return [operation.number, operation.kind, operation.name, form.type, list(form.shape), inputs]


def main():
    """Write the files, or say which ones differ."""
    different = []
    for name, content in make_files().items():
        path = DIRECTORY / name
        if "--write" in sys.argv:
            DIRECTORY.mkdir(exist_ok=True)
            path.write_bytes(content)
        elif not path.exists() or path.read_bytes() != content:
            different.append(name)
    if different:
        sys.exit(f"other than in {DIRECTORY}: {', '.join(different)}")


if __name__ == "__main__":
    main()
