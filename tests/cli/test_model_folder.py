"""Folders of Hugging Face as they are found: in halves, in several files, and damaged."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from tests.cli.test_model import write_plan
from tests.support.refusals import refused
from tests.training.formats.test_huggingface import make
from walrusd.cli.model import model as model_command
from walrusd.cli.model_folder import read_folder
from walrusd.errors import BadRequest, ModelRefused
from walrusd.training.formats.huggingface import import_tensors
from walrusd.training.formats.huggingface_config import read_config
from walrusd.training.layers.model import build_model
from walrusd.training.plan.modelspec import ModelSpec

INDEX = "model.safetensors.index.json"
CASES = [("gpt2", {}), ("gpt2", {"tie_word_embeddings": False}), ("llama", {})]


@pytest.fixture
def folder(tmp_path):
    make("llama")[0].save_pretrained(tmp_path / "theirs")
    return tmp_path / "theirs"


@pytest.fixture
def shards(tmp_path):
    make("llama")[0].save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 2
    return tmp_path / "shards"


@pytest.mark.parametrize("shard_size", ["1GB", "20KB"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("kind", "changes"), CASES)
def test_halves_and_shards_give_the_logits_of_transformers(
    kind, changes, dtype, shard_size, tmp_path
):
    make(kind, **changes)[0].to(dtype).save_pretrained(tmp_path, max_shard_size=shard_size)
    assert (tmp_path / INDEX).is_file() is (shard_size == "20KB")
    config, tensors = read_folder(tmp_path)
    spec = read_config(config)
    weights = import_tensors(spec, tensors)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    for name, tensor in theirs.state_dict().items():
        if name in tensors:
            assert np.array_equal(tensors[name], tensor.numpy()), name
    model = build_model(ModelSpec(spec), "softmax-cross-entropy")
    numbers = torch.randint(0, 61, (3, 24), generator=torch.Generator().manual_seed(2))
    found = model.outputs(
        model.prepare({n: torch.from_numpy(w) for n, w in weights.items()}), numbers
    )
    with torch.no_grad():
        assert torch.allclose(found, theirs.eval()(numbers).logits, atol=2e-5)


def test_one_file_is_preferred_to_several(folder):
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": "other.safetensors"}}))
    assert "lm_head.weight" in read_folder(folder)[1]


def test_masks_of_older_files_are_left_out_whatever_their_type(folder):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    masks = {"h.0.attn.bias": torch.ones(2, dtype=torch.bool)}
    save_file(tensors | masks, path)
    assert read_folder(folder)[1].keys() == tensors.keys()


@pytest.mark.parametrize("dtype", [torch.float64, torch.int8, torch.bool, torch.float8_e4m3fn])
def test_types_that_are_not_exact_are_refused_by_the_tensor(folder, dtype):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file(tensors | {"model.norm.weight": torch.ones(32).to(dtype)}, path)
    with pytest.raises(ModelRefused) as caught:
        read_folder(folder)
    assert caught.value.fields["key"] == "model.norm.weight"


ELSEWHERE = ["", ".", "..", "../m.safetensors", "/m.safetensors", "a/m.safetensors", "m.bin"]
ELSEWHERE += ["\ud800.safetensors", "a\0.safetensors", "m.safetensors\n", 5, None, ["m"]]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_an_index_names_files_beside_it(shards, name):
    document = json.loads((shards / INDEX).read_text())
    document["weight_map"]["model.norm.weight"] = name
    (shards / INDEX).write_text(json.dumps(document))
    with refused("model.refused", "beside"):
        read_folder(shards)


def test_an_index_and_its_files_agree(shards):
    document = json.loads((shards / INDEX).read_text())
    whole = document["weight_map"]
    name = "model.norm.weight"
    other = next(shard for shard in whole.values() if shard != whole[name])
    for changed, named in [
        ({n: s for n, s in whole.items() if n != name}, name),
        (whole | {"x": whole[name]}, "x"),
        (whole | {name: other}, name),
        ({}, "weight_map"),
    ]:
        (shards / INDEX).write_text(json.dumps(document | {"weight_map": changed}))
        with refused("model.refused", named):
            read_folder(shards)
    (shards / INDEX).write_text(json.dumps({"weight_map": whole | {name: "a.safetensors"}}))
    with refused("rpc.bad_request", "read"):
        read_folder(shards)


ODD_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
# The folder is made anew by each example in its files, so one directory serves them all.
relaxed = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@relaxed
@given(document=ODD_JSON | st.fixed_dictionaries({"weight_map": ODD_JSON}))
def test_whatever_an_index_holds_it_is_refused_in_one_of_two_ways(tmp_path, document):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / INDEX).write_text(json.dumps(document))
    with pytest.raises((ModelRefused, BadRequest)):
        read_folder(tmp_path)


@relaxed
@given(data=st.binary(max_size=64) | st.sampled_from([b"[" * 100_000, b"1" * 5000, b'"\\ud800"']))
def test_files_of_anything_are_refused(tmp_path, data):
    (tmp_path / "config.json").write_bytes(data)
    (tmp_path / "model.safetensors").write_bytes(len(data).to_bytes(8, "little") + data)
    with pytest.raises(BadRequest):
        read_folder(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BadRequest):
        read_folder(tmp_path)


def test_nothing_is_written_if_a_weight_is_not_finite(folder, tmp_path):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors["model.norm.weight"][3] = torch.inf
    save_file(tensors, path)
    for model in ({}, {"lora": {"rank": 2, "alpha": "4", "targets": ["*"]}}):
        plan = write_plan(tmp_path / "asked.json", context=16, **model)
        arguments = ["import", str(folder), "--plan", str(plan), "--out", str(tmp_path / "ours")]
        done = CliRunner().invoke(model_command, [*arguments, "--json"])
        assert done.exit_code == 1
        assert json.loads(done.stdout)["error"]["code"] == "training.non_finite"
        assert not (tmp_path / "ours").exists()


def test_links_into_a_cache_are_followed(folder, tmp_path):
    linked = tmp_path / "snapshot"
    linked.mkdir()
    shutil.copy(folder / "config.json", linked)
    (linked / "model.safetensors").symlink_to(folder / "model.safetensors")
    assert "lm_head.weight" in read_folder(linked)[1]
