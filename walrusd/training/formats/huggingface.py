"""Tensors in the layout of Hugging Face, for GPT-2 and Llama, to our layout and back. Pure.

A model there is a ``config.json`` (``huggingface_config.py``) and tensors by name. Ours are named
as in SPEC §7, with matrices ``(outputs, inputs)``.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from walrusd.errors import ModelRefused
from walrusd.training.plan.builders import GptSpec

Tensors = dict[str, npt.NDArray[np.float32]]

_TYPES = (np.dtype(np.float32), np.dtype(np.float16))


def import_tensors(spec: GptSpec, tensors: Mapping[str, npt.NDArray[Any]]) -> Tensors:
    """Return our tensors from those of a Hugging Face file, as float32.

    Raises:
        ModelRefused: if a tensor is missing, unknown, given twice, of another shape or of a type
            whose values are not all float32, or if a tied head differs from the embedding.
    """
    left: dict[str, Any] = {}
    for theirs in sorted(tensors):
        if not is_buffer(theirs):
            if _strip(theirs) in left:
                raise ModelRefused(f"the weights hold {theirs} twice", key=theirs)
            left[_strip(theirs)] = tensors[theirs]
    if spec.style == "gpt2" and "wpe.weight" in left:
        # A shorter context uses the first rows of the table.
        left["wpe.weight"] = np.atleast_1d(left["wpe.weight"])[: spec.context]

    def take(name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        if name not in left:
            raise ModelRefused(f"the weights lack the tensor {name}", key=name)
        tensor = np.asarray(left.pop(name))
        if tensor.dtype not in _TYPES:
            raise ModelRefused(f"{name} is {tensor.dtype}, which float32 cannot hold", key=name)
        if tensor.shape != shape:
            raise ModelRefused(
                f"{name} has shape {list(tensor.shape)}, not {list(shape)}", key=name
            )
        return tensor.astype(np.float32)

    found = _take_gpt2(spec, take) if spec.style == "gpt2" else _take_llama(spec, take)
    if spec.tied and "lm_head.weight" in left:
        # Files may hold the shared matrix twice. Any other head would be lost.
        head = take("lm_head.weight", (spec.vocabulary, spec.width))
        if not np.array_equal(head, found["tokens.weight"]):
            raise ModelRefused(
                "config.json ties lm_head.weight to the embedding, but their matrices differ",
                key="lm_head.weight",
                hint="set tie_word_embeddings to false",
            )
    if left:
        raise ModelRefused(f"the weights hold an unknown tensor {min(left)}", key=min(left))
    return {name: np.ascontiguousarray(tensor) for name, tensor in found.items()}


def _strip(name: str) -> str:
    for prefix in ("transformer.", "model."):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def is_buffer(name: str) -> bool:
    """Return whether a tensor is a mask or a table of constants, which older files contain."""
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
        whole = take(f"{theirs}.attn.c_attn.weight", (d, 3 * d)).T  # (3·d, d)
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
    """Return by our name of each tensor theirs and its shape."""
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
