"""Initial weights, and weights as safetensors for transport. The file is never a commitment.

Versions of safetensors may order and pad its header differently, so the canonical state of
``state.py`` is hashed instead; and the file carries no metadata, whose order is random.
"""

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from walrusd.errors import MalformedData
from walrusd.training.numerics.random import compute_uniform
from walrusd.training.plan.layerspec import TensorSpec
from walrusd.training.plan.plan import Plan
from walrusd.training.run.state import (
    Tensors,
    check_against,
    compute_base_root,
    compute_state_root,
    initial_state,
    serialize_state,
)


def _all_tensors(plan: Plan) -> tuple[TensorSpec, ...]:
    return (*plan.model.tensors(), *plan.model.frozen_tensors())


def init_weights(plan: Plan) -> Tensors:
    """Return the initial weights, a function of the plan alone (SPEC §6, §7).

    Each tensor begins as its spec says. So does the base of a plan with adapters, unless the
    publisher gives another; ``check_weights`` compares it with the plan's root either way.
    """
    return {spec.name: _init_tensor(plan, spec) for spec in _all_tensors(plan)}


def _init_tensor(plan: Plan, spec: TensorSpec) -> np.ndarray:
    if spec.bound:
        return compute_uniform(plan.init_seed, 0, f"init/{spec.name}", spec.shape, spec.bound)
    return np.full(spec.shape, spec.constant, np.float32)


def check_weights(plan: Plan, weights: Tensors) -> None:
    """Check that ``weights`` are the tensors of the plan's model, its frozen ones the plan's.

    Raises:
        MalformedData: if a tensor is missing, unknown or of another shape, or the frozen ones have
            another root.
        NonFiniteValue: if a value is NaN or infinite.
    """
    check_against(_all_tensors(plan), weights, "weights")
    frozen = plan.model.frozen_tensors()
    if plan.model.lora is not None:
        held = {spec.name: weights[spec.name] for spec in frozen}
        if compute_base_root(frozen, held) != plan.model.lora.base_root:
            raise MalformedData(
                "the frozen weights do not have the plan's base_root",
                hint="give the weights that the adapters are made for",
            )


def select_frozen(plan: Plan, weights: Tensors) -> Tensors:
    """Return the frozen tensors among ``weights``."""
    return {spec.name: weights[spec.name] for spec in plan.model.frozen_tensors()}


def weights_to_bytes(plan: Plan, weights: Tensors) -> bytes:
    """Return ``weights``, frozen ones too, as safetensors without metadata, −0 turned into +0.

    Raises:
        MalformedData, NonFiniteValue: as ``check_weights``.
    """
    check_weights(plan, weights)
    return bytes(save({name: weights[name] + np.float32(0.0) for name in sorted(weights)}))


def weights_from_bytes(plan: Plan, data: bytes) -> Tensors:
    """Read a safetensors file that holds exactly the weights of the plan's model.

    Raises:
        MalformedData: if it is not such a file, or as ``check_weights``.
        NonFiniteValue: if a weight is NaN or infinite.
    """
    try:
        loaded = load(data)
    except SafetensorError as error:
        raise MalformedData("the weights are not a safetensors file") from error
    check_weights(plan, loaded)
    return {name: tensor + np.float32(0.0) for name, tensor in loaded.items()}


def compute_state_root_0(plan: Plan, weights: Tensors) -> bytes:
    """Return the root of the state before the first step, which the task fixes on the chain.

    Raises:
        MalformedData, NonFiniteValue: as ``initial_state``.
    """
    return compute_state_root(plan, serialize_state(plan, initial_state(plan, weights)))
