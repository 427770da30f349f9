"""What overflows ends a run in the same step, on every way that the bits can be computed."""

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.golden.run import CONTEXT, SEED
from walrusd.errors import NonFiniteValue
from walrusd.training import arith, clipping, elementwise, line_attention, norms
from walrusd.training.aborts import AbortCode
from walrusd.training.attention import causal_attention
from walrusd.training.data import DatasetRows
from walrusd.training.native import library
from walrusd.training.optim import AdamW
from walrusd.training.optimspec import AdamWSpec
from walrusd.training.plan import read_plan
from walrusd.training.state import initial_state, serialize_state
from walrusd.training.trace import Assignment
from walrusd.training.trainer import SegmentAbort, SegmentResult, attempt_segment
from walrusd.training.weights import init_weights

STEPS = 3
COMMON = {
    "version": 1,
    "init_seed": "2a" * 32,
    "loss": "softmax-cross-entropy",
    "schedule": {"kind": "constant", "warmup_steps": 0},
    "batch": 4,
    "micro_batches": [4],
    "steps": STEPS,
    "segments": 1,
    "segment_steps": STEPS,
    "update": {"scale_bits": 20, "value_bits": 24},
    "clipping": {"kind": "global-norm", "limit": "1"},
}
SGD = {"kind": "sgd", "lr": "0.05", "momentum": "0.9"}
ADAMW = {
    "kind": "adamw",
    "lr": "0.002",
    "beta1": "0.9",
    "beta2": "0.95",
    "epsilon": "1e-8",
    "weight_decay": "0.1",
}


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
PROFILES = ["exact-q20/1", "exact-q8r/1"]


def make_rows(plan):
    random = np.random.default_rng(1)
    if plan.dataset.kind == "tokens":
        return DatasetRows(plan.dataset, random.integers(0, 11, (20, 7)).astype("<u2").tobytes())
    values = random.integers(0, 17, (20, int(np.prod(plan.model.input_shape))))
    labels = random.integers(0, 5, (20, 1))
    return DatasetRows(plan.dataset, np.hstack([values, labels]).astype(np.uint8).tobytes())


def run(plan, scales):
    """Train from weights that are multiplied by ``scales``; return how it ends, and where."""
    weights = init_weights(plan)
    names = sorted(weights)
    with np.errstate(over="ignore"):
        for name, scale in zip(names, scales, strict=False):
            limit = np.finfo(np.float32).max
            weights[name] = np.clip(weights[name] * np.float32(2.0**scale), -limit, limit)
    state = serialize_state(plan, initial_state(plan, weights))
    assignment = Assignment(plan, CONTEXT, SEED, 3)
    *_, last = attempt_segment(assignment, make_rows(plan), state, 1)
    if isinstance(last, SegmentAbort):
        return "aborted", last.step, last.code, last.record
    assert isinstance(last, SegmentResult)
    return "done", last.record


def run_in_every_way(plan, scales):
    with pytest.MonkeyPatch.context() as patch:
        ends = [run(plan, scales)]
        with library.definitions_only():
            ends.append(run(plan, scales))
            patch.setattr(arith, "exponents_stay_on_device", True)
            ends.append(run(plan, scales))
            patch.setenv("WALRUSD_PRODUCTS", "int8")
            ends.append(run(plan, scales))
    assert ends[1:] == ends[:1] * 3
    return ends[0]


@pytest.mark.parametrize(
    "examples", [6, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("model", PLANS)
def test_runs_that_explode_end_alike_in_every_way(model, profile, examples):
    plan = read_plan(COMMON | PLANS[model] | {"profile": profile})

    @settings(max_examples=examples, phases=[Phase.generate, Phase.shrink])
    @given(st.lists(st.sampled_from([-120, -40, 0, 0, 0, 40, 62, 64, 66, 90, 120]), max_size=9))
    def explode(scales):
        end = run_in_every_way(plan, scales)
        assert end[0] == "done" or end[2] == AbortCode.NON_FINITE

    explode()
    assert run_in_every_way(plan, [])[0] == "done"
    assert run_in_every_way(plan, [120] * len(init_weights(plan)))[0] == "aborted"


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
    assert arith.reciprocal_sqrt(x)[[0, 2]].tolist() == [1.0, 0.5]
    assert bool(arith.reciprocal_sqrt(x)[1].isnan())
    y, _ = norms.rms_norm(torch.full((1, 4), 1e20), torch.ones(4), 2.0**-17)
    assert bool(y.isnan().all())


def test_a_norm_beyond_float32_ends_the_run():
    largest = 2.0**127
    assert clipping.compute_global_norm([torch.tensor([largest])]) == largest
    gradient = torch.full((4,), largest)
    with pytest.raises(NonFiniteValue, match="norm"):
        clipping.clip_by_global_norm([gradient], 1.0)
    assert bool((gradient == largest).all())
