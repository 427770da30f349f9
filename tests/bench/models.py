"""The models whose training is measured: as plans, and as ordinary torch with autograd."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from walrusd.training.numerics.random import batch_rows
from walrusd.training.plan.plan import EXACT_Q20, Plan, read_plan
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.step import decode_batch

SEED = bytes(32)
CLASSES = 10
VOCABULARY = 94
CONTEXT = 256

BASE = {
    "version": 1,
    "init_seed": SEED.hex(),
    "loss": "softmax-cross-entropy",
    "schedule": {"kind": "constant", "warmup_steps": 0},
    "clipping": "none",
    "steps": 100_000,
    "segments": 1,
    "segment_steps": 100_000,
    "update": {"scale_bits": 20, "value_bits": 24},
}
SGD = {"kind": "sgd", "lr": "0.03125", "momentum": "0.875"}
ADAMW = {
    "kind": "adamw",
    "lr": "0.001",
    "beta1": "0.9",
    "beta2": "0.95",
    "epsilon": "1e-8",
    "weight_decay": "0.1",
}


def _describe_gpt(width: int, batch: int) -> dict[str, Any]:
    heads = width // 64
    model = {
        "kind": "gpt",
        "style": "gpt2",
        "vocabulary": VOCABULARY,
        "context": CONTEXT,
        "width": width,
        "layers": 4,
        "heads": heads,
        "kv_heads": heads,
        "hidden": 4 * width,
        "tied": False,
        "norm_epsilon": "1e-5",
        "dropout": 0,
    }
    dataset = {"kind": "tokens", "length": CONTEXT, "vocabulary": VOCABULARY}
    return {"model": model, "optimizer": ADAMW, "batch": batch, "dataset": dataset}


MODELS: dict[str, dict[str, Any]] = {
    "mlp": {
        "model": {"kind": "mlp", "inputs": 784, "hidden": [512], "classes": CLASSES},
        "optimizer": SGD,
        "batch": 128,
        "dataset": {
            "kind": "tabular-u8",
            "features": 784,
            "scale_log2": -8,
            "classes": CLASSES,
        },
    },
    "convnet": {
        "model": {
            "kind": "convnet",
            "image": [3, 32, 32],
            "channels": [32, 64],
            "kernel": 3,
            "pool": 2,
            "hidden": [128],
            "classes": CLASSES,
        },
        "optimizer": SGD,
        "batch": 64,
        "dataset": {
            "kind": "image-u8",
            "shape": [3, 32, 32],
            "scale_log2": -8,
            "classes": CLASSES,
        },
    },
    "gpt256": _describe_gpt(256, 8),
    "gpt512": _describe_gpt(512, 4),
}
"""What differs from ``BASE``."""


def make_plan(name: str, profile: str = EXACT_Q20) -> Plan:
    """Return the plan of a model; its one segment is longer than any measurement."""
    described = MODELS[name] | {"profile": profile}
    return read_plan(BASE | described | {"micro_batches": [described["batch"]]})


def make_rows(plan: Plan) -> DatasetRows:
    """Return invented rows, eight batches of them."""
    schema = plan.dataset
    random, count = np.random.default_rng(1), 8 * plan.batch
    if schema.kind == "tokens":
        tokens = random.integers(0, VOCABULARY, (count, CONTEXT + 1), np.uint16)
        return DatasetRows(schema, tokens.tobytes())
    table = random.integers(0, 256, (count, schema.row_bytes), np.uint8)
    table[:, -1] %= CLASSES
    return DatasetRows(schema, table.tobytes())


class Attend(nn.Module):
    """Causal self-attention by torch's fused function."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.maps = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(rows, T, width)``."""
        parts = self.maps(x).view(*x.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(*parts.unbind(0), is_causal=True)
        return self.output(y.transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    """One block of GPT-2."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attend = nn.Sequential(nn.LayerNorm(width), Attend(width, heads))
        self.feed = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, hidden),
            nn.GELU(approximate="tanh"),
            nn.Linear(hidden, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(rows, T, width)``."""
        x = x + self.attend(x)
        return x + self.feed(x)


class Gpt(nn.Module):
    """GPT-2 with an output layer of its own."""

    def __init__(self, model: dict[str, Any]) -> None:
        super().__init__()
        width = model["width"]
        self.tokens = nn.Embedding(model["vocabulary"], width)
        self.positions = nn.Parameter(torch.zeros(model["context"], width))
        blocks = [Block(width, model["heads"], model["hidden"]) for _ in range(model["layers"])]
        self.rest = nn.Sequential(
            *blocks, nn.LayerNorm(width), nn.Linear(width, model["vocabulary"], bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(rows, T, vocabulary)``."""
        return self.rest(self.tokens(x) + self.positions)


def make_module(name: str) -> nn.Module:
    """Return the same model as ``make_plan`` in ordinary torch."""
    model = MODELS[name]["model"]
    if model["kind"] == "gpt":
        return Gpt(model)
    if model["kind"] == "mlp":
        (hidden,) = model["hidden"]
        return nn.Sequential(
            nn.Linear(model["inputs"], hidden), nn.ReLU(), nn.Linear(hidden, CLASSES)
        )
    (first, second), (hidden,) = model["channels"], model["hidden"]
    return nn.Sequential(
        nn.Conv2d(3, first, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(first, second, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(second * 64, hidden),
        nn.ReLU(),
        nn.Linear(hidden, CLASSES),
    )


def make_ordinary(name: str, plan: Plan, rows: DatasetRows) -> Callable[[], object]:
    """Return a thunk that does one step in float32 with autograd and torch's optimizer."""
    module = make_module(name)
    spec = plan.optimizer
    optimizer: torch.optim.Optimizer
    if spec.kind == "sgd":
        optimizer = torch.optim.SGD(module.parameters(), lr=spec.lr, momentum=spec.momentum)
    else:
        betas = (spec.beta1, spec.beta2)
        optimizer = torch.optim.AdamW(module.parameters(), lr=spec.lr, betas=betas)
    steps = iter(range(1, plan.steps))

    def step() -> float:
        chosen = batch_rows(SEED, next(steps), plan.batch, rows.count)
        inputs, targets = decode_batch(plan, rows.rows(chosen))
        optimizer.zero_grad()
        outputs = module(inputs)
        loss = functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
