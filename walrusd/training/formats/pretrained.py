"""Plans that begin with pretrained weights: fill in the model, and the root that adapters name.

In such a plan ``model`` is ``{"kind": "huggingface", …}`` with what the weights do not determine:
``context`` (at most theirs), ``dropout``, ``lora`` without its ``base_root``. No I/O here.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from walrusd.errors import ModelRefused, PlanRefused
from walrusd.training.formats.huggingface import Tensors, export_tensors, import_tensors
from walrusd.training.formats.huggingface_config import read_config
from walrusd.training.plan.builders import GptSpec
from walrusd.training.plan.layerspec import LinearSpec, list_linears
from walrusd.training.plan.lora import LoraSpec
from walrusd.training.plan.plan import Plan, read_plan
from walrusd.training.plan.strict import Fields
from walrusd.training.run.state import compute_base_root, select_trained
from walrusd.training.run.weights import init_weights, select_frozen

KIND = "huggingface"
_UNBOUND = "00" * 32


def is_pretrained(document: Any) -> bool:
    """Return whether a plan's document asks for a model in the layout of Hugging Face."""
    model = document.get("model") if isinstance(document, Mapping) else None
    return isinstance(model, Mapping) and model.get("kind") == KIND


def adopt_pretrained(
    document: Mapping[str, Any], config: Mapping[str, Any], tensors: Mapping[str, Any]
) -> tuple[dict[str, Any], Tensors]:
    """Return the plan's document with the model filled in, and its initial weights.

    ``config`` is the parsed ``config.json``, ``tensors`` are those of the weights' file by name.

    Raises:
        PlanRefused: naming the key that is wrong.
        ModelRefused: naming the part of the model that cannot be trained exactly.
        NonFiniteValue: if a weight under adapters is NaN or infinite.
    """
    fields = Fields(document.get("model"), "model")
    fields.choice("kind", KIND)
    context = fields.integer("context", 1, 1 << 20) if fields.has("context") else None
    dropout = fields.integer("dropout", 0, 255) if fields.has("dropout") else 0
    lora = fields.take("lora", "an object") if fields.has("lora") else None
    fields.finish()
    spec = replace(read_config(config, context), dropout=dropout)
    base = import_tensors(spec, tensors)
    if lora is None:
        filled = {**document, "model": spec.to_json()}
        read_plan(filled)
        return filled, base
    if not isinstance(lora, Mapping) or "base_root" in lora:
        raise PlanRefused(
            "model.lora must be an object without base_root, which follows from the weights",
            key="model.lora",
        )
    placeholder = {"lora": {**lora, "base_root": _UNBOUND}}
    unbound = read_plan({**document, "model": spec.to_json() | placeholder})
    root = compute_base_root(unbound.model.frozen_tensors(), base)
    bound = {**lora, "base_root": root.hex()}
    filled = {**document, "model": spec.to_json() | {"lora": bound}}
    adapters = select_trained(unbound, init_weights(unbound))
    return filled, base | adapters


def export_pretrained(plan: Plan, weights: Tensors) -> tuple[GptSpec, Tensors]:
    """Return a transformer's family and its tensors in the layout of Hugging Face.

    Adapters are merged: ``W + (B·A)·s``, computed in float64 and rounded once. A tied head with an
    adapter is untied: its matrix changes, and that of the embedding does not.

    Raises:
        ModelRefused: if the plan's model is not a transformer, or a merged weight is beyond
            float32.
    """
    family = plan.model.family
    if not isinstance(family, GptSpec):
        raise ModelRefused(
            f"a model of kind {family.kind} has no layout of Hugging Face", key="model.kind"
        )
    lora, base = plan.model.lora, select_base(plan, weights)
    if lora is None:
        return family, export_tensors(family, base)
    adapted = [linear for linear in list_linears(plan.model.layers) if lora.adapts(linear)]
    for linear in adapted:
        base[f"{linear.name}.weight"] = _merge(lora, linear, base, weights)
    if any(linear.tied for linear in adapted):
        family = replace(family, tied=False)
    return family, export_tensors(family, base)


def select_base(plan: Plan, weights: Tensors) -> Tensors:
    """Return the weights without adapters: all of them, or the frozen ones."""
    return select_frozen(plan, weights) if plan.model.lora is not None else dict(weights)


def _merge(
    lora: LoraSpec, linear: LinearSpec, base: Tensors, weights: Tensors
) -> npt.NDArray[np.float32]:
    down = weights[f"{linear.name}.lora_a"].astype(np.float64)  # (r, i)
    up = weights[f"{linear.name}.lora_b"].astype(np.float64)  # (o, r)
    merged = base[linear.weight].astype(np.float64) + (up @ down) * lora.scale  # (o, i)
    if np.abs(merged).max() > np.finfo(np.float32).max:
        raise ModelRefused(f"{linear.name}: a merged weight is beyond float32", key=linear.name)
    return merged.astype(np.float32)
