"""An overflow ends a run in the same step, in every way that the bits can be computed."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.golden.plans import ADAMW, BASE
from tests.golden.run import CONTEXT, SEED
from walrusd.errors import NonFiniteValue
from walrusd.training.native import library
from walrusd.training.numerics import arith, functions
from walrusd.training.numerics.random import batch_rows
from walrusd.training.operators import elementwise, norms
from walrusd.training.operators.attention import causal_attention
from walrusd.training.plan.optimspec import AdamWSpec
from walrusd.training.plan.plan import read_plan
from walrusd.training.q8r import line_attention
from walrusd.training.run import clipping
from walrusd.training.run.aborts import AbortCode
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.optim import AdamW
from walrusd.training.run.state import initial_state, serialize_state
from walrusd.training.run.trace import Assignment
from walrusd.training.run.trainer import SegmentAbort, SegmentResult, attempt_segment
from walrusd.training.run.weights import init_weights, select_frozen

STEPS = 3
COMMON = BASE | {
    "schedule": {"kind": "constant", "warmup_steps": 0},
    "batch": 4,
    "micro_batches": [4],
    "steps": STEPS,
    "segments": 1,
    "segment_steps": STEPS,
    "clipping": {"kind": "global-norm", "limit": "1"},
}
SGD = {"kind": "sgd", "lr": "0.05", "momentum": "0.9"}


def linear(name, outputs):
    return {"layer": "linear", "name": name, "outputs": outputs, "bias": True}


TOKENS = {"kind": "tokens", "length": 6, "vocabulary": 11}
PLANS = {
    "norms": {
        "model": {
            "kind": "layers",
            "input": [12],
            "layers": [
                linear("a", 16),
                {"layer": "rms_norm", "name": "n", "epsilon": "1e-5"},
                {"layer": "relu"},
                linear("b", 16),
                {"layer": "layer_norm", "name": "m", "epsilon": "1e-5"},
                {"layer": "silu"},
                linear("c", 5),
            ],
        },
        "optimizer": SGD,
        "dataset": {"kind": "tabular-u8", "features": 12, "scale_log2": -4, "classes": 5},
    },
    "convnet": {
        "model": {
            "kind": "convnet",
            "image": [1, 4, 4],
            "channels": [3],
            "kernel": 3,
            "pool": 2,
            "hidden": [6],
            "classes": 5,
        },
        "optimizer": SGD,
        "dataset": {"kind": "image-u8", "shape": [1, 4, 4], "scale_log2": -4, "classes": 5},
    },
    "gpt": {
        "model": {
            "kind": "gpt",
            "style": "gpt2",
            "vocabulary": 11,
            "context": 6,
            "width": 8,
            "layers": 1,
            "norm_epsilon": "1e-5",
            "heads": 2,
            "kv_heads": 2,
            "hidden": 12,
            "tied": False,
            "dropout": 26,
        },
        "optimizer": ADAMW,
        "dataset": TOKENS,
    },
    "attention": {
        "model": {
            "kind": "layers",
            "input": [6],
            "layers": [
                {"layer": "embedding", "name": "t", "vocabulary": 11, "width": 8},
                {
                    "layer": "attention",
                    "name": "look",
                    "heads": 2,
                    "kv_heads": 1,
                    "rope_base": 10_000,
                    "bias": False,
                },
                {"layer": "gelu"},
                linear("h", 11),
            ],
        },
        "optimizer": SGD,
        "clipping": "none",
        "dataset": TOKENS,
    },
}
PLANS["adapters"] = PLANS["gpt"] | {
    "model": PLANS["gpt"]["model"]
    | {
        "style": "llama",
        "rope_base": 10_000,
        "dropout": 0,
        "lora": {"rank": 2, "alpha": "4", "targets": ["*.value"], "base_root": "00" * 32},
    }
}
PROFILES = ["exact-q20/2", "exact-q8r/2"]
SCALE = st.sampled_from([-120, -40, 0, 0, 0, 40, 62, 64, 66, 90, 120])


def make_rows(plan):
    random = np.random.default_rng(1)
    if plan.dataset.kind == "tokens":
        return DatasetRows(plan.dataset, random.integers(0, 11, (20, 7)).astype("<u2").tobytes())
    values = random.integers(0, 17, (20, int(np.prod(plan.model.input_shape))))
    labels = random.integers(0, 5, (20, 1))
    return DatasetRows(plan.dataset, np.hstack([values, labels]).astype(np.uint8).tobytes())


def scale_weights(plan, scales):
    """Return initial weights multiplied by powers of two, adapters of which none is zero."""
    weights = init_weights(plan)
    limit = np.finfo(np.float32).max
    with np.errstate(over="ignore"):
        for name, scale in itertools.zip_longest(sorted(weights), scales, fillvalue=0):
            start = np.float32(0.1) if name.endswith(".lora_b") else weights[name]
            scaled = start * np.float32(2.0**scale)
            weights[name] = np.broadcast_to(scaled, weights[name].shape).clip(-limit, limit)
    return weights


def run(plan, weights, rows):
    """Train; return how it ends, and where."""
    state = serialize_state(plan, initial_state(plan, weights))
    assignment = Assignment(plan, CONTEXT, SEED, 3)
    *_, last = attempt_segment(assignment, rows, state, 1, select_frozen(plan, weights))
    if isinstance(last, SegmentAbort):
        return "aborted", last.step, last.code, last.record
    assert isinstance(last, SegmentResult)
    return "done", last.record


def run_in_every_way(plan, weights, rows=None):
    rows = rows or make_rows(plan)
    with pytest.MonkeyPatch.context() as patch:
        ends = [run(plan, weights, rows)]
        with library.definitions_only():
            ends.append(run(plan, weights, rows))
            patch.setattr(arith, "exponents_stay_on_device", True)
            ends.append(run(plan, weights, rows))
            patch.setenv("WALRUSD_PRODUCTS", "int8")
            ends.append(run(plan, weights, rows))
    assert ends[1:] == ends[:1] * 3
    return ends[0]


@pytest.mark.parametrize("examples", [6, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("model", PLANS)
def test_runs_that_explode_end_alike_in_every_way(model, profile, examples):
    plan = read_plan(COMMON | PLANS[model] | {"profile": profile})

    @settings(max_examples=examples, phases=[Phase.generate, Phase.shrink])
    @given(st.lists(SCALE, max_size=len(init_weights(plan))))
    def explode(scales):
        end = run_in_every_way(plan, scale_weights(plan, scales))
        assert end[0] == "done" or end[2] == AbortCode.NON_FINITE

    explode()
    assert run_in_every_way(plan, scale_weights(plan, []))[0] == "done"
    all_large = [120] * len(init_weights(plan))
    assert run_in_every_way(plan, scale_weights(plan, all_large))[0] == "aborted"


@pytest.mark.parametrize("profile", PROFILES)
def test_an_operand_counts_of_which_nothing_more_is_computed(profile):
    """The gradient into the frozen queries of the lowest block is infinite, and goes nowhere."""
    plan = read_plan(COMMON | PLANS["adapters"] | {"profile": profile})
    weights = scale_weights(plan, [])
    random = np.random.default_rng(0)
    for name, weight in weights.items():
        if weight.ndim == 2:
            weights[name] = weight * np.float32(30)
    queries, keys = (f"block00.attention.{part}.weight" for part in ("query", "key"))
    weights[queries] = np.zeros_like(weights[queries])
    signs = random.choice(np.array([-1, 1], np.float32), weights[keys].shape)
    weights[keys] = signs * np.float32(4e37)
    weights["block00.attention.value.weight"] *= np.float32(1e12)
    weights["block00.attention.output.weight"] *= np.float32(1e-9)
    weights["head.weight"] *= np.float32(1e4)
    assert run_in_every_way(plan, weights)[:3] == ("aborted", 1, AbortCode.NON_FINITE)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_micro_batch_ends_before_the_rows_of_the_next_are_read(profile):
    """The gradient of the first overflows, a row of the second is no number: the first counts."""
    plan = read_plan(
        COMMON
        | {
            "profile": profile,
            "model": {
                "kind": "layers",
                "input": [1],
                "layers": [linear("a", 1), linear("b", 1), linear("c", 1)],
            },
            "loss": "mse",
            "optimizer": SGD,
            "batch": 2,
            "micro_batches": [1, 1],
            "clipping": "none",
            "dataset": {"kind": "tabular-f32", "features": 1, "targets": 1},
        }
    )
    weights = {n: np.zeros_like(w) for n, w in init_weights(plan).items()}
    for name, value in {"a": 1.0, "b": 1e25, "c": 1e25}.items():
        weights[f"{name}.weight"] += np.float32(value)
    table = np.zeros((4, 2), "<f4")
    table[:, 1] = 1e10
    bad = batch_rows(SEED, 1, 2, 4)[1]
    for value in (1e10, np.nan):
        table[bad, 1] = value
        rows = DatasetRows(plan.dataset, table.tobytes())
        assert run_in_every_way(plan, weights, rows)[1:3] == (1, AbortCode.NON_FINITE)
    weights["b.weight"] *= 0
    assert run_in_every_way(plan, weights, rows)[1:3] == (1, AbortCode.BAD_DATA)


def both_ways(function):
    """Return what the kernels give and what the definitions give, NaN by one sign."""
    found = function()
    with library.definitions_only():
        expected = function()
    return [[torch.nan_to_num(x, nan=-7.0) for x in side] for side in (found, expected)]


@pytest.mark.parametrize("scale", [1e15, 1e19, 1e20, 1e30, 3e38])
def test_values_of_every_size_are_the_same_with_kernels(scale):
    random = torch.Generator().manual_seed(3)
    x = torch.rand((40, 33), generator=random).mul_(2).sub_(1).mul_(scale)
    x[3] = 1.0
    gain, bias = torch.rand(33), torch.rand(33)
    gate = torch.rand((40, 33))
    adamw = AdamWSpec(lr=0.01, beta1=0.9, beta2=0.95, epsilon=1e-8, weight_decay=0.1)

    def step():
        slots = [{"w": torch.zeros(40, 33)}, {"w": torch.zeros(40, 33)}]
        weights = {"w": torch.ones(40, 33)}
        AdamW(adamw, slots, [1.0, 1.0]).step(weights, {"w": x.clone()}, 0.01)
        return [weights["w"], *(slot["w"] for slot in slots)]

    def normalise():
        y, saved = norms.layer_norm(x, gain, bias, 2.0**-17)
        z, other = norms.rms_norm(x, gain, 2.0**-17)
        back = norms.layer_norm_backward(x, saved, gain)
        return [y, z, *back, *norms.rms_norm_backward(x, other, gain)]

    def activate():
        gelu, silu = elementwise.gelu(x), elementwise.silu(x)
        return [*gelu, *silu, elementwise.gelu_backward(x, x, gate)]

    q = x.view(1, 4, 10, 33)

    def attend():
        outputs = []
        for way in (causal_attention, line_attention.causal_attention):
            y, saved = way(q, q, q)
            outputs += [y, saved.total]
        return outputs

    for function in (normalise, activate, step, attend):
        found, expected = both_ways(function)
        assert all(map(torch.equal, found, expected)), function.__name__


def test_the_root_of_infinity_is_no_number():
    x = torch.tensor([1.0, torch.inf, 4.0])
    assert functions.reciprocal_sqrt(x)[[0, 2]].tolist() == [1.0, 0.5]
    assert bool(functions.reciprocal_sqrt(x)[1].isnan())
    y, _ = norms.rms_norm(torch.full((1, 4), 1e20), torch.ones(4), 2.0**-17)
    assert bool(y.isnan().all())


def test_a_norm_beyond_float32_ends_the_run():
    largest = 2.0**127
    assert clipping.compute_global_norm([torch.tensor([largest])]) == largest
    gradient = torch.full((4,), largest)
    with pytest.raises(NonFiniteValue, match="norm"):
        clipping.clip_by_global_norm([gradient], 1.0)
    assert bool((gradient == largest).all())
