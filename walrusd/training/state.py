"""The state between two steps as canonical bytes, and the root that the trace commits to.

Layout: weights in name order, then their momenta in the same order, each as raw little-endian
float32 with −0 turned into +0; then the number of steps done as u64. Shapes come from the plan, so
the bytes carry none; the root binds them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from walrusd.crypto.chunks import compute_chunk_root
from walrusd.crypto.tags import Tag, hash_tagged, u64
from walrusd.errors import MalformedData, NonFiniteValue
from walrusd.training.modelspec import TensorSpec
from walrusd.training.plan import Plan
from walrusd.training.strict import canonical_json

Tensors = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class State:
    """Weights and momenta by tensor name, and the number of steps done."""

    weights: Tensors
    momenta: Tensors
    step: int


def check_tensors(plan: Plan, tensors: Tensors, what: str) -> None:
    """Check that ``tensors`` are exactly the weights of ``plan``: names, shapes, type, finite.

    Raises:
        MalformedData: if a name, a shape or a type differs.
        NonFiniteValue: if a value is NaN or infinite.
    """
    expected = {tensor.name: tensor.shape for tensor in plan.model.tensors()}
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
    """Return the state before the first step: ``weights`` and zeroed momenta.

    Raises:
        MalformedData: if the weights are not those of the plan's model.
        NonFiniteValue: if a weight is NaN or infinite.
    """
    check_tensors(plan, weights, "weights")
    momenta = {name: np.zeros_like(tensor) for name, tensor in weights.items()}
    return State(dict(weights), momenta, 0)


def _canonical(tensor: npt.NDArray[np.float32]) -> bytes:
    return (tensor + np.float32(0.0)).astype("<f4", copy=False).tobytes()


def serialize_state(plan: Plan, state: State) -> bytes:
    """Return the canonical bytes of ``state``.

    Raises:
        MalformedData: if its tensors are not those of the plan's model.
        NonFiniteValue: if a value is NaN or infinite.
    """
    parts = []
    for tensors, what in ((state.weights, "weights"), (state.momenta, "momenta")):
        check_tensors(plan, tensors, what)
        parts += [_canonical(tensors[spec.name]) for spec in plan.model.tensors()]
    return b"".join([*parts, u64(state.step)])


def _read_tensors(specs: tuple[TensorSpec, ...], data: bytes, offset: int) -> tuple[Tensors, int]:
    tensors: Tensors = {}
    for spec in specs:
        raw = np.frombuffer(data, "<f4", count=spec.size, offset=offset)
        tensors[spec.name] = raw.astype(np.float32).reshape(spec.shape)
        offset += 4 * spec.size
    return tensors, offset


def deserialize_state(plan: Plan, data: bytes) -> State:
    """Read canonical state bytes.

    Raises:
        MalformedData: if the length is wrong, a −0 was not normalised, or the step is not a
            segment boundary of the plan.
        NonFiniteValue: if a value is NaN or infinite.
    """
    if len(data) != plan.state_bytes:
        raise MalformedData(f"a state of this plan has {plan.state_bytes} bytes, not {len(data)}")
    specs = plan.model.tensors()
    weights, offset = _read_tensors(specs, data, 0)
    momenta, offset = _read_tensors(specs, data, offset)
    step = int.from_bytes(data[offset:], "little")
    if step % plan.segment_steps or step > plan.steps:
        raise MalformedData(f"step {step} is not a segment boundary of the plan")
    state = State(weights, momenta, step)
    if serialize_state(plan, state) != data:
        raise MalformedData("the state holds a negative zero, which its canonical form has not")
    return state


def _manifest(plan: Plan) -> dict[str, Any]:
    tensors = plan.model.tensors()
    return {
        "counters": [["step", "u64"]],
        "tensors": [
            [prefix + spec.name, "f32", list(spec.shape)]
            for prefix in ("weight/", "momentum/")
            for spec in tensors
        ],
    }


def compute_state_root(plan: Plan, state_bytes: bytes) -> bytes:
    """Return ``H(STATE ‖ u64(len(manifest)) ‖ manifest ‖ chunk root of the bytes)``.

    The manifest is canonical JSON: name, type and shape of each tensor in layout order.
    """
    manifest = canonical_json(_manifest(plan))
    return hash_tagged(Tag.STATE, u64(len(manifest)), manifest, compute_chunk_root(state_bytes))
