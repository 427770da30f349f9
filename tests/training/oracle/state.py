"""Weights and the optimizer's state: their canonical bytes and root (SPEC chapter 10)."""

import numpy as np

from . import commitments
from .aborts import BAD_DATA, Abort, require_finite
from .arithmetic import F32, F64
from .stream import u64

SLOTS = {"sgd": ["momentum"], "adamw": ["first", "second"]}
POWERS = {"sgd": [], "adamw": ["beta1_power", "beta2_power"]}


def base_root(tensors, weights):
    """Return the root over the frozen tensors, which a plan with adapters names."""
    listed = [[f"frozen/{name}", "f32", list(tensors.shapes[name])] for name in tensors.frozen]
    data = b"".join(commitments.canonical(weights[name]) for name in tensors.frozen)
    return commitments.state_root({"counters": [], "tensors": listed}, data)


class State:
    """The trained weights, the slots of the optimizer, its powers, and the steps done."""

    def __init__(self, tensors, kind, weights):
        self.tensors, self.kind = tensors, kind
        self.weights = {name: weights[name] + F32(0) for name in tensors.shapes}
        zeros = {name: np.zeros(tensors.shapes[name], F32) for name in tensors.trained}
        self.slots = [dict(zeros) for _ in SLOTS[kind]]
        self.powers = [F64(1.0) for _ in POWERS[kind]]
        self.step = 0

    def to_bytes(self):
        parts = [self.weights, *self.slots]
        data = b"".join(
            commitments.canonical(part[name]) for part in parts for name in self.tensors.trained
        )
        return data + u64(self.step) + np.array(self.powers, "<f8").tobytes()

    def read(self, data, step, length, steps):
        """Take the state of canonical bytes with a root, which must be that after ``step``.

        ``length`` are the steps of a segment, ``steps`` those of the run.

        Raises:
            Abort: if they are no state of this plan after that step.
        """
        sizes = [int(np.prod(self.tensors.shapes[name])) for name in self.tensors.trained]
        count = sum(sizes) * (1 + len(self.slots))
        values = np.frombuffer(data, "<f4", count)
        powers = np.frombuffer(data, "<f8", offset=4 * count + 8)
        done = int.from_bytes(data[4 * count : 4 * count + 8], "little")
        if done % length or done > steps or not ((powers >= 0) & (powers <= 1)).all():
            raise Abort(BAD_DATA, "the state is not one at the end of a segment")
        require_finite(values, "the start state")
        if (values.view("<u4") == 1 << 31).any() or np.signbit(powers).any():
            raise Abort(BAD_DATA, "the state holds a negative zero")
        if done != step:
            raise Abort(BAD_DATA, f"the state is one after step {done}, not {step}")
        self.step = done
        place = 0
        for part in (self.weights, *self.slots):
            for name, size in zip(self.tensors.trained, sizes, strict=True):
                piece = values[place : place + size].astype(F32)
                part[name] = piece.reshape(self.tensors.shapes[name])
                place += size
        self.powers = [F64(power) for power in powers]

    def root(self, data=None):
        """Return the root of the state's bytes, or of others given for them."""
        manifest = {
            "counters": [["step", "u64"], *([power, "f64"] for power in POWERS[self.kind])],
            "tensors": [
                [f"{prefix}/{name}", "f32", list(self.tensors.shapes[name])]
                for prefix in ("weight", *SLOTS[self.kind])
                for name in self.tensors.trained
            ],
        }
        return commitments.state_root(manifest, self.to_bytes() if data is None else data)
