"""The cost function of a submission: what the loss is, and its value at every step.

It is stored encrypted in the verification file. Two committed values keep its maker from showing
different contents to different readers: the key check value binds the key, and the blinded root
binds the plaintext.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.crypto.kdf import derive_key
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.errors import MalformedCost

FIXED_POINT_BITS = 32
"""A loss is stored as ``round(loss · 2**32)``."""

_LENGTH = struct.Struct("<I")
MAX_DEFINITION_BYTES = 1 << 16


@dataclass(frozen=True, eq=False)
class CostFunction:
    """The loss definition (a map in narrow CBOR) and one loss per step, in units of 2**-32."""

    definition: dict[str, Any]
    trajectory: npt.NDArray[np.int64]  # (steps,)

    def to_bytes(self) -> bytes:
        """Return ``u32 LE length ‖ CBOR definition ‖ int64 LE per step``.

        Raises:
            ValueError: if the trajectory is not an int64 vector or the definition is too long.
            MalformedCbor: if the definition is outside the narrow form.
        """
        definition = encode_canonical(self.definition)
        if self.trajectory.dtype != np.int64 or self.trajectory.ndim != 1:
            raise ValueError("a loss trajectory is an int64 vector")
        if len(definition) > MAX_DEFINITION_BYTES:
            raise ValueError(f"a loss definition has at most {MAX_DEFINITION_BYTES} bytes")
        steps = np.ascontiguousarray(self.trajectory, dtype="<i8").tobytes()
        return _LENGTH.pack(len(definition)) + definition + steps


def parse_cost_function(raw: bytes) -> CostFunction:
    """Read what ``CostFunction.to_bytes`` wrote.

    Raises:
        MalformedCost: if the bytes do not have that layout.
        MalformedCbor: if the definition is not canonical CBOR.
    """
    if len(raw) < _LENGTH.size:
        raise MalformedCost("the cost function is too short")
    (length,) = _LENGTH.unpack_from(raw)
    start = _LENGTH.size + length
    if length > MAX_DEFINITION_BYTES or start > len(raw) or (len(raw) - start) % 8:
        raise MalformedCost("the cost function has an impossible length")
    definition = decode_canonical(raw[_LENGTH.size : start])
    if not isinstance(definition, dict) or any(not isinstance(key, str) for key in definition):
        raise MalformedCost("the loss definition is not a map with text keys")
    return CostFunction(definition, np.frombuffer(raw, "<i8", offset=start).astype(np.int64))


def compute_loss_root(cost_key: bytes, plaintext: bytes) -> bytes:
    """Return ``H(LOSSBLIND ‖ HKDF(cost key, info = LOSSBLIND) ‖ plaintext)``, 32 bytes.

    The key blinds it, because losses are easy to guess.
    """
    blind = derive_key(cost_key, b"", Tag.LOSSBLIND.text)
    return hash_tagged(Tag.LOSSBLIND, blind, plaintext)
