"""The state between two steps as canonical bytes, and its root in the trace (SPEC §10).

Layout: trained weights in name order, then each slot of the optimizer in the same order, as raw
little-endian float32 with −0 turned into +0; then the number of steps done as u64, and the
optimizer's powers as float64. Shapes come from the plan, so the bytes carry none; the root binds
them.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from walrusd.crypto.tags import u64
from walrusd.crypto.tensors import compute_tensor_root
from walrusd.errors import MalformedData, NonFiniteValue
from walrusd.training.plan.layerspec import TensorSpec
from walrusd.training.plan.plan import Plan
from walrusd.training.run.state_root import (
    compute_manifest_root,
    compute_root_of_entries,
    make_base_manifest,
    make_state_manifest,
)

Tensors = dict[str, npt.NDArray[np.float32]]
"""Tensors by name, in the shapes of their specs."""

_NEGATIVE_ZERO = np.uint32(1 << 31)


@dataclass(frozen=True)
class State:
    """Trained weights, the optimizer's slots in the order of its spec, steps done, its powers.

    Each slot holds a tensor in the shape of each weight; the powers are float64.
    """

    weights: Tensors
    slots: tuple[Tensors, ...]
    step: int
    powers: tuple[float, ...] = ()


def check_tensors(plan: Plan, tensors: Tensors, what: str) -> None:
    """Check that ``tensors`` are exactly the trained weights of ``plan``; ``what`` names them.

    Raises:
        MalformedData: if a name, a shape or a type differs.
        NonFiniteValue: if a value is NaN or infinite.
    """
    check_against(plan.model.tensors(), tensors, what)


def check_against(specs: Sequence[TensorSpec], tensors: Tensors, what: str) -> None:
    """Check that ``tensors`` are exactly those of ``specs``: names, shapes, float32, finite.

    Raises:
        MalformedData: if a name, a shape or a type differs.
        NonFiniteValue: if a value is NaN or infinite.
    """
    expected = {tensor.name: tensor.shape for tensor in specs}
    if tensors.keys() != expected.keys():
        odd = min(tensors.keys() ^ expected.keys())
        raise MalformedData(f"the {what} and the plan's model differ in tensor {odd!r}")
    for name, tensor in tensors.items():
        if tensor.dtype != np.float32 or tensor.shape != expected[name]:
            raise MalformedData(
                f"tensor {name!r} of the {what} is {tensor.dtype}{list(tensor.shape)}, "
                f"not float32{list(expected[name])}"
            )
        if not np.isfinite(tensor).all():
            raise NonFiniteValue(f"tensor {name!r} of the {what} holds NaN or infinity")


def initial_state(plan: Plan, weights: Tensors) -> State:
    """Return the state before the first step: zeroed slots, and powers of 1.

    ``weights`` may hold the frozen tensors of a plan with adapters too; they are left out.

    Raises:
        MalformedData: if the weights are not those of the plan's model.
        NonFiniteValue: if a weight is NaN or infinite.
    """
    trained = select_trained(plan, weights)
    check_tensors(plan, trained, "weights")
    slots = tuple(
        {name: np.zeros_like(tensor) for name, tensor in trained.items()}
        for _ in plan.optimizer.slots
    )
    return State(trained, slots, 0, (1.0,) * len(plan.optimizer.powers))


def select_trained(plan: Plan, weights: Tensors) -> Tensors:
    """Return ``weights`` without the frozen tensors of the plan's model."""
    frozen = {tensor.name for tensor in plan.model.frozen_tensors()}
    return {name: tensor for name, tensor in weights.items() if name not in frozen}


def serialize_tensors(specs: Sequence[TensorSpec], *groups: Tensors) -> bytes:
    """Return the canonical bytes of groups of tensors, each in the order of ``specs``.

    Adding zero turns −0 into +0. Each value is copied only twice, which matters in large models.
    """
    flat = np.empty(len(groups) * sum(spec.size for spec in specs), "<f4")  # all values, flat
    offset = 0
    for tensors in groups:
        for spec in specs:
            place = flat[offset : offset + spec.size]
            np.add(tensors[spec.name].reshape(-1), np.float32(0.0), out=place)
            offset += spec.size
    return flat.tobytes()


