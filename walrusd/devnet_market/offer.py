"""What the publisher of the ready market offers: a dataset, and tasks to train on it.

The dataset is synthetic, as an installed walrusd has no other: points of four classes, each class
in two clouds, so that no straight line separates them and a small network does.
"""

import json
import secrets
from typing import Any

import numpy as np

from walrusd.devnet_market.layout import CONTRIBUTORS

FEATURES, CLASSES, ROWS = 16, 4, 1200
CLOUDS_PER_CLASS = 2
SPREAD = 34.0
"""Standard deviation of a cloud; features are 0 to 255."""

SCHEMA = {"kind": "tabular-u8", "features": FEATURES, "scale_log2": -8, "classes": CLASSES}
DATASET_TITLE = "Clouds of points"
DATASET_DESCRIPTION = f"Synthetic: {ROWS} points of {FEATURES} features, in {CLASSES} classes"

SEGMENTS, SEGMENT_STEPS = 4, 40
DAY_S, HOUR_S = 86_400, 3_600

STAKE = "10 SUI"
"""So high that few audits suffice: cheating does not pay under the terms below."""
PLACES = len(CONTRIBUTORS) + 1
"""One place is the newcomer's: training begins when it is taken."""


def make_rows(seed: int = 1) -> bytes:
    """Return the dataset: ``ROWS`` rows of ``FEATURES`` bytes and a label.

    The same seed gives the same rows with the same version of numpy.
    """
    rng = np.random.default_rng(seed)
    # (clouds, features): where the clouds lie
    centres = rng.integers(64, 192, (CLASSES * CLOUDS_PER_CLASS, FEATURES))
    clouds = rng.integers(0, len(centres), ROWS)
    points = centres[clouds] + rng.normal(0.0, SPREAD, (ROWS, FEATURES))
    values = np.clip(np.rint(points), 0, 255).astype(np.uint8)
    labels = (clouds % CLASSES).astype(np.uint8)
    return np.column_stack([values, labels]).tobytes()


def make_plan(init_seed: bytes) -> dict[str, Any]:
    """Return the plan: a small network, trained for some seconds."""
    return {
        "version": 1,
        "profile": "exact-q20/2",
        "model": {"kind": "mlp", "inputs": FEATURES, "hidden": [32], "classes": CLASSES},
        "init_seed": init_seed.hex(),
        "loss": "softmax-cross-entropy",
        "optimizer": {"kind": "sgd", "lr": "0.1", "momentum": "0.9"},
        "schedule": "constant",
        "batch": 64,
        "micro_batches": [32, 32],
        "steps": SEGMENTS * SEGMENT_STEPS,
        "segments": SEGMENTS,
        "segment_steps": SEGMENT_STEPS,
        "dataset": SCHEMA,
        "update": {"scale_bits": 20, "value_bits": 26},
        "clipping": "none",
    }


def make_terms() -> dict[str, Any]:
    """Return the terms. Joining ends when all places are taken, and no window waits for its end."""
    windows = ("train", "open", "grace", "verify", "jury_commit", "jury_reveal")
    return {
        "cost": "public",
        "reward": "0.15 SUI",
        "stake": STAKE,
        "verifier_fee": "0.06 SUI",
        "juror_fee": "0.03 SUI",
        "lapse_penalty": "1 SUI",
        "late_fee": "0.1 SUI",
        "cancel_fee": "0.01 SUI",
        "verifier_stake": "1.2 SUI",
        "publisher_bond": "1 SUI",
        "max_submissions": PLACES,
        "k_min": PLACES,
        "committee": 2,
        "substitutes": 1,
        "segments_per_seat": SEGMENTS // 2,
        "jury": 3,
        "audit_bps": 1200,
        "join": DAY_S,
        **dict.fromkeys(windows, HOUR_S),
    }


def encode_schema() -> bytes:
    """Return the file of the dataset's schema."""
    return json.dumps(SCHEMA).encode() + b"\n"


def make_request(dataset: str, number: int) -> bytes:
    """Return the file of the ``number``-th task on ``dataset``; its first weights are random."""
    request = {
        "title": f"Clouds of points, task {number}",
        "plan": make_plan(secrets.token_bytes(32)),
        "datasets": [{"dataset": dataset, "version": 1}],
        "terms": make_terms(),
    }
    return json.dumps(request, indent=1).encode() + b"\n"
