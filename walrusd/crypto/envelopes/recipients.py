"""Keys that envelopes are made for: one secret scalar, a public key in each group.

The contract needs ``PK2`` for its pairing, the sender ``PK1`` to encrypt. Both are checked once,
when they are registered, with a proof of possession that is bound to the recipient's context, so
nobody registers a key made from others' points.
"""

from dataclasses import dataclass, field

from py_arkworks_bls12381 import G1Point

from walrusd.crypto.envelopes.groups import G2, decode_g2, encode_g2, multiply_g2, pairs_cancel
from walrusd.crypto.envelopes.schnorr import (
    Preimage,
    SchnorrProof,
    prove_logarithm,
    verify_logarithm,
)
from walrusd.crypto.pedersen.g1 import G, Q, decode_point, encode_point, multiply
from walrusd.crypto.tags import Tag, encode_bytes
from walrusd.errors import RecipientKeysDiffer


@dataclass(frozen=True)
class Recipient:
    """Public keys that have been checked: by ``verify_recipient``, or by the contract.

    Only keys that were proven may become a ``Recipient``; the contract stores no others.
    """

    context: bytes
    """The digest of a ``SeatContext`` or ``PublisherContext``, 32 bytes."""
    pk1: bytes
    """``sk·G1``, 48 bytes."""
    pk2: bytes
    """``sk·G2``, 96 bytes."""


@dataclass(frozen=True)
class RecipientSecret:
    """A recipient's secret scalar ``sk``, from 1 to ``Q - 1``.

    Raises:
        ValueError: if it is outside.
    """

    scalar: int = field(repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.scalar < Q:
            raise ValueError("a secret scalar is from 1 to the group order minus 1")

    def describe(self, context: bytes) -> Recipient:
        """Return the public keys for the recipient with the context digest ``context``."""
        pk1, pk2 = multiply(G, self.scalar), multiply_g2(G2, self.scalar)
        return Recipient(context, encode_point(pk1), encode_g2(pk2))


def _bind(recipient: Recipient) -> Preimage:
    start = (
        Tag.RECIPIENT_PROOF.prefix
        + encode_bytes(recipient.context)
        + encode_bytes(recipient.pk1)
        + encode_bytes(recipient.pk2)
    )
    return lambda nonce_point: start + encode_bytes(nonce_point)


def prove_recipient(secret: RecipientSecret, context: bytes) -> SchnorrProof:
    """Return the proof of possession of the keys ``secret.describe(context)``."""
    return prove_logarithm(G, secret.scalar, _bind(secret.describe(context)))


def verify_recipient(context: bytes, pk1: bytes, pk2: bytes, proof: SchnorrProof) -> Recipient:
    """Check that whoever registers ``pk1`` and ``pk2`` for ``context`` knows their secret.

    ``e(PK1, G2) == e(G1, PK2)``, and the proof of possession of ``PK1``.

    Raises:
        MalformedPoint, MalformedScalar: if one is not in its canonical encoding, not in its group,
            or the identity.
        RecipientKeysDiffer: if the keys are not of one secret.
        SchnorrProofInvalid: if the proof does not hold for these keys and this context.
    """
    first, second = decode_point(pk1), decode_g2(pk2)
    proof.check()
    generator: G1Point = -G
    if not pairs_cancel([(first, G2), (generator, second)]):
        raise RecipientKeysDiffer("the two public keys do not have the same secret")
    recipient = Recipient(context, pk1, pk2)
    verify_logarithm(G, first, proof, _bind(recipient))
    return recipient
