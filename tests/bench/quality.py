"""What exactness does to learning: validation loss against ordinary float32 torch.

Both sides start from the same weights and see the same rows in the same order with the same rates;
both end weights are judged by one float64 forward pass. ``python -m tests.bench.quality`` prints
this table alone.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional

from tests.bench.measure import Measurement
from tests.golden.data import cut_rows, read_digits, read_text
from tests.training.reference_models import Reference
from walrusd.training.numerics.random import batch_rows
from walrusd.training.plan.plan import Plan, read_plan
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.state import Tensors, deserialize_state, initial_state, serialize_state
from walrusd.training.run.step import decode_batch
from walrusd.training.run.trace import Assignment
from walrusd.training.run.trainer import SegmentResult, run_segment
from walrusd.training.run.weights import init_weights

PROFILES = ("exact-q20/2", "exact-q8r/2")
"""The columns of the table beside float32."""

SEEDS = 3
CONTEXT = 64
SGD = {"kind": "sgd", "lr": "0.05", "momentum": "0.9"}
ADAMW = {
    "kind": "adamw",
    "lr": "0.002",
    "beta1": "0.9",
    "beta2": "0.95",
    "epsilon": "1e-8",
    "weight_decay": "0.1",
}


@dataclass(frozen=True)
class Subject:
    """One model: what its plan says beside the seed, and its rows to learn and to judge by."""

    name: str
    document: dict[str, Any]
    learn: npt.NDArray[Any]
    judge: npt.NDArray[Any]

    def make_plan(self, seed: int, profile: str) -> Plan:
        """Return the plan: one segment, initial weights by ``seed``."""
        steps = self.document["steps"]
        return read_plan(
            {
                "version": 1,
                "profile": profile,
                "init_seed": bytes([seed] * 32).hex(),
                "loss": "softmax-cross-entropy",
                "segments": 1,
                "segment_steps": steps,
                "micro_batches": [self.document["batch"]],
                "update": {"scale_bits": 20, "value_bits": 24},
                **self.document,
            }
        )


def make_digit_subjects() -> list[Subject]:
    """Return a perceptron and a convnet on the digits; every fifth row judges."""
    digits = read_digits()
    judging = np.arange(len(digits)) % 5 == 0
    common = {
        "optimizer": SGD,
        "schedule": {"kind": "cosine", "warmup_steps": 20, "floor": "0"},
        "clipping": "none",
        "batch": 64,
    }
    perceptron = {
        "model": {"kind": "mlp", "inputs": 64, "hidden": [128, 128], "classes": 10},
        "dataset": {"kind": "tabular-u8", "features": 64, "scale_log2": -4, "classes": 10},
        "steps": 400,
    }
    convnet = {
        "model": {
            "kind": "convnet",
            "image": [1, 8, 8],
            "channels": [16, 32],
            "kernel": 3,
            "pool": 2,
            "hidden": [64],
            "classes": 10,
        },
        "dataset": {"kind": "image-u8", "shape": [1, 8, 8], "scale_log2": -4, "classes": 10},
        "steps": 300,
    }
    return [
        Subject(name, common | document, digits[~judging], digits[judging])
        for name, document in (("MLP, digits", perceptron), ("convnet, digits", convnet))
    ]


def make_text_subject() -> Subject:
    """Return a GPT on the characters of the licence, whose last tenth judges."""
    tokens, vocabulary = read_text()
    cut = len(tokens) * 9 // 10
    model = {
        "kind": "gpt",
        "style": "gpt2",
        "vocabulary": vocabulary,
        "context": CONTEXT,
        "width": 64,
        "layers": 2,
        "heads": 2,
        "kv_heads": 2,
        "hidden": 256,
        "tied": False,
        "norm_epsilon": "1e-5",
        "dropout": 0,
    }
    document = {
        "model": model,
        "dataset": {"kind": "tokens", "length": CONTEXT, "vocabulary": vocabulary},
        "optimizer": ADAMW,
        "schedule": {"kind": "cosine", "warmup_steps": 40, "floor": "0.0002"},
        "clipping": {"kind": "global-norm", "limit": "1"},
        "batch": 16,
        "steps": 400,
    }
    learn, judge = cut_rows(tokens[:cut], CONTEXT, 8), cut_rows(tokens[cut:], CONTEXT, CONTEXT)
    return Subject("GPT, characters", document, learn, judge)


def train_exactly(subject: Subject, plan: Plan, seed: bytes) -> Tensors:
    """Return the weights that a contributor would end with."""
    rows = DatasetRows(plan.dataset, subject.learn.tobytes())
    start = serialize_state(plan, initial_state(plan, init_weights(plan)))
    *_, last = run_segment(Assignment(plan, bytes(32), seed, 3), rows, start, 1)
    assert isinstance(last, SegmentResult)
    return deserialize_state(plan, last.state_bytes).weights


def make_optimizer(plan: Plan, model: Reference) -> torch.optim.Optimizer:
    """Return torch's own optimizer, which decays what the plan's does: no vector."""
    spec, weights = plan.optimizer, model.weights.values()
    if spec.kind == "sgd":
        return torch.optim.SGD(weights, lr=spec.lr, momentum=spec.momentum)
    matrices = [weight for weight in weights if weight.ndim > 1]
    vectors = [weight for weight in weights if weight.ndim == 1]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": spec.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=spec.lr,
        betas=(spec.beta1, spec.beta2),
        eps=spec.epsilon,
    )


def compute_loss(model: Reference, plan: Plan, rows: bytes) -> torch.Tensor:
    """Return the mean cross-entropy over the rows."""
    inputs, targets = decode_batch(plan, rows)
    return functional.cross_entropy(model(inputs).flatten(0, -2), targets.flatten())


def train_ordinarily(subject: Subject, plan: Plan, seed: bytes) -> Tensors:
    """Return the weights after the same steps with float32 autograd."""
    start = {name: torch.from_numpy(weight) for name, weight in init_weights(plan).items()}
    model = Reference(plan.model, start, torch.float32)
    optimizer = make_optimizer(plan, model)
    for step in range(1, plan.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = plan.schedule.rate(plan.optimizer.lr, step, plan.steps)
        chosen = batch_rows(seed, step, plan.batch, len(subject.learn))
        optimizer.zero_grad()
        compute_loss(model, plan, subject.learn[chosen].tobytes()).backward()
        if plan.clipping is not None:
            torch.nn.utils.clip_grad_norm_(list(model.weights.values()), plan.clipping.limit)
        optimizer.step()
    return {name: weight.detach().numpy() for name, weight in model.weights.items()}


def judge(subject: Subject, plan: Plan, weights: Tensors) -> float:
    """Return the validation loss, computed in float64."""
    model = Reference(plan.model, {n: torch.from_numpy(w) for n, w in weights.items()})
    with torch.no_grad():
        return compute_loss(model, plan, subject.judge.tobytes()).item()


@dataclass(frozen=True)
class Quality:
    """The validation losses of one model in one profile and in float32, seed by seed."""

    model: str
    profile: str
    exact: tuple[float, ...]
    ordinary: tuple[float, ...]

    @property
    def spread(self) -> float:
        """How far the seeds of float32 lie apart: what a difference is compared with."""
        return max(self.ordinary) - min(self.ordinary)

    @property
    def difference(self) -> float:
        """The mean over the seeds of exact minus float32."""
        return statistics.mean(self.exact) - statistics.mean(self.ordinary)

    @property
    def largest(self) -> float:
        """The largest magnitude of exact minus float32 with one and the same seed."""
        return max(abs(e - o) for e, o in zip(self.exact, self.ordinary, strict=True))

    def to_measurement(self) -> Measurement:
        """Return the entry of ``results.json``."""
        pairs = ", ".join(
            f"{e:.5f}/{o:.5f}" for e, o in zip(self.exact, self.ordinary, strict=True)
        )
        return Measurement(
            f"quality.{self.model}.{self.profile}",
            statistics.mean(self.exact),
            "nats",
            statistics.mean(self.ordinary),
            f"validation loss, exact/float32 by seed: {pairs}; spread {self.spread:.5f}",
        )


def measure_quality(
    seeds: int = SEEDS, profiles: Sequence[str] = PROFILES, *, steps: int | None = None
) -> list[Quality]:
    """Train every model with every seed, in float32 and in each profile, on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    found = []
    for subject in (*make_digit_subjects(), make_text_subject()):
        if steps is not None:
            subject.document["steps"] = steps
        ordinary: list[float] = []
        exact: dict[str, list[float]] = {profile: [] for profile in profiles}
        for number in range(1, seeds + 1):
            seed = bytes([100 + number] * 32)
            plan = subject.make_plan(number, profiles[0])
            ordinary.append(judge(subject, plan, train_ordinarily(subject, plan, seed)))
            for profile, losses in exact.items():
                plan = subject.make_plan(number, profile)
                losses.append(judge(subject, plan, train_exactly(subject, plan, seed)))
        found += [
            Quality(subject.name, profile, tuple(losses), tuple(ordinary))
            for profile, losses in exact.items()
        ]
    torch.set_num_threads(before)
    return found


def make_quality_table(found: Sequence[Quality]) -> Table:
    """Return one row per model and profile."""
    table = Table(title="Validation loss, mean over the seeds")
    for heading in (
        "model",
        "float32",
        "its spread",
        "profile",
        "exact",
        "minus float32",
        "at most",
    ):
        table.add_column(heading, justify="left" if heading in {"model", "profile"} else "right")
    for one in found:
        table.add_row(
            one.model,
            f"{statistics.mean(one.ordinary):.5f}",
            f"{one.spread:.5f}",
            one.profile,
            f"{statistics.mean(one.exact):.5f}",
            f"{one.difference:+.5f}",
            f"{one.largest:.5f}",
        )
    return table


if __name__ == "__main__":
    Console().print(make_quality_table(measure_quality()))
