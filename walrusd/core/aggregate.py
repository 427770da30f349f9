"""The published aggregate: the weighted sum, what opens it, and whose work it is."""

from dataclasses import dataclass
from typing import Any

from walrusd.crypto import merkle
from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.crypto.number_tree import compute_number_root
from walrusd.errors import MalformedData, VerificationFailed

VERSION = 2
_VALUE_BYTES = 48
MAX_OPENING_BYTES = 1024
"""The width of the widest Paillier modulus."""


@dataclass(frozen=True)
class Aggregate:
    """``W = Σ w_k·V_k`` as int64 little-endian, what opens it, and the parts.

    ``openings`` are in the Pedersen scheme the summed blindings, one for each row, and in the
    Paillier scheme only the proof of decryption. ``parts`` are ``(submission id, weight)`` in the
    order in which the contributors joined. ``left_out`` are ``(submission id, value)`` of accepted
    submissions that could not be read: the point ``s·H_update``, 48 bytes, with which everybody
    sees what is wrong, or no bytes where nothing is there to be read.
    """

    vector: bytes
    openings: tuple[bytes, ...]
    parts: tuple[tuple[bytes, int], ...]
    left_out: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def root(self) -> bytes:
        """The root over the vector's words, two an entry, as recorded on the chain."""
        return compute_number_root(self.vector)

    @property
    def openings_root(self) -> bytes:
        """The RFC 6962 root over the openings, one leaf each."""
        return merkle.compute_root(self.openings)

    def to_bytes(self) -> bytes:
        """Return the canonical encoding."""
        return encode_canonical(
            {
                0: VERSION,
                1: self.vector,
                2: list(self.openings),
                3: [[name, weight] for name, weight in self.parts],
                4: [[name, value] for name, value in self.left_out],
            }
        )


def parse_aggregate(data: bytes, *, root: bytes, openings_root: bytes) -> Aggregate:
    """Read an aggregate and check it against the roots on the chain.

    Raises:
        MalformedData: if the bytes are not an aggregate.
        VerificationFailed: if its roots are not the recorded ones.
    """
    try:
        aggregate = _from_map(decode_canonical(data))
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedData("the aggregate does not have the layout of version 2") from error
    if aggregate.root != root or aggregate.openings_root != openings_root:
        raise VerificationFailed("the aggregate does not have the recorded roots")
    return aggregate


def _from_map(value: Any) -> Aggregate:
    if not isinstance(value, dict) or set(value) != {0, 1, 2, 3, 4} or value[0] != VERSION:
        raise ValueError("unknown version or fields")
    vector, openings, parts, left_out = value[1], value[2], value[3], value[4]
    if not openings or not all(isinstance(each, list) for each in (openings, parts, left_out)):
        raise ValueError("openings, parts and what is left out are lists")
    if not isinstance(vector, bytes) or not vector or len(vector) % 8:
        raise ValueError("the vector is not int64")
    if any(not isinstance(o, bytes) or not 32 <= len(o) <= MAX_OPENING_BYTES for o in openings):
        raise ValueError("an opening has another size")
    for name, weight in parts:
        if not isinstance(name, bytes) or len(name) != 32 or type(weight) is not int or weight < 1:
            raise ValueError("a part is a submission id and a positive weight")
    for name, point in left_out:
        if not isinstance(name, bytes) or len(name) != 32 or not isinstance(point, bytes):
            raise ValueError("what is left out is a submission id and a value")
        if len(point) not in (0, _VALUE_BYTES):
            raise ValueError("the value of an update's key has 48 bytes")
    return Aggregate(
        vector,
        tuple(openings),
        tuple((name, weight) for name, weight in parts),
        tuple((name, point) for name, point in left_out),
    )
