"""GPT-2 and Llama as ``transformers`` has them: the same logits, and the same tensors back."""

import numpy as np
import pytest
import torch
import transformers

from walrusd.errors import ModelRefused
from walrusd.training import huggingface
from walrusd.training.model import build_model
from walrusd.training.modelspec import ModelSpec

GPT2 = {
    "vocab_size": 61,
    "n_positions": 24,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "activation_function": "gelu_new",
}
LLAMA = {
    "vocab_size": 61,
    "max_position_embeddings": 24,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
}


def make(kind, **changes):
    """Return a random model of theirs, its config as JSON and its tensors."""
    torch.manual_seed(5)
    if kind == "gpt2":
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2 | changes))
    else:
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA | changes))
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return model.eval(), model.config.to_dict(), tensors


CASES = [
    ("gpt2", {}),
    ("gpt2", {"tie_word_embeddings": False, "n_inner": 40}),
    ("llama", {}),
    ("llama", {"tie_word_embeddings": True, "num_key_value_heads": 4}),
]


@pytest.mark.parametrize(("kind", "changes"), CASES)
def test_logits_are_those_of_transformers(kind, changes):
    theirs, config, tensors = make(kind, **changes)
    spec = huggingface.read_config(config)
    weights = huggingface.import_tensors(spec, tensors)
    model = build_model(ModelSpec(spec), "softmax-cross-entropy")
    numbers = torch.randint(0, 61, (3, 24), generator=torch.Generator().manual_seed(2))
    prepared = model.prepare({name: torch.from_numpy(w) for name, w in weights.items()})
    found = model.outputs(prepared, numbers)
    with torch.no_grad():
        expected = theirs(numbers).logits
    assert torch.allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize(("kind", "changes"), CASES)
def test_what_is_exported_is_what_was_imported(kind, changes):
    _theirs, config, tensors = make(kind, **changes)
    spec = huggingface.read_config(config)
    weights = huggingface.import_tensors(spec, tensors)
    back = huggingface.export_tensors(spec, weights)
    for name, tensor in back.items():
        assert np.array_equal(tensor, tensors[name]), name
    assert tensors.keys() - back.keys() <= {"lm_head.weight"}
    assert huggingface.read_config(huggingface.make_config(spec)) == spec
    again = huggingface.import_tensors(spec, back)
    assert all(np.array_equal(again[name], weights[name]) for name in weights)


@pytest.mark.parametrize(("kind", "changes"), CASES)
def test_transformers_loads_what_is_exported(kind, changes, tmp_path):
    theirs, config, tensors = make(kind, **changes)
    spec = huggingface.read_config(config)
    weights = huggingface.import_tensors(spec, tensors)
    kinds = {"gpt2": transformers.GPT2Config, "llama": transformers.LlamaConfig}
    made = kinds[kind](**huggingface.make_config(spec))
    model = type(theirs)(made).eval()
    exported = huggingface.export_tensors(spec, weights)
    model.load_state_dict({n: torch.from_numpy(t) for n, t in exported.items()}, strict=False)
    numbers = torch.arange(24)[None]
    with torch.no_grad():
        assert torch.equal(model(numbers).logits, theirs(numbers).logits)


@pytest.mark.parametrize(
    ("kind", "changes", "key"),
    [
        ("gpt2", {"activation_function": "relu"}, "activation_function"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        ("gpt2", {"n_embd": "wide"}, "n_embd"),
        ("llama", {"attention_bias": True}, "attention_bias"),
        ("llama", {"rope_parameters": {"rope_type": "yarn"}}, "rope_parameters"),
        ("llama", {"rope_parameters": {"rope_theta": 0.5}}, "rope_theta"),
        ("llama", {"hidden_act": "gelu"}, "hidden_act"),
        ("llama", {"head_dim": 16}, "head_dim"),
        ("llama", {"model_type": "mamba"}, "model_type"),
        ("llama", {"rms_norm_eps": 2.0}, "rms_norm_eps"),
    ],
)
def test_what_cannot_be_trained_exactly_is_refused_by_its_key(kind, changes, key):
    document = {"model_type": kind, **(GPT2 if kind == "gpt2" else LLAMA), **changes}
    with pytest.raises(ModelRefused) as caught:
        huggingface.read_config(document)
    assert caught.value.fields["key"] == key


def test_tensors_that_do_not_fit_are_refused_by_name():
    _theirs, config, tensors = make("llama")
    spec = huggingface.read_config(config)
    name = "model.layers.1.mlp.up_proj.weight"
    for changed, key in [
        ({n: t for n, t in tensors.items() if n != name}, "layers.1.mlp.up_proj.weight"),
        (tensors | {name: tensors[name].T}, "layers.1.mlp.up_proj.weight"),
        (tensors | {"model.extra.weight": np.zeros(3)}, "extra.weight"),
    ]:
        with pytest.raises(ModelRefused) as caught:
            huggingface.import_tensors(spec, changed)
        assert caught.value.fields["key"] == key
    _theirs, config, tensors = make("gpt2")
    short = huggingface.read_config(config, context=10)
    table = huggingface.import_tensors(short, tensors)["positions.weight"]
    assert np.array_equal(table, tensors["transformer.wpe.weight"][:10])
    with pytest.raises(ModelRefused, match="24 places"):
        huggingface.read_config(config, context=25)
