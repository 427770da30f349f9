"""GPT-2 and Llama as ``transformers`` has them: the same logits, and the same tensors back."""

import json

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from walrusd.errors import ModelRefused
from walrusd.training.formats import huggingface, huggingface_config
from walrusd.training.layers.model import build_model
from walrusd.training.plan.modelspec import ModelSpec, read_model_spec
from walrusd.training.plan.strict import Fields

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
    spec = huggingface_config.read_config(config)
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
    spec = huggingface_config.read_config(config)
    weights = huggingface.import_tensors(spec, tensors)
    back = huggingface.export_tensors(spec, weights)
    for name, tensor in back.items():
        assert np.array_equal(tensor, tensors[name]), name
    assert tensors.keys() - back.keys() <= {"lm_head.weight"}
    assert huggingface_config.read_config(huggingface_config.make_config(spec)) == spec
    again = huggingface.import_tensors(spec, back)
    assert all(np.array_equal(again[name], weights[name]) for name in weights)


@pytest.mark.parametrize(("kind", "changes"), CASES)
def test_transformers_loads_what_is_exported(kind, changes, tmp_path):
    theirs, config, tensors = make(kind, **changes)
    spec = huggingface_config.read_config(config)
    weights = huggingface.import_tensors(spec, tensors)
    kinds = {"gpt2": transformers.GPT2Config, "llama": transformers.LlamaConfig}
    made = kinds[kind](**huggingface_config.make_config(spec))
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
        ("llama", {"rms_norm_eps": 1e-30}, "rms_norm_eps"),
        ("llama", {"rms_norm_eps": float("nan")}, "rms_norm_eps"),
        ("llama", {"rope_parameters": None, "rope_theta": float("inf")}, "rope_theta"),
        ("llama", {"rope_parameters": {"rope_theta": float("nan")}}, "rope_theta"),
        ("llama", {"rope_parameters": {"rope_theta": True}}, "rope_theta"),
        ("llama", {"rope_parameters": {"rope_theta": None}}, "rope_theta"),
        ("llama", {"rope_parameters": {"rope_theta": 1e30}}, "rope_theta"),
        ("llama", {"rope_parameters": [1]}, "rope_parameters"),
        ("llama", {"rope_parameters": 0}, "rope_parameters"),
        ("llama", {"rope_parameters": {"partial_rotary_factor": 0.5}}, "rope_parameters"),
        ("llama", {"rope_parameters": {"type": "linear"}}, "rope_parameters"),
        ("llama", {"rope_parameters": {"full_attention": {}}}, "rope_parameters"),
        ("llama", {"rope_scaling": {"rope_type": "default"}}, "rope_scaling"),
        ("llama", {"quantization_config": {"bits": 4}}, "quantization_config"),
        ("llama", {"num_key_value_heads": 3}, "num_key_value_heads"),
        ("llama", {"num_hidden_layers": 10**12}, "num_hidden_layers"),
        ("llama", {"max_position_embeddings": 1 << 17}, "max_position_embeddings"),
        ("llama", {"tie_word_embeddings": "false"}, "tie_word_embeddings"),
        ("llama", {"tie_word_embeddings": None}, "tie_word_embeddings"),
        ("gpt2", {"n_head": 5}, "n_head"),
        ("gpt2", {"vocab_size": 1}, "vocab_size"),
        ("gpt2", {"n_inner": 1 << 20}, "n_inner"),
        ("gpt2", {"model_type": ["gpt2"]}, "model_type"),
    ],
)
def test_what_cannot_be_trained_exactly_is_refused_by_its_key(kind, changes, key):
    document = {"model_type": kind, **(GPT2 if kind == "gpt2" else LLAMA), **changes}
    with pytest.raises(ModelRefused) as caught:
        huggingface_config.read_config(document)
    assert caught.value.fields["key"] == key


ODD_KEYS = sorted(
    {*GPT2, *LLAMA, "model_type", "n_inner", "head_dim", "tie_word_embeddings", "rope_theta"}
    | {"rope_parameters", "rope_scaling", "rms_norm_eps", "layer_norm_epsilon", "hidden_act"}
    | {"partial_rotary_factor", "attention_bias", "quantization_config", "scale_attn_weights"}
)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-4, 70) | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["rope_theta", "rope_type", "type"]) | st.text(), inner)
    ),
    max_leaves=4,
)


