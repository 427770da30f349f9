"""The secret of an opening, and the values and keys that follow from it.

For an attempt with the secret ``s`` the contract stores ``P2 = s·G2``. The value of a label is
``s·H_label``: the BLS signature (Boneh, Lynn and Shacham, 2001) of the attempt and the label.
Anybody checks it with ``P2``, nobody computes it from that of another label, and the label's key is
derived from it. So the key is fixed from the moment ``P2`` is on chain.
"""

from dataclasses import dataclass, field

from py_arkworks_bls12381 import G1Point

from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.envelopes.groups import G2, decode_g2, encode_g2, multiply_g2, pairs_cancel
from walrusd.crypto.envelopes.schnorr import (
    Preimage,
    SchnorrProof,
    prove_logarithm,
    verify_logarithm,
)
from walrusd.crypto.kdf import derive_key
from walrusd.crypto.pedersen.g1 import Q, decode_point, encode_point, hash_to_g1, multiply
from walrusd.crypto.tags import Tag, encode_bytes
from walrusd.errors import LabelValueMismatch


@dataclass(frozen=True)
class OpeningKey:
    """``P2`` of an attempt that has been checked: by ``verify_opening_key``, or by the contract."""

    context: bytes
    """The digest of the ``OpeningContext``, 32 bytes."""
    p2: bytes
    """``s·G2``, 96 bytes."""


@dataclass(frozen=True)
class LabelValue:
    """``s·H_label`` of one attempt, which has been checked or computed from ``s``."""

    opening: OpeningKey
    label: Label
    value: bytes = field(repr=False)
    """A point of G1, 48 bytes."""

    def derive_key(self) -> bytes:
        """Return the label's 32-byte key: ``HKDF-SHA256(value, salt=context, LABEL-KEY ‖ label)``.

        It needs no check value of its own: ``P2`` fixes the value, and the value fixes the key.
        """
        info = Tag.LABEL_KEY.text + bytes([self.label])
        return derive_key(self.value, self.opening.context, info)


@dataclass(frozen=True)
class OpeningSecret:
    """The secret scalar ``s`` of the attempt with the context digest ``context``.

    One for each attempt: ``core.secrets.derive_opening_secret`` gives it.

    Raises:
        ValueError: if it is not from 1 to ``Q - 1``.
    """

    context: bytes
    scalar: int = field(repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.scalar < Q:
            raise ValueError("a secret scalar is from 1 to the group order minus 1")

    def describe(self) -> OpeningKey:
        """Return ``P2 = s·G2`` of this attempt."""
        return OpeningKey(self.context, encode_g2(multiply_g2(G2, self.scalar)))

    def compute_value(self, label: Label) -> LabelValue:
        """Return ``s·H_label``."""
        value = multiply(compute_label_point(self.context, label), self.scalar)
        return LabelValue(self.describe(), label, encode_point(value))


def compute_label_point(context: bytes, label: Label) -> G1Point:
    """Return ``H_label``: BCS of ``(LABEL-POINT, context, label)``, hashed to G1.

    ``context`` is the digest of the ``OpeningContext``. Nobody knows a relation between the points
    of two attempts or labels.
    """
    return hash_to_g1(Tag.LABEL_POINT.prefix + encode_bytes(context) + bytes([label]))


def _bind(opening: OpeningKey) -> Preimage:
    start = Tag.OPENING_PROOF.prefix + encode_bytes(opening.context) + encode_bytes(opening.p2)
    return lambda nonce_point: start + encode_bytes(nonce_point)


def prove_opening_key(secret: OpeningSecret) -> SchnorrProof:
    """Return the proof that its maker knows ``s`` of ``secret.describe()``."""
    return prove_logarithm(G2, secret.scalar, _bind(secret.describe()))


def verify_opening_key(context: bytes, p2: bytes, proof: SchnorrProof) -> OpeningKey:
    """Check that whoever opens the attempt ``context`` with ``p2`` knows its secret.

    Raises:
        MalformedPoint, MalformedScalar: if one is not in its canonical encoding, not in its group,
            or the identity.
        SchnorrProofInvalid: if the proof does not hold for this point and this attempt.
    """
    point = decode_g2(p2)
    opening = OpeningKey(context, p2)
    verify_logarithm(G2, point, proof, _bind(opening))
    return opening


def verify_label_value(value: bytes, label: Label, opening: OpeningKey) -> LabelValue:
    """Check ``e(value, G2) == e(H_label, P2)``: the value is the label's of this attempt.

    Raises:
        MalformedPoint: if the value is not a point of the group in its canonical encoding, or the
            identity.
        LabelValueMismatch: if it is another point.
    """
    point = decode_point(value)
    target: G1Point = -compute_label_point(opening.context, label)
    if not pairs_cancel([(point, G2), (target, decode_g2(opening.p2))]):
        raise LabelValueMismatch("the value is not the one that the opening's public key fixes")
    return LabelValue(opening, label, value)
