"""Schnorr's proof of knowledge of a logarithm (1991), made non-interactive by Fiat and Shamir.

A proof of ``x`` with ``X = x·B`` is ``e ‖ z``, 64 bytes: ``A = k·B``, ``e = H(statement ‖ A)``,
``z = k + e·x``; it holds if ``e == H(statement ‖ z·B − e·X)``. In this form a verifier decodes no
point of the prover's.

``e`` is a SHA-256 digest whose first byte is set to zero, read big-endian. Its 248 bits are below
the group order, so nobody has to reduce it, and Move makes it with one assignment instead of a
loop. A prover without ``x`` succeeds with probability 2^-248 for each hash it computes.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from py_arkworks_bls12381 import Scalar

from walrusd.crypto.kdf import derive_key
from walrusd.crypto.pedersen.g1 import SCALAR_BYTES, Q, decode_scalar, encode_scalar
from walrusd.crypto.tags import Tag
from walrusd.errors import MalformedScalar, SchnorrProofInvalid

ENTROPY_BYTES = 32


class _Point(Protocol):
    def __add__(self, rhs: Self, /) -> Self: ...
    def __sub__(self, rhs: Self, /) -> Self: ...
    def __mul__(self, rhs: Scalar, /) -> Self: ...
    def to_compressed_bytes(self) -> bytes: ...


P = TypeVar("P", bound=_Point)

Preimage = Callable[[bytes], bytes]
"""Gets the bytes of ``A`` and returns all that the challenge is the hash of."""


@dataclass(frozen=True)
class SchnorrProof:
    """Challenge ``e`` and answer ``z``, scalars in 32 bytes each, big-endian."""

    challenge: bytes
    answer: bytes

    def encode(self) -> bytes:
        """Return ``e ‖ z``, 64 bytes."""
        return self.challenge + self.answer

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Return the proof in 64 bytes.

        Raises:
            MalformedScalar: if there are more or fewer, or a number is not below the group order.
        """
        if len(raw) != 2 * SCALAR_BYTES:
            raise MalformedScalar(f"a Schnorr proof has {2 * SCALAR_BYTES} bytes, not {len(raw)}")
        proof = cls(raw[:SCALAR_BYTES], raw[SCALAR_BYTES:])
        proof.check()
        return proof

    def check(self) -> None:
        """Check the form of both numbers.

        Raises:
            MalformedScalar: if one is not a number below the group order in 32 bytes.
        """
        decode_scalar(self.challenge)
        decode_scalar(self.answer)


def derive_nonce(secret: bytes, tag: Tag, statement: bytes) -> int:
    """Return a scalar from 1 to ``Q - 1`` that nobody can tell and that never comes again.

    It depends on a secret, on what it is used for, and on fresh randomness: as long as the secret
    is one, a broken random generator repeats it only for the same statement. 64 bytes are reduced,
    so the remainder is uniform up to 2^-256.
    """
    digest = hashlib.sha256(statement).digest()
    salt = secrets.token_bytes(ENTROPY_BYTES)
    raw = derive_key(secret, salt, tag.text + digest, 2 * SCALAR_BYTES)
    return int.from_bytes(raw, "big") % (Q - 1) + 1


def compute_challenge(preimage: Preimage, nonce_point: _Point) -> bytes:
    """Return ``e``: the hash of all that is proven, with its first byte set to zero."""
    digest = hashlib.sha256(preimage(bytes(nonce_point.to_compressed_bytes()))).digest()
    return b"\0" + digest[1:]


def prove_logarithm(base: P, secret: int, preimage: Preimage) -> SchnorrProof:
    """Return a proof that its maker knows ``secret``, bound to ``preimage``.

    ``preimage`` must contain ``secret·base``, the base's purpose, and all that the proof is for.
    """
    nonce = derive_nonce(encode_scalar(secret), Tag.PROOF_NONCE, preimage(b""))
    challenge = compute_challenge(preimage, base * Scalar(nonce))
    answer = nonce + int.from_bytes(challenge, "big") * secret
    return SchnorrProof(challenge, encode_scalar(answer))


def verify_logarithm(base: P, point: P, proof: SchnorrProof, preimage: Preimage) -> None:
    """Check ``e == H(preimage(z·base − e·point))``.

    Raises:
        MalformedScalar: if challenge or answer is not a number below the group order in 32 bytes.
        SchnorrProofInvalid: if the equation does not hold.
    """
    challenge = Scalar(decode_scalar(proof.challenge))
    answer = Scalar(decode_scalar(proof.answer))
    nonce_point = base * answer - point * challenge
    if compute_challenge(preimage, nonce_point) != proof.challenge:
        raise SchnorrProofInvalid("the proof does not hold for this point and this context")