@given(
    kind=st.sampled_from([GPT2 | {"model_type": "gpt2"}, LLAMA | {"model_type": "llama"}]),
    changes=st.dictionaries(st.sampled_from(ODD_KEYS), ODD, max_size=4),
    context=st.none() | st.integers(1, 1 << 20),
)
def test_whatever_a_config_holds_it_is_a_model_for_a_plan_or_refused(kind, changes, context):
    try:
        spec = huggingface_config.read_config(kind | changes, context)
    except ModelRefused as error:
        told = json.loads(json.dumps(error.to_json()))
    else:
        told = None
    if told is not None:
        within = {key for value in changes.values() if isinstance(value, dict) for key in value}
        assert told["key"] in {*kind, *changes, *within, "head_dim", "context", "n_inner"}
        return
    assert read_model_spec(Fields(spec.to_json(), "model")) == ModelSpec(spec)
    assert huggingface_config.read_config(huggingface_config.make_config(spec)) == spec


@pytest.mark.parametrize(
    ("changes", "base"),
    [
        ({}, 10_000),
        ({"rope_theta": 500_000.0}, 500_000),
        ({"rope_theta": 500_000}, 500_000),
        ({"rope_theta": 5e5, "rope_parameters": None}, 500_000),
        ({"rope_theta": 5e5, "rope_parameters": {"rope_type": "default"}}, 500_000),
        ({"rope_parameters": {"rope_theta": 5e5, "partial_rotary_factor": 1.0}}, 500_000),
        ({"rope_theta": 10_000.0, "rope_parameters": {"rope_theta": 5e5}}, 500_000),
    ],
)
def test_the_base_of_positions_is_read_from_where_transformers_reads_it(changes, base):
    document = LLAMA | {"model_type": "llama"} | changes
    assert huggingface_config.read_config(document).rope_base == base
    theirs = transformers.LlamaConfig(**{key: changes[key] for key in changes})
    assert theirs.rope_parameters["rope_theta"] == base


MADE = {kind: make(kind) for kind in ("gpt2", "llama")}
SPECS = {kind: huggingface_config.read_config(config) for kind, (_, config, _) in MADE.items()}
ODD_TENSORS = st.builds(
    np.zeros,
    st.lists(st.integers(0, 3), max_size=3).map(tuple),
    st.sampled_from([np.float32, np.float16, np.float64, np.int8, np.bool_, np.complex64]),
)


@given(kind=st.sampled_from(["gpt2", "llama"]), data=st.data())
def test_whatever_tensors_a_file_holds_they_are_the_models_or_refused(kind, data):
    tensors = MADE[kind][2]
    names = st.sampled_from(sorted(tensors)) | st.sampled_from(["wpe.weight", "", "h.0.attn.bias"])
    changed = tensors | data.draw(st.dictionaries(names, ODD_TENSORS, max_size=2))
    for name in data.draw(st.lists(names, max_size=1)):
        changed.pop(name, None)
    try:
        found = huggingface.import_tensors(SPECS[kind], changed)
    except ModelRefused:
        return
    expected = {spec.name: spec.shape for spec in ModelSpec(SPECS[kind]).tensors()}
    assert {name: tensor.shape for name, tensor in found.items()} == expected


def test_a_tied_head_is_the_embedding():
    _theirs, config, tensors = make("llama", tie_word_embeddings=True)
    spec = huggingface_config.read_config(config)
    assert "lm_head.weight" in tensors
    huggingface.import_tensors(spec, tensors)
    with pytest.raises(ModelRefused, match="their matrices differ"):
        huggingface.import_tensors(spec, tensors | {"lm_head.weight": np.ones((61, 32), "f4")})
    twice = tensors | {"embed_tokens.weight": tensors["model.embed_tokens.weight"]}
    with pytest.raises(ModelRefused, match="twice"):
        huggingface.import_tensors(spec, twice)


def test_tensors_that_do_not_fit_are_refused_by_name():
    _theirs, config, tensors = make("llama")
    spec = huggingface_config.read_config(config)
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
    short = huggingface_config.read_config(config, context=10)
    table = huggingface.import_tensors(short, tensors)["positions.weight"]
    assert np.array_equal(table, tensors["transformer.wpe.weight"][:10])
    with pytest.raises(ModelRefused, match="24 tokens"):
        huggingface_config.read_config(config, context=25)
