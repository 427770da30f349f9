"""Models in the layout of Hugging Face, GPT-2 and Llama, to our specs and tensors and back. Pure.

The layout is a ``config.json`` and tensors by name. What our arithmetic does not have is refused by
the config's own key; nothing is silently ignored but what does not change the model's function.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from walrusd.errors import ModelRefused
from walrusd.training.builders import GptSpec
from walrusd.training.strict import round_to_float32

Tensors = dict[str, npt.NDArray[np.float32]]

_GPT2_MUST = {
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "reorder_and_upcast_attn": (False,),
    "add_cross_attention": (False,),
}
_LLAMA_MUST = {
    "hidden_act": ("silu", "swish"),
    "attention_bias": (False,),
    "mlp_bias": (False,),
    "rope_scaling": (None,),
    "partial_rotary_factor": (1.0, 1),
}


def _require(config: Mapping[str, Any], must: Mapping[str, tuple[Any, ...]]) -> None:
    for key, allowed in must.items():
        if key in config and config[key] not in allowed:
            raise ModelRefused(
                f"config.json: {key} is {config[key]!r}, and only {allowed[0]!r} is exact here",
                key=key,
            )


def _integer(config: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = config.get(key)
    value = default if value is None else value
    if type(value) is not int or value < 1:
        raise ModelRefused(f"config.json: {key} is not a positive integer", key=key)
    return value


def _rope_base(config: Mapping[str, Any]) -> int:
    """Return the base of rotary positions, from either place where it is written."""
    nested = config.get("rope_parameters") or {}
    if nested.get("rope_type", "default") != "default":
        raise ModelRefused("config.json: rope_type must be default", key="rope_parameters")
    value = nested.get("rope_theta", config.get("rope_theta", 10_000))
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ModelRefused("config.json: rope_theta must be a whole number", key="rope_theta")
    return int(value)


def read_config(config: Mapping[str, Any], context: int | None = None) -> GptSpec:
    """Return the model that a ``config.json`` describes, at most ``context`` places long.

    Dropout is left at 0: it is the plan's business, not the weights'.

    Raises:
        ModelRefused: naming the key that cannot be trained exactly.
    """
    kind = config.get("model_type")
    if kind == "gpt2":
        return _read_gpt2(config, context)
    if kind == "llama":
        return _read_llama(config, context)
    raise ModelRefused(
        f"config.json: model_type {kind!r} is not known here",
        key="model_type",
        hint="gpt2 and llama are",
    )


def _epsilon(config: Mapping[str, Any], key: str, default: float) -> float:
    value = config.get(key, default)
    if not isinstance(value, float) or not 0 < value < 1:
        raise ModelRefused(f"config.json: {key} is not a small number", key=key)
    return round_to_float32(value)


def _length(longest: int, context: int | None) -> int:
    if context is not None and not 1 <= context <= longest:
        raise ModelRefused(f"the model takes 1 to {longest} places, not {context}", key="context")
    return context or longest


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
        tied=config.get("tie_word_embeddings", True) is not False,
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
        tied=config.get("tie_word_embeddings", False) is True,
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


# --- tensors -------------------------------------------------------------------------------------


def import_tensors(spec: GptSpec, tensors: Mapping[str, npt.NDArray[Any]]) -> Tensors:
    """Return our tensors from those of a Hugging Face file, as float32.

    Raises:
        ModelRefused: if a tensor is missing, unknown, or of another shape.
    """
    left = {_strip(name): tensor for name, tensor in tensors.items() if not _is_buffer(name)}
    if spec.tied:
        left.pop("lm_head.weight", None)
    if "wpe.weight" in left:
        # A shorter context uses the first places of the table.
        left["wpe.weight"] = left["wpe.weight"][: spec.context]

    def take(name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        if name not in left:
            raise ModelRefused(f"the weights lack the tensor {name}", key=name)
        tensor = np.asarray(left.pop(name))
        if tensor.shape != shape:
            raise ModelRefused(
                f"{name} has shape {list(tensor.shape)}, not {list(shape)}", key=name
            )
        return tensor.astype(np.float32)

    found = _take_gpt2(spec, take) if spec.style == "gpt2" else _take_llama(spec, take)
    if left:
        raise ModelRefused(f"the weights hold an unknown tensor {min(left)}", key=min(left))
    return {name: np.ascontiguousarray(tensor) for name, tensor in found.items()}


def _strip(name: str) -> str:
    for prefix in ("transformer.", "model."):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def _is_buffer(name: str) -> bool:
    """Say whether a tensor is a mask or a table that older files carry along."""
    return name.endswith((".attn.bias", ".attn.masked_bias", "rotary_emb.inv_freq"))


def _take_gpt2(spec: GptSpec, take: Any) -> Tensors:
    d, hidden = spec.width, spec.hidden
    found = {"tokens.weight": take("wte.weight", (spec.vocabulary, d))}
    found["positions.weight"] = take("wpe.weight", (spec.context, d))
    for index in range(spec.blocks):
        ours, theirs = f"block{index:02d}", f"h.{index}"
        for norm, name in (("norm1", "ln_1"), ("norm2", "ln_2")):
            for part in ("weight", "bias"):
                found[f"{ours}.{norm}.{part}"] = take(f"{theirs}.{name}.{part}", (d,))
        # Their matrices are (inputs, outputs), and query, key and value are one.
        whole = take(f"{theirs}.attn.c_attn.weight", (d, 3 * d)).T
        bias = take(f"{theirs}.attn.c_attn.bias", (3 * d,))
        for place, part in enumerate(("query", "key", "value")):
            rows = slice(place * d, (place + 1) * d)
            found[f"{ours}.attention.{part}.weight"] = whole[rows]
            found[f"{ours}.attention.{part}.bias"] = bias[rows]
        for name, part, inputs, outputs in (
            ("attention.output", "attn.c_proj", d, d),
            ("mlp.up", "mlp.c_fc", d, hidden),
            ("mlp.down", "mlp.c_proj", hidden, d),
        ):
            found[f"{ours}.{name}.weight"] = take(f"{theirs}.{part}.weight", (inputs, outputs)).T
            found[f"{ours}.{name}.bias"] = take(f"{theirs}.{part}.bias", (outputs,))
    for part in ("weight", "bias"):
        found[f"norm.{part}"] = take(f"ln_f.{part}", (d,))
    if not spec.tied:
        found["head.weight"] = take("lm_head.weight", (spec.vocabulary, d))
    return found


def _llama_names(spec: GptSpec) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return their name and the shape of each of our tensors."""
    d, narrow = spec.width, spec.width // spec.heads * spec.key_heads
    names: dict[str, tuple[str, tuple[int, ...]]] = {
        "tokens.weight": ("embed_tokens.weight", (spec.vocabulary, d)),
        "norm.weight": ("norm.weight", (d,)),
    }
    for index in range(spec.blocks):
        ours, theirs = f"block{index:02d}", f"layers.{index}"
        parts = {
            "norm1": ("input_layernorm", (d,)),
            "norm2": ("post_attention_layernorm", (d,)),
            "attention.query": ("self_attn.q_proj", (d, d)),
            "attention.key": ("self_attn.k_proj", (narrow, d)),
            "attention.value": ("self_attn.v_proj", (narrow, d)),
            "attention.output": ("self_attn.o_proj", (d, d)),
            "mlp.gate": ("mlp.gate_proj", (spec.hidden, d)),
            "mlp.up": ("mlp.up_proj", (spec.hidden, d)),
            "mlp.down": ("mlp.down_proj", (d, spec.hidden)),
        }
        for part, (name, shape) in parts.items():
            names[f"{ours}.{part}.weight"] = (f"{theirs}.{name}.weight", shape)
    if not spec.tied:
        names["head.weight"] = ("lm_head.weight", (spec.vocabulary, d))
    return names


