"""Paillier keys: a modulus that anybody can encrypt to, and its primes.

Ciphertexts are ``c = (1 + M·n)·h_s^α mod n²`` with ``h_s = h^n mod n²`` and a short random
exponent ``α`` of ``|n|/2`` bits (Damgård, Jurik, Nielsen 2010, section 4.2). ``h = −x² mod n``
with ``x`` hashed from ``n``: a key consists of ``n`` alone, and nobody can choose an ``h`` of small
order. The ``r^n`` of a textbook ciphertext is ``(h^α)^n`` here, so plain ``phe`` decrypts ours.
"""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gmpy2
import phe
from gmpy2 import mpz

from walrusd.crypto.tags import Tag, hash_tagged, u64
from walrusd.errors import PaillierKeyRefused

MIN_BITS = 2048
DEFAULT_BITS = 3072
MAX_BITS = 8192
"""Far beyond need; it bounds the work that another party's key can cause."""

_PRIME_TESTS = 40
"""Rounds of Miller–Rabin for our own random candidates; the error is below 4**-40."""

_HASH_MARGIN_BYTES = 16
"""A hash is reduced modulo ``n`` from this many more bytes: the bias is below 2**-128."""


@dataclass(frozen=True)
class PublicKey:
    """The modulus, which encrypts. Build it with ``read_public_key``, which checks the size."""

    n: int

    @property
    def bits(self) -> int:
        """The length of the modulus in bits."""
        return self.n.bit_length()

    @property
    def modulus_bytes(self) -> int:
        """The length of the modulus, and of a plaintext, in bytes."""
        return (self.bits + 7) // 8

    @property
    def ciphertext_bytes(self) -> int:
        """The fixed width of a ciphertext in bytes."""
        return 2 * self.modulus_bytes

    @property
    def exponent_bytes(self) -> int:
        """The width of the short exponents in bytes: half the modulus, in whole AES blocks."""
        return -(-self.bits // 2 // 128) * 16

    @cached_property
    def modulus(self) -> Any:
        """``n`` as an integer of gmpy2."""
        return mpz(self.n)

    @cached_property
    def square(self) -> Any:
        """``n²``."""
        return self.modulus * self.modulus

    @cached_property
    def base(self) -> Any:
        """``h = −x² mod n``, ``x`` hashed from ``n``."""
        x = hash_below(self, Tag.PAILLIER_H)
        return (-x * x) % self.modulus

    @cached_property
    def power_base(self) -> Any:
        """``h_s = h^n mod n²``."""
        return gmpy2.powmod(self.base, self.modulus, self.square)

    def to_bytes(self) -> bytes:
        """Return ``n``, big-endian, in ``modulus_bytes`` bytes."""
        return self.n.to_bytes(self.modulus_bytes, "big")

    def digest(self) -> bytes:
        """Return ``H(PAILLIER-KEY ‖ n)``, the 32 bytes that stand for this key in transcripts."""
        return hash_tagged(Tag.PAILLIER_KEY, self.to_bytes())

    def to_phe(self) -> phe.PaillierPublicKey:
        """Return the same key for ``phe``."""
        return phe.PaillierPublicKey(self.n)


@dataclass(frozen=True)
class PrivateKey:
    """The primes, which decrypt. ``repr`` leaves them out."""

    public: PublicKey
    p: int = field(repr=False)
    q: int = field(repr=False)

    @property
    def order(self) -> int:
        """``φ(n)``, which is as secret as the primes."""
        return (self.p - 1) * (self.q - 1)

    def to_phe(self) -> phe.PaillierPrivateKey:
        """Return the same key for ``phe``."""
        return phe.PaillierPrivateKey(self.public.to_phe(), self.p, self.q)


def hash_below(key: PublicKey, tag: Tag, *fields: bytes) -> Any:
    """Return a hash of ``tag``, the modulus and ``fields``, as an integer below ``n``.

    It is ``SHAKE256(prefix(tag) ‖ n ‖ fields…)``, 16 bytes longer than ``n``, reduced modulo ``n``.
    """
    state = hashlib.shake_256(tag.prefix + key.to_bytes())
    for part in fields:
        state.update(part)
    wide = state.digest(key.modulus_bytes + _HASH_MARGIN_BYTES)
    return mpz(int.from_bytes(wide, "big")) % key.modulus


def read_public_key(data: bytes) -> PublicKey:
    """Read a modulus, big-endian without leading zeros.

    Only the size is checked here; ``modulus_proof`` checks that ``n`` makes ciphertexts binding.

    Raises:
        PaillierKeyRefused: if it is even, too short, too long, or has leading zeros.
    """
    n = int.from_bytes(data, "big")
    if not MIN_BITS <= n.bit_length() <= MAX_BITS:
        raise PaillierKeyRefused(
            f"a Paillier modulus must have {MIN_BITS} to {MAX_BITS} bits, not {n.bit_length()}",
            hint=f"make a key of {DEFAULT_BITS} bits",
        )
    if n % 2 == 0 or len(data) != (n.bit_length() + 7) // 8:
        raise PaillierKeyRefused("a Paillier modulus must be odd and have no leading zeros")
    return PublicKey(n)


def _candidates(seed: bytes, bits: int) -> Iterator[Any]:
    """Yield the numbers of ``seed`` that are ≡ 3 mod 4 and have their two top bits set.

    Every candidate is a new hash: stepping from a start would prefer primes after gaps.
    """
    top, low = mpz(3) << (bits - 2), 3
    for counter in itertools.count():
        state = hashlib.shake_256(Tag.PAILLIER_PRIME.prefix + seed + u64(counter))
        yield mpz(int.from_bytes(state.digest(bits // 8), "big")) | top | low


def derive_private_key(seed: bytes, bits: int = DEFAULT_BITS) -> PrivateKey:
    """Return the key of a secret 32-byte seed, with ``p ≡ q ≡ 3 (mod 4)``, ``gcd(p−1, q−1) = 2``.

    The short exponents need both conditions; ``phe`` ensures neither. The same seed gives the same
    key, so a daemon can derive it instead of storing it. This takes about 0.2 s at 3072 bits.

    Raises:
        PaillierKeyRefused: if ``bits`` is not a multiple of 16 from 2048 to 8192.
    """
    if not MIN_BITS <= bits <= MAX_BITS or bits % 16:
        raise PaillierKeyRefused(
            f"a Paillier key has {MIN_BITS} to {MAX_BITS} bits, a multiple of 16, not {bits}"
        )
    primes = (
        candidate
        for candidate in _candidates(seed, bits // 2)
        if gmpy2.is_prime(candidate, _PRIME_TESTS)
    )
    p = next(primes)
    for q in primes:
        if p != q and gmpy2.gcd(p - 1, q - 1) == 2 and gmpy2.gcd(p * q, (p - 1) * (q - 1)) == 1:
            break
    return PrivateKey(PublicKey(int(p * q)), int(p), int(q))
