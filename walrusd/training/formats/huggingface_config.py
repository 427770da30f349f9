"""A ``config.json`` of Hugging Face, for GPT-2 or Llama, as our spec and back. Pure.

A feature that exact training lacks is refused, naming the config's own key; only keys that do not
change the model's function are ignored. The document may hold anything that JSON can.
"""

import math
from collections.abc import Mapping
from reprlib import repr as shorten
from typing import Any

from walrusd.errors import ModelRefused, PlanRefused
from walrusd.training.plan.builders import GptSpec, read_gpt
from walrusd.training.plan.strict import Fields, round_to_float32

_MUST = {
    "quantization_config": (None,),
    "is_encoder_decoder": (False,),
}
_GPT2_MUST = _MUST | {
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "reorder_and_upcast_attn": (False,),
    "add_cross_attention": (False,),
}
_LLAMA_MUST = _MUST | {
    "hidden_act": ("silu", "swish"),
    "attention_bias": (False,),
    "mlp_bias": (False,),
    "rope_scaling": (None,),
    "partial_rotary_factor": (1.0, None),
}
_ROPE_MUST = {
    "rope_type": ("default",),
    "type": ("default",),
    "partial_rotary_factor": (1.0, None),
}

# Our names of a config's keys, and its own.
_GPT2_NAMES = {
    "vocabulary": "vocab_size",
    "context": "n_positions",
    "width": "n_embd",
    "layers": "n_layer",
    "heads": "n_head",
    "hidden": "n_inner",
    "norm_epsilon": "layer_norm_epsilon",
}
_LLAMA_NAMES = {
    "vocabulary": "vocab_size",
    "context": "max_position_embeddings",
    "width": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "hidden": "intermediate_size",
    "norm_epsilon": "rms_norm_eps",
    "rope_base": "rope_theta",
}


def read_config(config: Mapping[str, Any], context: int | None = None) -> GptSpec:
    """Return the model that a ``config.json`` describes, with a context of ``context`` tokens.

    Without ``context`` it is the config's own. Dropout is 0: the plan chooses it, not the weights.
    A plan may declare the model that is returned.

    Raises:
        ModelRefused: naming the key that cannot be trained exactly.
    """
    kind = config.get("model_type")
    if kind == "gpt2":
        return _check(_read_gpt2(config, context), _GPT2_NAMES)
    if kind == "llama":
        return _check(_read_llama(config, context), _LLAMA_NAMES)
    raise ModelRefused(
        f"config.json: model_type {shorten(kind)} is not supported",
        key="model_type",
        hint="gpt2 and llama are",
    )


def _check(spec: GptSpec, names: Mapping[str, str]) -> GptSpec:
    try:
        return read_gpt(Fields(spec.to_json(), ""))
    except PlanRefused as error:
        ours = error.fields["key"]
        key = names.get(ours, ours)
        hint = "give the plan's model a shorter context" if ours == "context" else None
        message = f"config.json: {key}{error.message.removeprefix(ours)}"
        raise ModelRefused(message, key=key, hint=hint) from error


def _require(config: Mapping[str, Any], must: Mapping[str, tuple[Any, ...]]) -> None:
    for key, allowed in must.items():
        if key in config and config[key] not in allowed:
            raise ModelRefused(
                f"config.json: {key} is {shorten(config[key])}, "
                f"but only {allowed[0]!r} can be trained exactly",
                key=key,
            )


