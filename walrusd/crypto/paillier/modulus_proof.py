"""Proof that a modulus makes Paillier encryption binding: ``gcd(n, φ(n)) = 1``.

Then ``(M, r) → (1+n)^M·r^n mod n²`` is one to one, so a ciphertext has one plaintext. The prover
publishes n-th roots modulo ``n`` of hashed numbers: if a prime ``d`` divided both ``n`` and
``φ(n)``, only one number in ``d`` would have a root. Trial division up to 6370 leaves ``d > 6370``,
and eleven roots an error of ``6370^−11 < 2^−138`` (Goldberg, Reyzin, Sagga, Baldimtsi 2019,
section 3.1).
"""

from collections.abc import Iterator

import gmpy2
from gmpy2 import mpz, powmod

from walrusd.crypto.paillier.keys import PrivateKey, PublicKey, hash_below
from walrusd.crypto.tags import Tag
from walrusd.errors import PaillierKeyRefused

ROUNDS = 11
TRIAL_DIVISION_BELOW = 6370


def _small_primes() -> Iterator[int]:
    prime = 2
    while prime < TRIAL_DIVISION_BELOW:
        yield prime
        prime = int(gmpy2.next_prime(prime))


def prove_modulus(key: PrivateKey, context: bytes) -> bytes:
    """Return the proof for ``context``, the bytes that name where the key is used.

    It consists of ``ROUNDS`` roots, big-endian, each as wide as the modulus.
    """
    public = key.public
    exponent = gmpy2.invert(public.modulus, mpz(key.order))
    roots = [
        powmod(hash_below(public, Tag.PAILLIER_MOD, context, bytes([i])), exponent, public.modulus)
        for i in range(ROUNDS)
    ]
    return b"".join(int(root).to_bytes(public.modulus_bytes, "big") for root in roots)


def verify_modulus(key: PublicKey, proof: bytes, context: bytes) -> None:
    """Check a modulus and its proof.

    Raises:
        PaillierKeyRefused: if the modulus is prime, a power or has a small factor, or the proof
            does not hold for it and ``context``.
    """
    n, width = key.modulus, key.modulus_bytes
    if gmpy2.is_prime(n) or gmpy2.is_power(n):
        raise PaillierKeyRefused("a Paillier modulus must be the product of two primes")
    if any(n % prime == 0 for prime in _small_primes()):
        raise PaillierKeyRefused("the Paillier modulus has a small factor")
    if len(proof) != ROUNDS * width:
        raise PaillierKeyRefused(f"a modulus proof has {ROUNDS * width} bytes, not {len(proof)}")
    for i in range(ROUNDS):
        root = mpz(int.from_bytes(proof[i * width : (i + 1) * width], "big"))
        expected = hash_below(key, Tag.PAILLIER_MOD, context, bytes([i]))
        if not 0 < root < n or powmod(root, n, n) != expected:
            raise PaillierKeyRefused("the proof of the Paillier modulus does not hold")
