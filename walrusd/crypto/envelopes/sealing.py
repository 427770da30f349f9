"""Envelopes: the value of a label, encrypted to one recipient so that the contract can check it.

``R = r·G1``, ``C = s·H_label + r·PK1`` is ElGamal's encryption of a BLS signature, and
``e(C, G2) == e(H_label, P2)·e(R, PK2)`` says that it is the right one (Boneh, Gentry, Lynn and
Shacham, 2003). The proof of ``r`` binds it to its sender and everything else. Whoever holds the
value can seal it: the contributor, and every recipient for others.

``r`` is drawn inside ``seal``, for one label and one recipient: two labels under one ``r`` would
give whoever reads one of them the other, as ``C − C'`` would be the difference of their values.
"""

from dataclasses import dataclass
from typing import Self

from py_arkworks_bls12381 import G1Point

from walrusd.crypto.envelopes.contexts import DIGEST_BYTES, Label
from walrusd.crypto.envelopes.groups import G2, decode_g2, pairs_cancel
from walrusd.crypto.envelopes.openings import (
    LabelValue,
    OpeningKey,
    compute_label_point,
    verify_label_value,
)
from walrusd.crypto.envelopes.recipients import Recipient, RecipientSecret
from walrusd.crypto.envelopes.schnorr import (
    Preimage,
    SchnorrProof,
    derive_nonce,
    prove_logarithm,
    verify_logarithm,
)
from walrusd.crypto.pedersen.g1 import (
    POINT_BYTES,
    SCALAR_BYTES,
    G,
    decode_point,
    encode_point,
    multiply,
)
from walrusd.crypto.tags import Tag, encode_bytes
from walrusd.errors import EnvelopeMismatch, MalformedEnvelope

ENVELOPE_BYTES = 2 * POINT_BYTES + 2 * SCALAR_BYTES


@dataclass(frozen=True)
class Envelope:
    """``R``, ``C``, 48 bytes each, and the proof of ``r``."""

    r: bytes
    c: bytes
    proof: SchnorrProof

    def encode(self) -> bytes:
        """Return ``R ‖ C ‖ e ‖ z``, 160 bytes."""
        return self.r + self.c + self.proof.encode()

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Return the envelope in 160 bytes. Its points are checked where it is used.

        Raises:
            MalformedEnvelope: if there are more or fewer.
            MalformedScalar: if a number of the proof is not below the group order.
        """
        if len(raw) != ENVELOPE_BYTES:
            raise MalformedEnvelope(f"an envelope has {ENVELOPE_BYTES} bytes, not {len(raw)}")
        proof = SchnorrProof.decode(raw[2 * POINT_BYTES :])
        return cls(raw[:POINT_BYTES], raw[POINT_BYTES : 2 * POINT_BYTES], proof)


def _bind_parties(opening: OpeningKey, label: Label, recipient: Recipient, sender: bytes) -> bytes:
    if len(sender) != DIGEST_BYTES:
        raise ValueError(f"the sender's address has {DIGEST_BYTES} bytes")
    return (
        Tag.ENVELOPE_PROOF.prefix
        + encode_bytes(opening.context)
        + bytes([label])
        + encode_bytes(opening.p2)
        + encode_bytes(recipient.pk1)
        + encode_bytes(recipient.pk2)
        + encode_bytes(recipient.context)
        + sender
    )


def _bind(parties: bytes, r: bytes, c: bytes) -> Preimage:
    start = parties + encode_bytes(r) + encode_bytes(c)
    return lambda nonce_point: start + encode_bytes(nonce_point)


def seal(value: LabelValue, recipient: Recipient, sender: bytes) -> Envelope:
    """Return an envelope with ``value`` for ``recipient``, posted by the address ``sender``.

    Raises:
        MalformedPoint: if the recipient's key is not a point of the group.
        ValueError: if the sender does not have 32 bytes.
    """
    parties = _bind_parties(value.opening, value.label, recipient, sender)
    random = derive_nonce(value.value, Tag.ENVELOPE_RANDOM, parties)
    masked = decode_point(value.value) + multiply(decode_point(recipient.pk1), random)
    r, c = encode_point(multiply(G, random)), encode_point(masked)
    return Envelope(r, c, prove_logarithm(G, random, _bind(parties, r, c)))


def verify_envelope(
    envelope: Envelope, label: Label, opening: OpeningKey, recipient: Recipient, sender: bytes
) -> Envelope:
    """Check that ``recipient`` finds the label's value in ``envelope`` and ``sender`` made it.

    ``e(C, G2) == e(H_label, P2)·e(R, PK2)``, and the proof of ``r``. Who made it knows the value.

    Raises:
        MalformedPoint, MalformedScalar: if one is not in its canonical encoding, not in its group,
            or the identity.
        EnvelopeMismatch: if it holds something else.
        SchnorrProofInvalid: if the proof does not hold for these parties.
        ValueError: if the sender does not have 32 bytes.
    """
    r, c = decode_point(envelope.r), decode_point(envelope.c)
    envelope.proof.check()
    point, mask = -compute_label_point(opening.context, label), -r
    keys = decode_g2(opening.p2), decode_g2(recipient.pk2)
    if not pairs_cancel([(c, G2), (point, keys[0]), (mask, keys[1])]):
        raise EnvelopeMismatch("the envelope does not hold the opening's value for this recipient")
    parties = _bind_parties(opening, label, recipient, sender)
    verify_logarithm(G, r, envelope.proof, _bind(parties, envelope.r, envelope.c))
    return envelope


def unseal(
    envelope: Envelope, secret: RecipientSecret, label: Label, opening: OpeningKey
) -> LabelValue:
    """Return the value in an envelope: ``C − sk·R``, checked against ``P2``.

    Raises:
        MalformedPoint: if a point is not one of the group in its canonical encoding.
        LabelValueMismatch: if it holds something else, or is for another recipient.
    """
    r: G1Point = decode_point(envelope.r)
    value = decode_point(envelope.c) - multiply(r, secret.scalar)
    return verify_label_value(encode_point(value), label, opening)
