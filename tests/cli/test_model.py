"""``walrusctl model``: a folder of theirs in, a plan and weights out, and a folder back."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file

from tests.golden.plans import make_gpt
from tests.support.guards import GUARD_S
from walrusd.training.plan.plan import parse_plan
from walrusd.training.run.weights import compute_state_root_0, weights_from_bytes

CONFIG = {
    "vocab_size": 61,
    "max_position_embeddings": 16,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
}
LORA = {"rank": 2, "alpha": "4", "targets": ["*.query"]}


def call(*arguments):
    command = [sys.executable, "-m", "walrusctl", "model", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=GUARD_S)
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("theirs")
    torch.manual_seed(1)
    transformers.LlamaForCausalLM(transformers.LlamaConfig(**CONFIG)).save_pretrained(path)
    return path


def write_plan(path, **model):
    document = make_gpt() | {
        "model": {"kind": "huggingface", **model},
        "dataset": {"kind": "tokens", "length": 16, "vocabulary": 61},
    }
    path.write_text(json.dumps(document))
    return path


def test_a_folder_comes_in_and_goes_back_out(folder, tmp_path):
    plan_path = write_plan(tmp_path / "asked.json")
    status, told = call("import", folder, "--plan", plan_path, "--out", tmp_path / "ours")
    assert status == 0, told
    plan = parse_plan((tmp_path / "ours/plan.json").read_bytes())
    weights = weights_from_bytes(plan, (tmp_path / "ours/weights.safetensors").read_bytes())
    assert told["weights"] == told["trained"] == sum(w.size for w in weights.values())
    arguments = ("--plan", tmp_path / "ours/plan.json", "--out", tmp_path / "back")
    status, _told = call("export", *arguments, "--weights", tmp_path / "ours/weights.safetensors")
    assert status == 0
    theirs, back = (load_file(p / "model.safetensors") for p in (folder, tmp_path / "back"))
    assert theirs.keys() == back.keys()
    assert all(np.array_equal(theirs[name], back[name]) for name in theirs)
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "back")
    assert isinstance(model, transformers.LlamaForCausalLM)


def test_adapters_are_bound_to_the_folder_and_merged_on_the_way_out(folder, tmp_path):
    plan_path = write_plan(tmp_path / "asked.json", lora=LORA)
    status, told = call("import", folder, "--plan", plan_path, "--out", tmp_path / "ours")
    assert status == 0, told
    assert told["trained"] == 2 * 32 * 2
    plan = parse_plan((tmp_path / "ours/plan.json").read_bytes())
    path = tmp_path / "ours/weights.safetensors"
    weights = weights_from_bytes(plan, path.read_bytes())
    assert compute_state_root_0(plan, weights)
    arguments = ("--plan", tmp_path / "ours/plan.json", "--weights", path)
    assert call("export", *arguments, "--out", tmp_path / "back")[0] == 0
    theirs, back = (load_file(p / "model.safetensors") for p in (folder, tmp_path / "back"))
    assert all(np.array_equal(theirs[name], back[name]) for name in theirs)


def test_what_is_wrong_is_said(folder, tmp_path):
    plan_path = write_plan(tmp_path / "asked.json", context=17)
    status, told = call("import", folder, "--plan", plan_path, "--out", tmp_path / "ours")
    assert (status, told["error"]["code"]) == (1, "model.refused")
    assert not (tmp_path / "ours").exists()
    status, told = call("import", tmp_path, "--plan", plan_path, "--out", tmp_path / "ours")
    assert (status, told["error"]["code"]) == (1, "rpc.bad_request")
