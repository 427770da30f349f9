"""Gradients of whole models against autograd in float64, and what plans of them may say."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.golden.plans import make_convnet, make_gpt, make_llama, make_mlp
from tests.training.reference_models import Reference
from walrusd.errors import MalformedData, NonFiniteValue, PlanRefused
from walrusd.training.layers import rope
from walrusd.training.layers.model import build_model
from walrusd.training.layers.prepared import MicroBatch
from walrusd.training.plan.modelspec import read_model_spec
from walrusd.training.plan.optimspec import AdamWSpec
from walrusd.training.plan.plan import parse_plan, read_plan
from walrusd.training.plan.schedule import ScheduleSpec
from walrusd.training.plan.strict import Fields
from walrusd.training.run import clipping, optim
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.replay import evaluate
from walrusd.training.run.state import initial_state, serialize_state
from walrusd.training.run.trace import Assignment
from walrusd.training.run.trainer import SegmentResult, run_segment
from walrusd.training.run.weights import (
    check_weights,
    init_weights,
    select_frozen,
    weights_from_bytes,
    weights_to_bytes,
)

GPT = {
    "kind": "gpt",
    "vocabulary": 50,
    "context": 13,
    "width": 24,
    "layers": 2,
    "heads": 4,
    "hidden": 40,
    "norm_epsilon": "1e-5",
    "dropout": 0,
}
LORA = {
    "rank": 3,
    "alpha": "6",
    "targets": ["*.query", "*.value", "block01.mlp.*", "head"],
    "base_root": "00" * 32,
}
LLAMA = GPT | {"style": "llama", "kv_heads": 2, "tied": False, "rope_base": 10_000}
MODELS = {
    "mlp": {"kind": "mlp", "inputs": 7, "hidden": [9, 5], "classes": 4},
    "convnet": {
        "kind": "convnet",
        "image": [2, 8, 4],
        "channels": [3, 5],
        "kernel": 3,
        "pool": 2,
        "hidden": [6],
        "classes": 4,
    },
    "gpt2": GPT | {"style": "gpt2", "kv_heads": 4, "tied": True},
    "gpt2-untied": GPT | {"style": "gpt2", "kv_heads": 4, "tied": False},
    "llama": LLAMA,
    "llama-one-key-head": LLAMA | {"kv_heads": 1, "tied": True},
    "llama-lora": LLAMA | {"lora": LORA},
}
NO_GRADIENT = "attention.key.bias"
"""Adding a vector to all keys changes no softmax: the true gradient is zero."""


def make(model):
    """Return the spec, its weights with busy adapters, inputs and labels."""
    spec = read_model_spec(Fields(model, "model"))
    generator = torch.Generator().manual_seed(3)
    weights = {
        tensor.name: torch.full(tensor.shape, tensor.constant)
        + 0.3 * torch.randn(tensor.shape, generator=generator)
        for tensor in (*spec.tensors(), *spec.frozen_tensors())
    }
    if spec.takes_tokens:
        shape = (3, model["context"])
        inputs = torch.randint(0, model["vocabulary"], shape, generator=generator)
        return spec, weights, inputs, torch.randint(0, 50, shape, generator=generator)
    inputs = torch.randn((3, *spec.input_shape), generator=generator)
    return spec, weights, inputs, torch.randint(0, 4, (3,), generator=generator)


@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_those_of_autograd(name):
    spec, weights, inputs, labels = make(MODELS[name])
    frozen = {tensor.name: weights[tensor.name] for tensor in spec.frozen_tensors()}
    trained = {tensor.name: weights[tensor.name] for tensor in spec.tensors()}
    model = build_model(spec, "softmax-cross-entropy", frozen)
    loss, found = model.gradients(model.prepare(trained), inputs, labels, 3, MicroBatch())
    reference = Reference(spec, weights)
    outputs = reference(inputs)
    expected = functional.cross_entropy(outputs.reshape(-1, outputs.shape[-1]), labels.reshape(-1))
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    assert found.keys() == trained.keys()
    for tensor, gradient in found.items():
        true = reference.weights[tensor].grad
        if tensor.endswith(NO_GRADIENT):
            assert float(gradient.abs().max()) < 1e-5
        else:
            assert float((gradient - true).abs().max()) < 1e-4 * float(true.abs().max()), tensor


def test_the_mean_squared_error_has_its_gradient():
    spec, weights, inputs, _labels = make(MODELS["mlp"])
    targets = torch.randn((3, 4), generator=torch.Generator().manual_seed(1))
    model = build_model(spec, "mse")
    loss, found = model.gradients(model.prepare(weights), inputs, targets, 3, MicroBatch())
    reference = Reference(spec, weights)
    expected = functional.mse_loss(reference(inputs), targets.double())
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    for tensor, gradient in found.items():
        assert torch.allclose(gradient.double(), reference.weights[tensor].grad, atol=1e-5)


def test_a_model_written_out_is_the_family():
    listed = {
        "kind": "layers",
        "input": [2, 8, 4],
        "layers": [
            {"layer": "conv2d", "name": "conv00", "outputs": 3, "kernel": 3, "padding": 1},
            {"layer": "relu"},
            {"layer": "average_pool", "size": 2},
            {"layer": "conv2d", "name": "conv01", "outputs": 5, "kernel": 3, "padding": 1},
            {"layer": "relu"},
            {"layer": "average_pool", "size": 2},
            {"layer": "flatten"},
            {"layer": "linear", "name": "linear00", "outputs": 6, "bias": True},
            {"layer": "relu"},
            {"layer": "linear", "name": "linear01", "outputs": 4, "bias": True},
        ],
    }
    spec = read_model_spec(Fields(listed, "model"))
    family = read_model_spec(Fields(MODELS["convnet"], "model"))
    assert (spec.layers, spec.tensors()) == (family.layers, family.tensors())
    assert spec.to_json() == listed
    assert spec.multiply_adds() == 8 * 4 * 3 * 18 + 4 * 2 * 5 * 27 + 10 * 6 + 6 * 4


EVERY_LAYER = {
    "kind": "layers",
    "input": [6],
    "layers": [
        {"layer": "embedding", "name": "table", "vocabulary": 11, "width": 8},
        {"layer": "positions", "name": "places"},
        {"layer": "dropout", "name": "drop", "threshold": 20},
        {
            "layer": "residual",
            "layers": [
                {"layer": "layer_norm", "name": "norm", "epsilon": "0x1.4f8b58p-17"},
                {
                    "layer": "attention",
                    "name": "look",
                    "heads": 2,
                    "kv_heads": 1,
                    "rope_base": 100,
                    "bias": True,
                },
            ],
        },
        {"layer": "rms_norm", "name": "norm2", "epsilon": "0x1.4f8b58p-17"},
        {"layer": "gated_mlp", "name": "feed", "hidden": 12},
        {"layer": "linear", "name": "up", "outputs": 10, "bias": False},
        {"layer": "gelu"},
        {"layer": "linear", "name": "down", "outputs": 10, "bias": True},
        {"layer": "silu"},
        {"layer": "linear", "name": "head", "outputs": 11, "bias": False},
    ],
}


def test_every_kind_of_layer_can_be_listed_and_trained():
    document = make_gpt() | {
        "model": EVERY_LAYER,
        "dataset": {"kind": "tokens", "length": 6, "vocabulary": 11},
    }
    plan = read_plan(document)
    assert parse_plan(plan.to_bytes()) == plan
    data = np.random.default_rng(2).integers(0, 11, (40, 7)).astype("<u2").tobytes()
    state = serialize_state(plan, initial_state(plan, init_weights(plan)))
    assignment = Assignment(plan, b"c" * 32, b"s" * 32, 3)
    *_, first = run_segment(assignment, DatasetRows(plan.dataset, data), state, 1)
    *_, again = run_segment(assignment, DatasetRows(plan.dataset, data), state, 1)
    assert isinstance(first, SegmentResult)
    assert first == again
    losses = [step[0] for step in first.record.losses]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"layer": "linear", "name": "x", "outputs": 3}, "model.layers[0].bias"),
        ({"layer": "average_pool", "size": 3}, "model.layers[0].layer"),
        ({"layer": "flow"}, "model.layers[0].layer"),
        ({"layer": "relu", "name": "x"}, "model.layers[0].name"),
        ({"layer": "dropout", "name": "x", "threshold": 256}, "model.layers[0].threshold"),
        ({"layer": "residual", "layers": []}, "model.layers[0].layers"),
        (
            {"layer": "residual", "layers": [{"layer": "flatten"}]},
            "model.layers[0].layer",
        ),
        (
            {
                "layer": "attention",
                "name": "x",
                "heads": 3,
                "kv_heads": 1,
                "rope_base": 0,
                "bias": False,
            },
            "model.layers[0].heads",
        ),
    ],
)
def test_layers_that_do_not_fit_are_refused_by_name(change, key):
    document = {"kind": "layers", "input": [4, 8], "layers": [change]}
    with pytest.raises(PlanRefused) as caught:
        read_model_spec(Fields(document, "model"))
    assert caught.value.fields["key"] == key


@pytest.mark.parametrize(
    ("model", "changes", "key"),
    [
        ("llama", {"heads": 5}, "model.heads"),
        ("llama", {"kv_heads": 3}, "model.kv_heads"),
        ("llama", {"style": "bert"}, "model.style"),
        ("llama", {"context": 8193}, "model.context"),
        ("gpt2", {"kv_heads": 2}, "model.kv_heads"),
        ("gpt2", {"rope_base": 10_000}, "model.rope_base"),
        ("convnet", {"pool": 3}, "model.pool"),
        ("convnet", {"kernel": 4}, "model.kernel"),
        ("llama", {"lora": LORA | {"targets": ["*.nothing"]}}, "model.lora"),
        ("llama", {"lora": LORA | {"rank": 0}}, "model.lora.rank"),
        ("llama", {"tied": 1}, "model.tied"),
    ],
)
def test_models_that_cannot_be_are_refused_by_name(model, changes, key):
    with pytest.raises(PlanRefused) as caught:
        read_model_spec(Fields(MODELS[model] | changes, "model"))
    assert caught.value.fields["key"] == key


@pytest.mark.parametrize("make_plan", [make_mlp, make_convnet, make_gpt, make_llama])
def test_plans_survive_their_canonical_form(make_plan):
    plan = read_plan(make_plan())
    assert parse_plan(plan.to_bytes()) == plan
    state = serialize_state(plan, initial_state(plan, init_weights(plan)))
    assert len(state) == plan.state_bytes


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"dataset": {"kind": "tokens", "length": 31, "vocabulary": 90}}, "dataset.length"),
        ({"dataset": {"kind": "tokens", "length": 32, "vocabulary": 3}}, "dataset.vocabulary"),
        ({"loss": "mse"}, "loss"),
        ({"schedule": {"kind": "cosine", "warmup_steps": 1}}, "schedule.floor"),
        ({"schedule": {"kind": "constant", "warmup_steps": 999}}, "schedule.warmup_steps"),
        ({"clipping": {"kind": "value", "limit": "1"}}, "clipping.kind"),
        ({"clipping": "some"}, "clipping"),
        ({"optimizer": {"kind": "adam"}}, "optimizer.kind"),
        (
            {"dataset": {"kind": "tabular-u8", "features": 32, "scale_log2": 0, "classes": 90}},
            "dataset.kind",
        ),
    ],
)
def test_plans_whose_parts_do_not_fit_are_refused_by_name(changes, key):
    with pytest.raises(PlanRefused) as caught:
        read_plan(make_gpt() | changes)
    assert caught.value.fields["key"] == key


# --- adapters ----------------------------------------------------------------------------------


def test_adapters_are_bound_to_their_base():
    plan = read_plan(make_llama())
    weights = init_weights(plan)
    check_weights(plan, weights)
    data = weights_to_bytes(plan, weights)
    back = weights_from_bytes(plan, data)
    assert all(np.array_equal(back[name], weights[name]) for name in weights)
    other = weights | {"norm.weight": weights["norm.weight"] * np.float32(2)}
    with pytest.raises(MalformedData, match="base_root"):
        check_weights(plan, other)
    with pytest.raises(MalformedData, match=r"tokens\.weight"):
        check_weights(plan, {n: w for n, w in weights.items() if n != "tokens.weight"})
    names = {tensor.name for tensor in plan.model.tensors()}
    assert names.isdisjoint(select_frozen(plan, weights))
    assert plan.weight_count == sum(weights[name].size for name in names)


def test_fresh_adapters_change_nothing():
    document = make_llama()
    plan = read_plan(document)
    bare = {key: value for key, value in document["model"].items() if key != "lora"}
    base = read_plan(document | {"model": bare})
    weights = init_weights(plan)
    data = np.arange(33 * 5, dtype=np.int64).reshape(5, 33) % plan.dataset.vocabulary
    rows = DatasetRows(plan.dataset, data.astype("<u2").tobytes())
    assert evaluate(plan, weights, rows) == evaluate(base, select_frozen(plan, weights), rows)


# --- optimizers, schedules, clipping -------------------------------------------------------------


def test_adamw_is_that_of_torch_with_epsilon_in_the_root():
    generator = torch.Generator().manual_seed(4)
    start = torch.randn((5, 3), generator=generator)
    weights, ordinary = {"w": start.clone()}, start.double().requires_grad_(True)
    spec = AdamWSpec(lr=0.01, beta1=0.875, beta2=0.96875, epsilon=2.0**-30, weight_decay=0.125)
    ours = optim.build_optimizer(spec, [{"w": torch.zeros(5, 3)} for _ in spec.slots], [1.0, 1.0])
    theirs = torch.optim.AdamW(
        [ordinary], lr=0.01, betas=(0.875, 0.96875), eps=2.0**-30, weight_decay=0.125
    )
    for _ in range(50):
        gradient = torch.randn((5, 3), generator=generator)
        ours.step(weights, {"w": gradient}, 0.01)
        ordinary.grad = gradient.double()
        theirs.step()
    assert torch.allclose(weights["w"].double(), ordinary, atol=1e-5)
    assert ours.powers == pytest.approx([0.875**50, 0.96875**50], rel=1e-13)


@pytest.mark.parametrize("step", [1, 5, 10, 11, 60, 99, 100])
def test_rates_are_the_real_ones(step):
    cosine = ScheduleSpec("cosine", warmup=10, floor=0.125)
    found = cosine.rate(0.5, step, 100)
    if step <= 10:
        assert found == np.float32(0.5 * step / 10)
    else:
        turn = math.cos(math.pi * (step - 10) / 90)
        assert found == pytest.approx(0.125 + 0.375 * (1 + turn) / 2, rel=1e-7, abs=1e-7)
    assert ScheduleSpec("constant", 10).rate(0.5, step, 100) == np.float32(min(0.5, 0.05 * step))


def test_rope_tables_are_the_real_ones():
    cosine, sine = rope.compute_rope_tables(300, 32, 10_000)
    angles = np.arange(300)[:, None] * 10_000.0 ** (-np.arange(0, 32, 2) / 32)
    assert np.abs(cosine - np.cos(angles)).max() < 1e-7
    assert np.abs(sine - np.sin(angles)).max() < 1e-7


def test_the_global_norm_is_exact_and_clips():
    generator = torch.Generator().manual_seed(9)
    tensors = [torch.randn(shape, generator=generator) for shape in ((200, 100), (7,), (1, 1))]
    norm = clipping.compute_global_norm(tensors)
    true = math.sqrt(sum(float(t.double().pow(2).sum()) for t in tensors))
    assert norm == pytest.approx(true, rel=1e-5)
    assert clipping.compute_global_norm(tensors[::-1]) == norm
    clipping.clip_by_global_norm(tensors, 1.0)
    assert clipping.compute_global_norm(tensors) == pytest.approx(1.0, rel=1e-5)
    before = [t.clone() for t in tensors]
    clipping.clip_by_global_norm(tensors, 2.0)
    assert all(torch.equal(a, b) for a, b in zip(before, tensors, strict=True))
    assert clipping.compute_global_norm([torch.zeros(3)]) == 0.0


def test_the_sum_of_squares_does_not_round_at_its_bound():
    full = torch.full((3, 8192), 1.0 - 2.0**-21)
    units = 2**20
    expected = math.sqrt(3 * 8192 * units * units) * 2.0**-20
    assert clipping.compute_global_norm([full]) == np.float32(expected)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_norm_of_what_is_not_finite_is_refused(bad):
    with pytest.raises(NonFiniteValue):
        clipping.compute_global_norm([torch.ones(2), torch.tensor([bad])])


def test_dropout_depends_on_step_micro_batch_and_name_alone():
    masks = {
        (step, number, name): MicroBatch(step, number, b"s" * 32).draw_mask(
            name, torch.empty(4000), 64
        )
        for step in (1, 2)
        for number in (0, 1)
        for name in ("a", "b")
    }
    shares = [float(mask.float().mean()) for mask in masks.values()]
    assert all(0.7 < share < 0.8 for share in shares)
    assert len({tuple(mask.tolist()) for mask in masks.values()}) == len(masks)
    assert MicroBatch(1, 0).draw_mask("a", torch.empty(3), 64) is None


def test_a_plan_too_large_for_any_memory_is_refused():
    document = make_mlp()
    wide = document["model"] | {"hidden": [32_768] * 2}
    with pytest.raises(PlanRefused, match="over 2147483648 elements"):
        read_plan(document | {"model": wide, "batch": 65_536, "micro_batches": [65_536]})
    with pytest.raises(PlanRefused, match="weights"):
        read_plan(document | {"model": document["model"] | {"hidden": [65_536] * 30}})
