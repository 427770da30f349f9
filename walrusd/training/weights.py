"""Initial weights, and weights as safetensors for transport. The file is never a commitment.

The order and padding of a safetensors header are not promised across versions, so what is hashed
is the canonical state of ``state.py``; and the file carries no metadata, whose order is random.
"""

import math

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from walrusd.errors import MalformedData
from walrusd.training.modelspec import LinearSpec
from walrusd.training.plan import Plan
from walrusd.training.random import compute_uniform
from walrusd.training.state import (
    Tensors,
    check_tensors,
    compute_state_root,
    initial_state,
    serialize_state,
)
from walrusd.training.strict import round_to_float32


def init_weights(plan: Plan) -> Tensors:
    """Return the initial weights: a function of the plan alone.

    A weight matrix is uniform in ``[−a, a)`` with ``a = RN32(RN64(√(6 / inputs)))`` (He et al.,
    2015, for layers followed by ReLU); a bias is zero. Python's ``math.sqrt`` is the IEEE
    operation, correctly rounded everywhere.
    """
    weights: Tensors = {}
    for layer in plan.model.layers():
        if not isinstance(layer, LinearSpec):
            continue
        name = f"{layer.name}.weight"
        bound = round_to_float32(math.sqrt(6.0 / layer.inputs))
        weights[name] = compute_uniform(
            plan.init_seed, 0, f"init/{name}", (layer.outputs, layer.inputs), bound
        )
        weights[f"{layer.name}.bias"] = np.zeros(layer.outputs, np.float32)
    return weights


def weights_to_bytes(plan: Plan, weights: Tensors) -> bytes:
    """Return ``weights`` as a safetensors file without metadata, −0 turned into +0.

    Raises:
        MalformedData, NonFiniteValue: as ``check_tensors``.
    """
    check_tensors(plan, weights, "weights")
    return bytes(save({name: weights[name] + np.float32(0.0) for name in sorted(weights)}))


def weights_from_bytes(plan: Plan, data: bytes) -> Tensors:
    """Read a safetensors file that holds exactly the weights of the plan's model.

    Raises:
        MalformedData: if it is not such a file.
        NonFiniteValue: if a weight is NaN or infinite.
    """
    try:
        loaded = load(data)
    except SafetensorError as error:
        raise MalformedData("the weights are not a safetensors file") from error
    check_tensors(plan, loaded, "weights")
    return {name: tensor + np.float32(0.0) for name, tensor in loaded.items()}


def compute_state_root_0(plan: Plan, weights: Tensors) -> bytes:
    """Return the root of the state before the first step, which the task fixes on the chain.

    Raises:
        MalformedData, NonFiniteValue: as ``check_tensors``.
    """
    return compute_state_root(plan, serialize_state(plan, initial_state(plan, weights)))