def _take_llama(spec: GptSpec, take: Any) -> Tensors:
    return {ours: take(name, shape) for ours, (name, shape) in _llama_names(spec).items()}


def export_tensors(spec: GptSpec, weights: Tensors) -> Tensors:
    """Return the tensors of a Hugging Face file: the inverse of ``import_tensors``."""
    if spec.style == "llama":
        found = {}
        for ours, (name, _shape) in _llama_names(spec).items():
            found[name if name.startswith("lm_head") else f"model.{name}"] = weights[ours]
        return found
    found = {
        "transformer.wte.weight": weights["tokens.weight"],
        "transformer.wpe.weight": weights["positions.weight"],
    }
    for index in range(spec.blocks):
        ours, theirs = f"block{index:02d}", f"transformer.h.{index}"
        for norm, name in (("norm1", "ln_1"), ("norm2", "ln_2")):
            for part in ("weight", "bias"):
                found[f"{theirs}.{name}.{part}"] = weights[f"{ours}.{norm}.{part}"]
        maps = [f"{ours}.attention.{part}" for part in ("query", "key", "value")]
        found[f"{theirs}.attn.c_attn.weight"] = np.concatenate(
            [weights[f"{name}.weight"] for name in maps]
        ).T
        found[f"{theirs}.attn.c_attn.bias"] = np.concatenate(
            [weights[f"{name}.bias"] for name in maps]
        )
        for name, part in (
            ("attention.output", "attn.c_proj"),
            ("mlp.up", "mlp.c_fc"),
            ("mlp.down", "mlp.c_proj"),
        ):
            found[f"{theirs}.{part}.weight"] = weights[f"{ours}.{name}.weight"].T
            found[f"{theirs}.{part}.bias"] = weights[f"{ours}.{name}.bias"]
    for part in ("weight", "bias"):
        found[f"transformer.ln_f.{part}"] = weights[f"norm.{part}"]
    if not spec.tied:
        found["lm_head.weight"] = weights["head.weight"]
    return {name: np.ascontiguousarray(tensor) for name, tensor in found.items()}
