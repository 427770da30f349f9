"""The task that the demonstration's publisher opens."""

from typing import Any

from walrusd.units import MIST_PER_SUI

SEGMENTS = 6
SEGMENT_STEPS = 25
COMMITTEE = 2
SEGMENTS_PER_SEAT = 3
"""Two seats with three segments each replay all six: no forged segment can slip through."""

AUDIT_BPS = 10_000
"""Every accepted submission is audited, so that each run shows an audit."""

HOUR_S = 3600
SEATS = 2
"""The seats of each verifier: the contract asks for a few more than one submission takes."""
SEAT_LIMIT = 100 * MIST_PER_SUI
"""More than a seat of the devnet's pool takes."""
RATE = 10_000_000
"""What verifiers declare, in segment work a second: measuring on a busy machine would tell little.
"""
CONTRIBUTOR_LIMIT = 5 * MIST_PER_SUI

SCHEMA = {"kind": "tabular-u8", "features": 64, "scale_log2": -4, "classes": 10}
TITLE = "Handwritten digits"
DESCRIPTION = (
    "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI, CC BY 4.0; "
    "8 x 8 pixels and a label"
)


def make_plan(init_seed: bytes) -> dict[str, Any]:
    """Return the plan: a small perceptron on 8 × 8 images."""
    return {
        "version": 1,
        "profile": "exact-q20/2",
        "model": {"kind": "mlp", "inputs": 64, "hidden": [32], "classes": 10},
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


def make_terms(places: int, scheme: str = "pedersen") -> dict[str, Any]:
    """Return the terms: windows of an hour, so that the clock ends them and never a slow machine.

    One place more than there are contributors stays free, so that joining too ends by the clock.
    """
    windows = ("join", "train", "open", "grace", "verify", "jury_commit", "jury_reveal")
    return {
        "scheme": scheme,
        "cost": "public" if scheme == "pedersen" else "private",
        "reward": "1.5 SUI",
        "stake": "2 SUI",
        "verifier_fee": "0.06 SUI",
        "juror_fee": "0.03 SUI",
        "lapse_penalty": "0.2 SUI",
        "late_fee": "0.1 SUI",
        "cancel_fee": "0.01 SUI",
        "verifier_stake": "1.2 SUI",
        "publisher_bond": "1 SUI",
        "max_submissions": places + 1,
        "k_min": 3,
        "committee": COMMITTEE,
        "substitutes": 1,
        "segments_per_seat": SEGMENTS_PER_SEAT,
        "jury": 3,
        "audit_bps": AUDIT_BPS,
        **dict.fromkeys(windows, HOUR_S),
    }


def make_request(init_seed: bytes, dataset: str, places: int, scheme: str) -> dict[str, Any]:
    """Return the parameters of ``task publish``."""
    return {
        "title": TITLE,
        "plan": make_plan(init_seed),
        "datasets": [{"dataset": dataset, "version": 1}],
        "terms": make_terms(places, scheme),
    }