def serialize_state(plan: Plan, state: State) -> bytes:
    """Return the canonical bytes of ``state``, ``plan.state_bytes`` of them.

    Raises:
        MalformedData: if its tensors are not those of the plan's model.
        NonFiniteValue: if a value is NaN or infinite.
    """
    _check_state(plan, state)
    tensors = serialize_tensors(plan.model.tensors(), state.weights, *state.slots)
    powers = struct.pack(f"<{len(state.powers)}d", *(power + 0.0 for power in state.powers))
    return b"".join([tensors, u64(state.step), powers])


def _check_state(plan: Plan, state: State) -> None:
    named = zip(("weights", *plan.optimizer.slots), (state.weights, *state.slots), strict=True)
    for what, tensors in named:
        check_tensors(plan, tensors, what)


def _read_tensors(specs: Sequence[TensorSpec], data: bytes, offset: int) -> tuple[Tensors, int]:
    tensors: Tensors = {}
    for spec in specs:
        raw = np.frombuffer(data, "<f4", count=spec.size, offset=offset)  # (size,)
        tensors[spec.name] = raw.astype(np.float32).reshape(spec.shape)
        offset += 4 * spec.size
    return tensors, offset


def deserialize_state(plan: Plan, data: bytes, *, at_boundary: bool = True) -> State:
    """Read canonical state bytes, ``at_boundary`` those of the end of a segment, else of any step.

    Raises:
        MalformedData: if the length is wrong, a −0 was not normalised, the step is not a segment
            boundary of the plan, or a power is not between 0 and 1.
        NonFiniteValue: if a value is NaN or infinite.
    """
    if len(data) != plan.state_bytes:
        raise MalformedData(f"a state of this plan has {plan.state_bytes} bytes, not {len(data)}")
    specs = plan.model.tensors()
    weights, offset = _read_tensors(specs, data, 0)
    slots = []
    for _ in plan.optimizer.slots:
        slot, offset = _read_tensors(specs, data, offset)
        slots.append(slot)
    step = int.from_bytes(data[offset : offset + 8], "little")
    powers = struct.unpack_from(f"<{len(plan.optimizer.powers)}d", data, offset + 8)
    if (at_boundary and step % plan.segment_steps) or step > plan.steps:
        raise MalformedData(f"step {step} is not a segment boundary of the plan")
    if not all(0.0 <= power <= 1.0 for power in powers):
        raise MalformedData("a power of the optimizer is not between 0 and 1")
    state = State(weights, tuple(slots), step, powers)
    _check_state(plan, state)
    words = np.frombuffer(data, "<u4", count=offset // 4)
    if np.any(words == _NEGATIVE_ZERO) or any(math.copysign(1.0, power) < 0 for power in powers):
        raise MalformedData("the state holds a negative zero, which the canonical form excludes")
    return state


def compute_state_root(plan: Plan, state_bytes: bytes) -> bytes:
    """Return the root of the canonical bytes of a state, 32 bytes (``state_root.py``).

    Raises:
        MalformedData: if they do not have the length of a state: such bytes have no root.
    """
    return compute_manifest_root(make_state_manifest(plan), state_bytes)


def has_state_root(plan: Plan, state_bytes: bytes, root: bytes) -> bool:
    """Return whether bytes that somebody gave are those of a state with this root."""
    return len(state_bytes) == plan.state_bytes and compute_state_root(plan, state_bytes) == root


def compute_base_root(specs: Sequence[TensorSpec], tensors: Tensors) -> bytes:
    """Return the root of frozen tensors, which a plan with adapters names, 32 bytes.

    It is made as a state root (SPEC §7); the manifest lists the tensors as ``frozen/…`` and has no
    counters. No copy is made of the tensors, which may be most of a model.

    Raises:
        MalformedData: if the tensors are not those of ``specs``.
        NonFiniteValue: if a value is NaN or infinite.
    """
    check_against(specs, tensors, "frozen weights")
    roots = [compute_tensor_root(tensors[spec.name]) for spec in specs]
    return compute_root_of_entries(make_base_manifest(specs), roots)
