"""Adapters on somebody's weights, trained and merged: the exported folder is the trained model."""

import json

import numpy as np
import pytest
import torch
import transformers
from click.testing import CliRunner

from tests.golden.plans import make_gpt
from tests.training.formats.test_huggingface import CASES, make
from walrusd.cli.model import model as model_command
from walrusd.errors import ModelRefused
from walrusd.training.formats.pretrained import adopt_pretrained, export_pretrained
from walrusd.training.layers.model import build_model
from walrusd.training.plan.plan import read_plan
from walrusd.training.run.weights import select_frozen, weights_to_bytes


def adopt(kind, changes, targets):
    """Return a plan with adapters and weights as after training: no matrix of them is zero."""
    _theirs, config, tensors = make(kind, **changes)
    lora = {"rank": 2, "alpha": "4", "targets": targets}
    document = make_gpt() | {
        "model": {"kind": "huggingface", "lora": lora},
        "dataset": {"kind": "tokens", "length": 24, "vocabulary": 61},
    }
    filled, weights = adopt_pretrained(document, config, tensors)
    generator = np.random.default_rng(3)
    for name in sorted(weights):
        if name.endswith("lora_b"):
            weights[name] = generator.normal(0, 0.3, weights[name].shape).astype(np.float32)
    return read_plan(filled), weights, tensors


def compute_logits(plan, weights, numbers):
    frozen = {n: torch.from_numpy(w) for n, w in select_frozen(plan, weights).items()}
    model = build_model(plan.model, plan.loss, frozen)
    trained = {spec.name: torch.from_numpy(weights[spec.name]) for spec in plan.model.tensors()}
    return model.outputs(model.prepare(trained), numbers)


def export(plan, weights, folder):
    """Write the folder with the command, and return what ``transformers`` reads from it."""
    (folder / "plan.json").write_bytes(plan.to_bytes())
    (folder / "weights").write_bytes(weights_to_bytes(plan, weights))
    given = {"--plan": "plan.json", "--weights": "weights", "--out": "back"}
    arguments = [part for key, name in given.items() for part in (key, str(folder / name))]
    done = CliRunner().invoke(model_command, ["export", *arguments])
    assert done.exit_code == 0, done.output
    return transformers.AutoModelForCausalLM.from_pretrained(folder / "back").eval()


@pytest.mark.parametrize("targets", [["*"], ["*.query", "*.down"]])
@pytest.mark.parametrize(("kind", "changes"), CASES)
def test_an_exported_model_gives_the_logits_of_the_adapted_one(kind, changes, targets, tmp_path):
    plan, weights, tensors = adopt(kind, changes, targets)
    theirs = export(plan, weights, tmp_path)
    numbers = torch.randint(0, 61, (3, 24), generator=torch.Generator().manual_seed(2))
    found = compute_logits(plan, weights, numbers)
    with torch.no_grad():
        expected = theirs(numbers).logits
    assert torch.allclose(found, expected, atol=2e-4)
    without = {name: w * (0 if name.endswith("lora_b") else 1) for name, w in weights.items()}
    assert not torch.allclose(compute_logits(plan, without, numbers), expected, atol=0.05)
    # A head is untied for its adapter only, and the embedding stays as it was.
    config = json.loads((tmp_path / "back/config.json").read_text())
    assert config["tie_word_embeddings"] is (plan.model.family.tied and targets != ["*"])
    table = "transformer.wte.weight" if kind == "gpt2" else "model.embed_tokens.weight"
    assert np.array_equal(theirs.state_dict()[table].numpy(), tensors[table])


def test_a_merged_weight_beyond_float32_is_refused():
    plan, weights, _tensors = adopt("llama", {}, ["head"])
    weights["head.lora_a"][:] = weights["head.lora_b"][:] = 1e20
    with pytest.raises(ModelRefused, match="head: a merged weight is beyond float32"):
        export_pretrained(plan, weights)
