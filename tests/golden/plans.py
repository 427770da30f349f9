"""The golden plans: small models that use every layer, optimizer and schedule, 204 steps each."""

from typing import Any

from tests.golden.data import read_text
from walrusd.training.plan.plan import read_plan
from walrusd.training.run.state import compute_base_root
from walrusd.training.run.weights import init_weights, select_frozen

SEGMENTS = 17
SEGMENT_STEPS = 12
"""One segment is the short run of the quick suite; all of them are more than 200 steps."""

CONTEXT = 32
TARGETS = 8
"""The last row of a digit's pixels is what the regression is to find."""

BASE = {
    "version": 1,
    "profile": "exact-q20/2",
    "init_seed": "2a" * 32,
    "loss": "softmax-cross-entropy",
    "steps": SEGMENTS * SEGMENT_STEPS,
    "segments": SEGMENTS,
    "segment_steps": SEGMENT_STEPS,
    "update": {"scale_bits": 20, "value_bits": 24},
}
ADAMW = {
    "kind": "adamw",
    "lr": "0.002",
    "beta1": "0.9",
    "beta2": "0.95",
    "epsilon": "1e-8",
    "weight_decay": "0.1",
}
COSINE = {"kind": "cosine", "warmup_steps": 20, "floor": "0.0002"}
CLIPPED = {"kind": "global-norm", "limit": "1"}


def make_mlp() -> dict[str, Any]:
    """Two micro-batches of different sizes; SGD with momentum at a constant rate."""
    return BASE | {
        "model": {"kind": "mlp", "inputs": 64, "hidden": [48, 33], "classes": 10},
        "optimizer": {"kind": "sgd", "lr": "0.05", "momentum": "0.9"},
        "schedule": {"kind": "constant", "warmup_steps": 0},
        "clipping": "none",
        "batch": 32,
        "micro_batches": [20, 12],
        "dataset": {"kind": "tabular-u8", "features": 64, "scale_log2": -4, "classes": 10},
    }


def make_convnet() -> dict[str, Any]:
    """Two convolutions with pooling; SGD with momentum after a warm-up."""
    return BASE | {
        "model": {
            "kind": "convnet",
            "image": [1, 8, 8],
            "channels": [6, 12],
            "kernel": 3,
            "pool": 2,
            "hidden": [24],
            "classes": 10,
        },
        "optimizer": {"kind": "sgd", "lr": "0.05", "momentum": "0.9"},
        "schedule": {"kind": "constant", "warmup_steps": 10},
        "clipping": "none",
        "batch": 32,
        "micro_batches": [32],
        "dataset": {"kind": "image-u8", "shape": [1, 8, 8], "scale_log2": -4, "classes": 10},
    }


def make_transformer(style: str, **changes: Any) -> dict[str, Any]:
    """A transformer on the characters of the licence; AdamW, clipping, cosine after a warm-up."""
    _, vocabulary = read_text()
    model = {
        "kind": "gpt",
        "style": style,
        "vocabulary": vocabulary,
        "context": CONTEXT,
        "width": 32,
        "layers": 2,
        "norm_epsilon": "1e-5",
    }
    return BASE | {
        "model": model | changes,
        "optimizer": ADAMW,
        "schedule": COSINE,
        "clipping": CLIPPED,
        "batch": 8,
        "micro_batches": [4, 4],
        "dataset": {"kind": "tokens", "length": CONTEXT, "vocabulary": vocabulary},
    }


def make_gpt() -> dict[str, Any]:
    """GPT-2 style: learned positions, LayerNorm, GELU, dropout, tied embeddings."""
    return make_transformer("gpt2", heads=2, kv_heads=2, hidden=128, tied=True, dropout=26)


def make_llama() -> dict[str, Any]:
    """Llama style: rotary positions, RMSNorm, gated SiLU, grouped queries; adapters alone train."""
    document = make_transformer(
        "llama", heads=4, kv_heads=2, hidden=48, tied=False, rope_base=10_000, dropout=0
    )
    adapters = {"rank": 4, "alpha": "8", "targets": ["*.query", "*.value", "*.mlp.*"]}
    unbound = adapters | {"base_root": "00" * 32}
    plan = read_plan(document | {"model": document["model"] | {"lora": unbound}})
    base = select_frozen(plan, init_weights(plan))
    root = compute_base_root(plan.model.frozen_tensors(), base)
    bound = adapters | {"base_root": root.hex()}
    return document | {"model": document["model"] | {"lora": bound}}


def make_regression() -> dict[str, Any]:
    """Listed layers of every kind that the others lack; mean squared error of real targets."""
    layers = [
        {"layer": "linear", "name": "enter", "outputs": 40, "bias": False},
        {"layer": "rms_norm", "name": "norm_in", "epsilon": "1e-5"},
        {"layer": "silu"},
        {
            "layer": "residual",
            "layers": [
                {"layer": "linear", "name": "inner", "outputs": 40, "bias": True},
                {"layer": "gelu"},
                {"layer": "dropout", "name": "forget", "threshold": 30},
            ],
        },
        {"layer": "gated_mlp", "name": "gated", "hidden": 24},
        {"layer": "layer_norm", "name": "norm_out", "epsilon": "1e-4"},
        {"layer": "linear", "name": "leave", "outputs": TARGETS, "bias": True},
    ]
    return BASE | {
        "model": {"kind": "layers", "input": [64 - TARGETS], "layers": layers},
        "loss": "mse",
        "optimizer": ADAMW,
        "schedule": COSINE,
        "clipping": {"kind": "global-norm", "limit": "0.5"},
        "batch": 24,
        "micro_batches": [8, 16],
        "dataset": {"kind": "tabular-f32", "features": 64 - TARGETS, "targets": TARGETS},
    }


FAMILIES = {
    "mlp": make_mlp,
    "convnet": make_convnet,
    "gpt": make_gpt,
    "llama-lora": make_llama,
    "regression": make_regression,
}
PROFILES = {"": "exact-q20/2", "-q8r": "exact-q8r/2"}
"""By what they append to the name of a model."""

MODELS = {
    f"{family}{suffix}": (family, profile)
    for suffix, profile in PROFILES.items()
    for family in FAMILIES
}


def make_document(model: str) -> dict[str, Any]:
    """Return the plan of a golden model, as a person would write it."""
    family, profile = MODELS[model]
    return FAMILIES[family]() | {"profile": profile}
