"""Encrypted vectors: encryption from a seed, weighted sums, decryption, from bytes to bytes.

A ciphertext is a function of its plaintext and the seed, so anybody can recompute it with the seed,
and with a proven modulus it binds its plaintext perfectly. Whoever has the seed can decrypt.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import gmpy2
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from gmpy2 import mpz, powmod

from walrusd.crypto.kdf import derive_key
from walrusd.crypto.paillier.keys import PrivateKey, PublicKey
from walrusd.crypto.paillier.powers import FixedBase
from walrusd.crypto.tags import Tag
from walrusd.errors import MalformedCiphertext

MAX_WEIGHT = 1 << 16
_AES_BLOCK = 16


def derive_encryption_seed(
    secret: bytes, key: PublicKey, task: bytes, contributor: bytes, update_root: bytes
) -> bytes:
    """Return the 32-byte seed of one update's encryption.

    ``HKDF(secret, salt = digest of n, PAILLIER-SEED ‖ task ‖ contributor ‖ update_root)``: another
    plaintext has another root, so an exponent never encrypts two plaintexts, which would reveal
    their difference. ``task``, ``contributor`` and ``update_root`` have 32 bytes each.
    """
    info = Tag.PAILLIER_SEED.text + task + contributor + update_root
    return derive_key(secret, key.digest(), info)


def derive_exponents(key: PublicKey, seed: bytes, start: int, count: int) -> list[bytes]:
    """Return the short exponents of ciphertexts ``start … start+count−1``, little-endian.

    Each has ``key.exponent_bytes`` bytes.

    Exponent ``j`` is the AES-256-CTR key stream of ``seed`` from block ``j·(width/16)`` on.
    """
    width = key.exponent_bytes
    counter = (start * (width // _AES_BLOCK)).to_bytes(_AES_BLOCK, "big")
    # Encrypting zeros gives the key stream of the cipher.
    stream = Cipher(algorithms.AES(seed), modes.CTR(counter)).encryptor()
    octets = stream.update(bytes(width * count))
    return [octets[i : i + width] for i in range(0, width * count, width)]


@lru_cache(maxsize=1)
def _table(key: PublicKey) -> FixedBase:
    """Return the table of ``key``; only one is kept, as a process works on one task at a time."""
    return FixedBase(key.power_base, key.square, key.exponent_bytes)


def encrypt(key: PublicKey, plaintexts: Sequence[int], seed: bytes, start: int = 0) -> bytes:
    """Return the ciphertexts of ``plaintexts``, the numbers of a vector from ``start`` on.

    Pieces of a vector give the same bytes as the whole. At 3072 bits each number takes about 1.9 ms
    after the first call, which computes a table.

    Raises:
        ValueError: if a plaintext is not a residue modulo ``n``.
    """
    if any(not 0 <= plaintext < key.n for plaintext in plaintexts):
        raise ValueError("a plaintext is not a residue modulo n")
    table, n, square = _table(key), key.modulus, key.square
    exponents = derive_exponents(key, seed, start, len(plaintexts))
    return encode_ciphertexts(
        key,
        (
            (1 + plaintext * n) * table.power(exponent) % square
            for plaintext, exponent in zip(plaintexts, exponents, strict=True)
        ),
    )


def encode_ciphertexts(key: PublicKey, ciphertexts: Iterable[Any]) -> bytes:
    """Return ciphertexts as big-endian integers of ``key.ciphertext_bytes`` bytes each."""
    width = key.ciphertext_bytes
    return b"".join(int(ciphertext).to_bytes(width, "big") for ciphertext in ciphertexts)


def decode_ciphertexts(key: PublicKey, data: bytes) -> list[Any]:
    """Return the ciphertexts in ``data``, each a unit modulo ``n²``.

    Raises:
        MalformedCiphertext: if the bytes are not whole ciphertexts, or a number is zero, not below
            ``n²``, or shares a factor with ``n``.
    """
    width = key.ciphertext_bytes
    if not data or len(data) % width:
        raise MalformedCiphertext(f"{len(data)} bytes are not ciphertexts of {width} bytes")
    numbers = [mpz(int.from_bytes(data[i : i + width], "big")) for i in range(0, len(data), width)]
    product = mpz(1)
    for number in numbers:
        if not 0 < number < key.square:
            raise MalformedCiphertext("a ciphertext is not between 0 and n²")
        product = product * number % key.modulus
    if gmpy2.gcd(product, key.modulus) != 1:
        raise MalformedCiphertext("a ciphertext shares a factor with n")
    return numbers


def _check_weights(weights: Sequence[int]) -> None:
    if not weights or any(not 1 <= weight <= MAX_WEIGHT for weight in weights):
        raise ValueError(f"expected one or more weights from 1 to {MAX_WEIGHT}")


def add_weighted(key: PublicKey, pieces: Sequence[bytes], weights: Sequence[int]) -> bytes:
    """Return ciphertexts of ``Σ_k w_k·M_k``: ``Π c_k^w_k mod n²``, position by position.

    Raises:
        MalformedCiphertext: if a piece is malformed or the pieces differ in length.
        ValueError: if weights are missing or out of range.
    """
    _check_weights(weights)
    if len(pieces) != len(weights) or len({len(piece) for piece in pieces}) != 1:
        raise MalformedCiphertext("the encrypted vectors of a sum differ in length")
    totals = [mpz(1)] * (len(pieces[0]) // key.ciphertext_bytes)
    for piece, weight in zip(pieces, weights, strict=True):
        for place, number in enumerate(decode_ciphertexts(key, piece)):
            power = number if weight == 1 else powmod(number, weight, key.square)
            totals[place] = totals[place] * power % key.square
    return encode_ciphertexts(key, totals)


def stream_weighted_sum(
    key: PublicKey, vectors: Sequence[Iterable[bytes]], weights: Sequence[int]
) -> Iterator[bytes]:
    """Yield the weighted sum of vectors that are read piece by piece, in constant memory.

    All vectors must be cut into pieces of the same lengths.

    Raises:
        MalformedCiphertext: if they are not, or a piece is malformed.
        ValueError: if weights are missing or out of range.
    """
    _check_weights(weights)
    for pieces in _zip_pieces(vectors):
        yield add_weighted(key, pieces, weights)


def _zip_pieces(vectors: Sequence[Iterable[bytes]]) -> Iterator[list[bytes]]:
    iterators = [iter(vector) for vector in vectors]
    while True:
        pieces = [next(iterator, None) for iterator in iterators]
        present = [piece for piece in pieces if piece is not None]
        if not present:
            return
        if len(present) != len(pieces):
            raise MalformedCiphertext("an encrypted vector of a sum ends before the others")
        yield present


def decrypt(key: PrivateKey, data: bytes) -> list[int]:
    """Return the plaintexts of ciphertexts, residues modulo ``n``.

    Decrypted by ``phe``, which works modulo ``p²`` and ``q²`` (Paillier 1999, section 7): ours are
    textbook ciphertexts, and its tested code is as fast as code of our own. About 8 ms each at 3072
    bits.

    Raises:
        MalformedCiphertext: as ``decode_ciphertexts``.
    """
    numbers = decode_ciphertexts(key.public, data)
    private = key.to_phe()
    return [private.raw_decrypt(int(number)) for number in numbers]