def _integer(config: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = config.get(key)
    value = default if value is None else value
    if type(value) is not int or value < 1:
        raise ModelRefused(f"config.json: {key} is not a positive integer", key=key)
    return value


def _boolean(config: Mapping[str, Any], key: str, default: bool) -> bool:
    value = config.get(key, default)
    if type(value) is not bool:
        raise ModelRefused(f"config.json: {key} is neither true nor false", key=key)
    return value


def _epsilon(config: Mapping[str, Any], key: str, default: float) -> float:
    value = config.get(key, default)
    if not isinstance(value, float) or not 0 < value < 1:
        raise ModelRefused(f"config.json: {key} is not a number between 0 and 1", key=key)
    return round_to_float32(value)


def _length(longest: int, context: int | None) -> int:
    if context is not None and not 1 <= context <= longest:
        raise ModelRefused(f"the model takes 1 to {longest} tokens, not {context}", key="context")
    return context or longest


def _rope_base(config: Mapping[str, Any]) -> int:
    """Return the base of rotary positions, from either of the two keys that may hold it."""
    nested = config.get("rope_parameters")
    nested = {} if nested is None else nested
    if not isinstance(nested, Mapping):
        raise ModelRefused("config.json: rope_parameters is not an object", key="rope_parameters")
    try:
        _require(nested, _ROPE_MUST)
    except ModelRefused as error:
        raise ModelRefused(error.message, key="rope_parameters") from error
    unknown = sorted(nested.keys() - _ROPE_MUST.keys() - {"rope_theta"})
    if unknown:
        raise ModelRefused(
            f"config.json: rope_parameters has {shorten(unknown[0])}, which is not supported",
            key="rope_parameters",
        )
    value = nested.get("rope_theta", config.get("rope_theta", 10_000))
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise ModelRefused("config.json: rope_theta must be a whole number", key="rope_theta")
    return value


def _read_gpt2(config: Mapping[str, Any], context: int | None) -> GptSpec:
    _require(config, _GPT2_MUST)
    width, heads = _integer(config, "n_embd"), _integer(config, "n_head")
    return GptSpec(
        style="gpt2",
        vocabulary=_integer(config, "vocab_size"),
        context=_length(_integer(config, "n_positions"), context),
        width=width,
        blocks=_integer(config, "n_layer"),
        heads=heads,
        key_heads=heads,
        hidden=_integer(config, "n_inner", 4 * width),
        tied=_boolean(config, "tie_word_embeddings", default=True),
        epsilon=_epsilon(config, "layer_norm_epsilon", 1e-5),
        rope_base=0,
        dropout=0,
    )


def _read_llama(config: Mapping[str, Any], context: int | None) -> GptSpec:
    _require(config, _LLAMA_MUST)
    width, heads = _integer(config, "hidden_size"), _integer(config, "num_attention_heads")
    if _integer(config, "head_dim", width // heads) * heads != width:
        raise ModelRefused("config.json: head_dim times heads is not the width", key="head_dim")
    return GptSpec(
        style="llama",
        vocabulary=_integer(config, "vocab_size"),
        context=_length(_integer(config, "max_position_embeddings"), context),
        width=width,
        blocks=_integer(config, "num_hidden_layers"),
        heads=heads,
        key_heads=_integer(config, "num_key_value_heads", heads),
        hidden=_integer(config, "intermediate_size"),
        tied=_boolean(config, "tie_word_embeddings", default=False),
        epsilon=_epsilon(config, "rms_norm_eps", 1e-6),
        rope_base=_rope_base(config),
        dropout=0,
    )


def make_config(spec: GptSpec) -> dict[str, Any]:
    """Return a ``config.json`` that describes ``spec``."""
    shared = {"vocab_size": spec.vocabulary, "tie_word_embeddings": spec.tied, "dtype": "float32"}
    if spec.style == "gpt2":
        return shared | {
            "model_type": "gpt2",
            "architectures": ["GPT2LMHeadModel"],
            "n_positions": spec.context,
            "n_embd": spec.width,
            "n_layer": spec.blocks,
            "n_head": spec.heads,
            "n_inner": spec.hidden,
            "activation_function": "gelu_new",
            "layer_norm_epsilon": spec.epsilon,
        }
    return shared | {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "max_position_embeddings": spec.context,
        "hidden_size": spec.width,
        "num_hidden_layers": spec.blocks,
        "num_attention_heads": spec.heads,
        "num_key_value_heads": spec.key_heads,
        "intermediate_size": spec.hidden,
        "hidden_act": "silu",
        "rms_norm_eps": spec.epsilon,
        "rope_theta": float(spec.rope_base),
        "rope_parameters": {"rope_type": "default", "rope_theta": float(spec.rope_base)},
        "attention_bias": False,
        "mlp_bias": False,
    }
