"""The group of the unit tests' Move VM, for the executable specification.

In that VM the operations of the group are stubs; what is recorded for it is made with stubs, too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.contract import work
from walrusd.crypto.envelopes import schnorr
from walrusd.crypto.pedersen import pedersen
from walrusd.errors import VerificationFailed


@contextmanager
def stubbed_group() -> Iterator[None]:
    """Make the specification's group as meaningless as the one of the unit tests' VM.

    There every operation gives zero bytes, 48 in G1: proofs hold, and zeros open to anything. A
    proof of Schnorr's still has a challenge, which is the hash with a nonce point of zeros.
    """

    def open_zeros(commitment: bytes, *_: Any) -> None:
        if commitment != bytes(48):
            raise VerificationFailed("the stub of the group gives zeros")

    compute_challenge = schnorr.compute_challenge

    def challenge_zeros(preimage: Callable[[bytes], bytes], nonce_point: Any) -> bytes:
        """Of a nonce point of zeros: proofs made and checked with it hold there and here."""
        size = len(nonce_point.to_compressed_bytes())
        return compute_challenge(lambda _: preimage(bytes(size)), nonce_point)

    stubs = {
        (schnorr, "compute_challenge"): challenge_zeros,
        (pedersen, "verify_proof"): lambda *_: None,
        (pedersen, "verify_commitment"): open_zeros,
        (work, "commit"): lambda *_: bytes(48),
        (work, "prove_opening"): lambda *_: bytes(112),
    }
    kept = {(module, name): getattr(module, name) for module, name in stubs}
    for (module, name), stub in stubs.items():
        setattr(module, name, stub)
    try:
        yield
    finally:
        for (module, name), original in kept.items():
            setattr(module, name, original)
