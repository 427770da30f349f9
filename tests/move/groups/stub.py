"""Makes the specification's group as meaningless as the one of the unit tests' VM.

There every operation gives zero bytes, 48 or 96, and every point of the right length is valid. So
all pairings are equal, zeros open to anything, and a proof holds if its challenge is the hash with
zeros in the place of the nonce's point.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.contract import early, sealing, work
from walrusd.crypto.envelopes import groups, openings, recipients, schnorr
from walrusd.crypto.envelopes import sealing as envelopes
from walrusd.crypto.envelopes.openings import OpeningKey
from walrusd.crypto.envelopes.recipients import Recipient
from walrusd.crypto.envelopes.schnorr import Preimage, SchnorrProof
from walrusd.crypto.pedersen import pedersen
from walrusd.devnet.contract import envelope
from walrusd.errors import MalformedPoint, SchnorrProofInvalid, VerificationFailed

ZEROS, ZEROS_OF_G2 = bytes(48), bytes(96)


def _challenge(preimage: Preimage, nonce_point: bytes = ZEROS) -> bytes:
    return b"\0" + hashlib.sha256(preimage(nonce_point)).digest()[1:]


def _prove(_base: Any, _secret: int, preimage: Preimage) -> SchnorrProof:
    return SchnorrProof(_challenge(preimage), bytes(32))


def _prove_opening(_base: Any, _secret: int, preimage: Preimage) -> SchnorrProof:
    return SchnorrProof(_challenge(preimage, ZEROS_OF_G2), bytes(32))


def _check_points(*points: tuple[bytes, int]) -> None:
    if any(len(point) != size for point, size in points):
        raise MalformedPoint("lengths are checked there, too")


def _verify(preimage: Preimage, proof: SchnorrProof, nonce_point: bytes = ZEROS) -> None:
    proof.check()
    if proof.challenge != _challenge(preimage, nonce_point):
        raise SchnorrProofInvalid("the proof does not hold")


def _verify_recipient(context: bytes, pk1: bytes, pk2: bytes, proof: SchnorrProof) -> Recipient:
    recipient = Recipient(context, pk1, pk2)
    _check_points((pk1, 48), (pk2, 96))
    _verify(recipients._bind(recipient), proof)
    return recipient


def _verify_opening_key(context: bytes, p2: bytes, proof: SchnorrProof) -> OpeningKey:
    opening = OpeningKey(context, p2)
    _check_points((p2, 96))
    _verify(openings._bind(opening), proof, ZEROS_OF_G2)
    return opening


def _verify_envelope(
    given: envelopes.Envelope, label: Any, opening: OpeningKey, recipient: Recipient, sender: bytes
) -> envelopes.Envelope:
    _check_points((given.r, 48), (given.c, 48))
    parties = envelopes._bind_parties(opening, label, recipient, sender)
    _verify(envelopes._bind(parties, given.r, given.c), given.proof)
    return given


def _open_zeros(commitment: bytes, *_: Any) -> None:
    if commitment != ZEROS:
        raise VerificationFailed("the stub of the group gives zeros")


STUBS = {
    (pedersen, "verify_proof"): lambda *_: None,
    (pedersen, "verify_commitment"): _open_zeros,
    (work, "commit"): lambda *_: ZEROS,
    (work, "prove_opening"): lambda *_: bytes(112),
    (recipients, "prove_logarithm"): _prove,
    (openings, "prove_logarithm"): _prove_opening,
    (envelopes, "prove_logarithm"): _prove,
    (schnorr, "prove_logarithm"): _prove,
    # Where copies of the specification take them from, and where it has them already.
    (recipients, "verify_recipient"): _verify_recipient,
    (openings, "verify_opening_key"): _verify_opening_key,
    (openings, "verify_label_value"): lambda *_: None,
    (envelopes, "verify_envelope"): _verify_envelope,
    (groups, "decode_g2"): lambda _: None,
    (envelope, "verify_recipient"): _verify_recipient,
    (envelope, "verify_opening_key"): _verify_opening_key,
    (envelope, "verify_envelope"): _verify_envelope,
    (envelope, "verify_label_value"): lambda *_: None,
    (envelope, "decode_g2"): lambda _: None,
}
CACHES = (early.make_keys, sealing.make_opening, sealing.make_envelope)
"""What they remember was made with the other group."""


@contextmanager
def stubbed_group() -> Iterator[None]:
    """Put the stubs in the place of the group."""
    kept = {(module, name): getattr(module, name) for module, name in STUBS}
    for (module, name), stub in STUBS.items():
        setattr(module, name, stub)
    for cache in CACHES:
        cache.cache_clear()
    try:
        yield
    finally:
        for (module, name), original in kept.items():
            setattr(module, name, original)
        for cache in CACHES:
            cache.cache_clear()
