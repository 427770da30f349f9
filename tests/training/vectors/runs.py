"""Runs of a small perceptron: to the end, with a bad row, with an update that is too large."""

import hashlib
import struct

from . import forms
from .measures import evaluate
from .perceptron import Perceptron, run_plan, step_fields
from .streams import rows_of_step

SLOTS = 5
ROWS, FEATURES, CLASSES = 13, 3, 3
PLAN = {
    "version": 1,
    "profile": "exact-q20/2",
    "model": {"kind": "mlp", "inputs": FEATURES, "hidden": [4], "classes": CLASSES},
    "init_seed": "2a" * 32,
    "loss": "softmax-cross-entropy",
    "optimizer": {"kind": "sgd", "lr": "0x1.99999ap-5", "momentum": "0x1.ccccccp-1"},
    "schedule": {"kind": "cosine", "warmup_steps": 1, "floor": "0x0p+0"},
    "clipping": "none",
    "batch": 3,
    "micro_batches": [2, 1],
    "steps": 4,
    "segments": 2,
    "segment_steps": 2,
    "dataset": {
        "kind": "tabular-u8",
        "features": FEATURES,
        "scale_log2": -8,
        "classes": CLASSES,
    },
    "update": {"scale_bits": 20, "value_bits": 24},
}


def make_rows():
    """Return rows of bytes that look arbitrary: features, and a label."""
    data = hashlib.sha512(b"rows").digest()
    rows = [list(data[4 * i : 4 * i + 3]) for i in range(ROWS)]
    return [[*row, row[0] % CLASSES] for row in rows]


FIELDS = ("chain_id", "package", "task", "contributor")
CONTEXT = {name: bytes([number]) * 32 for number, name in enumerate(FIELDS, 1)}
CONTEXT |= {"seed": bytes(range(32)), "dataset_root": bytes([5]) * 32}


def make_context(plan):
    """Return the fields of a context, by name in order, and their hash."""
    digest = forms.digest("PLAN", forms.canonical_json(plan))
    fields = {name: (CONTEXT | {"plan_digest": digest})[name] for name in forms.FORMS["CTX"]}
    return fields, forms.digest("CTX", *fields.values())


def spell(tag, *fields):
    """Return a form with its fields as they are hashed, the bytes that are, and the hash."""
    hashed = {"preimage": forms.preimage(tag, *fields), "hash": forms.digest(tag, *fields)}
    return {"tag": tag} | forms.written(tag, *fields) | hashed


def spell_start(manifest, state):
    """Return the forms of the root of the state before the first step."""
    text = forms.canonical_json(manifest)
    fields = forms.state_fields(manifest, state)
    return [spell("STATE-MANIFEST", text), spell("STATE", *fields)]


def spell_segment(ctx, segment, start_root):
    """Return every form of a segment, in the order in which they are computed."""
    number = forms.u64(segment["segment"])
    found, chain = [spell("CHAIN", ctx, number, start_root)], segment["chain_start"]
    for step in segment["steps"]:
        found.append(spell("STEP", *step_fields(chain, step)))
        chain = step["chain"]
    return found + spell_leaf(ctx, segment)


def spell_leaf(ctx, segment):
    """Return the forms of one slot and of the leaf of a segment."""
    fields = forms.slot_fields(ctx, segment["segment"], 0, segment["chain"])
    digest = spell("DIGEST", *fields)
    leaf = forms.u64(segment["segment"]), segment["state_root"], segment["slot_root"]
    return [digest, spell("SLOT", digest["hash"]), spell("LEAF", *leaf)]


def find_bad_row(seed, plan):
    """Return a row that step 4 is the first to read."""
    batch, read = plan["batch"], [rows_of_step(seed, t, plan["batch"], ROWS) for t in (1, 2, 3, 4)]
    earlier = {row for rows in read[:3] for row in rows}
    assert batch == len(read[3])
    return next(row for row in read[3] if row not in earlier)


def make_run():
    """The run that ends, with everything on the way."""
    rows = make_rows()
    fields, ctx = make_context(PLAN)
    run, told = run_plan(PLAN, fields["seed"], [bytes(row) for row in rows], ctx, SLOTS)
    packed = struct.pack(f"<{len(told['update'])}i", *told["update"])
    segment = told["segments"][0]
    start = Perceptron(PLAN, fields["seed"], [bytes(row) for row in rows]).state()
    return {
        "plan": PLAN,
        "canonical": forms.canonical_json(PLAN).decode(),
        "plan_digest": fields["plan_digest"],
        "context": fields,
        "ctx": ctx,
        "slots": SLOTS,
        "rows": [bytes(row) for row in rows],
        "initial_weights": run.start,
        "manifest": forms.canonical_json(run.manifest()).decode(),
        "start_state": start,
        "start_entry_roots": forms.entry_roots(run.manifest(), start),
        **told,
        "final_state": run.state(),
        "update_bytes": packed,
        "update_root": forms.number_root(packed),
        "evaluation": evaluate(run),
        "forms": [
            spell("CTX", *fields.values()),
            *spell_start(run.manifest(), start),
            *spell_segment(ctx, segment, told["state_root_0"]),
        ],
    }


def make_bad_row():
    """The same run, in which a row has a label beyond the classes."""
    fields, ctx = make_context(PLAN)
    rows = make_rows()
    bad = find_bad_row(fields["seed"], PLAN)
    rows[bad][-1] = CLASSES
    _, told = run_plan(PLAN, fields["seed"], [bytes(row) for row in rows], ctx, SLOTS)
    last = told["segments"][-1]
    abort = told["abort"]
    chain = last["steps"][-1]["chain"]
    numbers = (forms.u64(abort[name]) for name in ("segment", "step", "code"))
    spelled = [spell("ABORT", ctx, *numbers, chain), *spell_leaf(ctx, last)]
    return {"row": bad, "bytes": bytes(rows[bad]), "ctx": ctx, **told, "forms": spelled}


def make_overflow():
    """The same run with an update of two bits."""
    plan = PLAN | {"update": {"scale_bits": 20, "value_bits": 2}}
    fields, ctx = make_context(plan)
    rows = [bytes(row) for row in make_rows()]
    _, told = run_plan(plan, fields["seed"], rows, ctx, SLOTS)
    del told["segments"][0], told["cost"]
    return {"update": plan["update"], "plan_digest": fields["plan_digest"], "ctx": ctx, **told}


def make_runs():
    return {"run": make_run(), "bad_row": make_bad_row(), "overflow": make_overflow()}
