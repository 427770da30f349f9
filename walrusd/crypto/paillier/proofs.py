"""Proofs about whole encrypted vectors, by one random linear combination.

With random 128-bit ``e_j``: ``C* = Π c_j^e_j`` encrypts ``M* = Σ e_j·M_j mod n`` under
``R* = Π r_j^e_j``. One ciphertext with another plaintext changes ``M*`` except with probability
2^−128, given that no factor of ``n`` is that small, which ``modulus_proof`` shows. The proofs are
about plaintexts: ``−c`` decrypts like ``c`` and may pass.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count as count_from
from itertools import islice
from typing import Any

from gmpy2 import gcd, invert, mpz, powmod

from walrusd.crypto import merkle
from walrusd.crypto.paillier.keys import PrivateKey, PublicKey
from walrusd.crypto.paillier.powers import compute_product_of_powers
from walrusd.crypto.paillier.vectors import decode_ciphertexts, derive_exponents
from walrusd.crypto.tags import Tag, hash_tagged, u64
from walrusd.errors import MalformedCiphertext, MalformedData, PaillierProofInvalid

CHALLENGE_BITS = 128
_CHALLENGE_BYTES = CHALLENGE_BITS // 8
_CHALLENGE_BLOCK = 4096
"""Challenges per block that is hashed, so that a vector of any length takes the memory of one."""

PIECE_CIPHERTEXTS = 8192
"""Ciphertexts that a check reads at once: 6 MB at 3072 bits. Larger pieces are cheaper per item."""

Pieces = Callable[[], Iterable[bytes]]
"""Returns ciphertexts from the start, whole ones in each piece; a check calls it twice."""


def compute_ciphertext_root(key: PublicKey, data: bytes) -> bytes:
    """Return the root, 32 bytes, over ciphertexts, one leaf each, which a commit puts on chain.

    Raises:
        ValueError: if ``data`` does not hold whole ciphertexts.
    """
    return merkle.compute_root_of_items([data], key.ciphertext_bytes)


def _hash_transcript(tag: Tag, key: PublicKey, context: bytes, *fields: bytes) -> bytes:
    """Return the digest of a transcript; the context has its length, ``fields`` fixed widths."""
    return hash_tagged(tag, key.digest(), u64(len(context)), context, *fields)


def _expand_challenges(transcript: bytes) -> Iterator[int]:
    """Yield ``e_0, e_1 …``: 16 bytes each of ``SHAKE256(transcript ‖ u64 block)``, 4096 a block."""
    for block in count_from():
        octets = hashlib.shake_256(transcript + u64(block)).digest(
            _CHALLENGE_BLOCK * _CHALLENGE_BYTES
        )
        for start in range(0, len(octets), _CHALLENGE_BYTES):
            yield int.from_bytes(octets[start : start + _CHALLENGE_BYTES], "little")


def _combine(key: PublicKey, ciphertexts: Sequence[Any], challenges: Sequence[int]) -> Any:
    return compute_product_of_powers(ciphertexts, challenges, CHALLENGE_BITS, key.square)


def _combine_pieces(key: PublicKey, pieces: Iterable[bytes], challenges: Iterator[int]) -> Any:
    total = mpz(1)
    for piece in pieces:
        ciphertexts = decode_ciphertexts(key, piece)
        drawn = list(islice(challenges, len(ciphertexts)))
        total = total * _combine(key, ciphertexts, drawn) % key.square
    return total


def _weigh(values: Sequence[int], challenges: Sequence[int]) -> Any:
    return sum(
        (mpz(value) * challenge for value, challenge in zip(values, challenges, strict=True)),
        mpz(0),
    )


def _weigh_exponents(exponents: Sequence[bytes], challenges: Sequence[int]) -> Any:
    return _weigh([int.from_bytes(exponent, "little") for exponent in exponents], challenges)


def _encrypted(key: PublicKey, plaintext: Any, power: Any) -> Any:
    """Return ``(1 + M·n)·power mod n²``."""
    return (1 + plaintext % key.modulus * key.modulus) * power % key.square


def _check_count(what: str, count: int, expected: int) -> None:
    if count != expected:
        raise MalformedData(f"there are {count} {what} for {expected} ciphertexts")


def prove_knowledge(
    key: PublicKey, data: bytes, plaintexts: Sequence[int], seed: bytes, context: bytes
) -> bytes:
    """Return a proof that the encryptor knows every plaintext of ``data``, for ``context``.

    ``context`` names chain, package, task and contributor, so that the proof does not hold for
    anybody else's copy of the ciphertexts. This is the proof of plaintext knowledge of Cramer,
    Damgård and Nielsen (2001), made non-interactive by the transform of Fiat and Shamir:
    ``proof = a ‖ z ‖ w``, a commitment ``a = (1+x·n)·s^n``, and with ``ch = H(…a)`` the answers
    ``z = x + ch·M* mod n`` and ``w = s·R*^ch mod n``. It has four times the bytes of the modulus,
    1.5 KB at 3072 bits.

    Raises:
        MalformedCiphertext: as ``decode_ciphertexts``.
        MalformedData: if there is not one plaintext per ciphertext.
    """
    count = len(decode_ciphertexts(key, data))
    _check_count("plaintexts", len(plaintexts), count)
    n, width = key.modulus, key.modulus_bytes
    root = compute_ciphertext_root(key, data)
    transcript = _hash_transcript(Tag.PAILLIER_POK, key, context, root)
    challenges = list(islice(_expand_challenges(transcript), count))
    exponents = derive_exponents(key, seed, 0, count)
    blinding = powmod(key.base, _weigh_exponents(exponents, challenges), n)
    x, s = mpz(secrets.randbelow(key.n)), mpz(1 + secrets.randbelow(key.n - 1))
    first = int(_encrypted(key, x, powmod(s, n, key.square))).to_bytes(2 * width, "big")
    challenge = _knowledge_challenge(key, context, root, first)
    z = (x + challenge * _weigh(plaintexts, challenges)) % n
    w = s * powmod(blinding, challenge, n) % n
    return first + int(z).to_bytes(width, "big") + int(w).to_bytes(width, "big")


def _knowledge_challenge(key: PublicKey, context: bytes, root: bytes, first: bytes) -> int:
    digest = _hash_transcript(Tag.PAILLIER_ANSWER, key, context, root, first)
    return int.from_bytes(digest[:_CHALLENGE_BYTES], "little")


def verify_knowledge_of(key: PublicKey, pieces: Pieces, proof: bytes, context: bytes) -> None:
    """Check a proof of ``prove_knowledge``: ``(1+z·n)·w^n == a·C*^ch mod n²``, piece by piece.

    Raises:
        MalformedCiphertext: as ``decode_ciphertexts``.
        PaillierProofInvalid: if the proof is malformed or does not hold.
    """
    n, width = key.modulus, key.modulus_bytes
    if len(proof) != 4 * width:
        raise PaillierProofInvalid(f"a knowledge proof has {4 * width} bytes, not {len(proof)}")
    first = proof[: 2 * width]
    a = mpz(int.from_bytes(first, "big"))
    z = mpz(int.from_bytes(proof[2 * width : 3 * width], "big"))
    w = mpz(int.from_bytes(proof[3 * width :], "big"))
    if not (0 < a < key.square and gcd(a, n) == 1 and z < n and 0 < w < n and gcd(w, n) == 1):
        raise PaillierProofInvalid("a part of the knowledge proof is out of range")
    root = _compute_root_of(key, pieces())
    transcript = _hash_transcript(Tag.PAILLIER_POK, key, context, root)
    combined = _combine_pieces(key, pieces(), _expand_challenges(transcript))
    challenge = _knowledge_challenge(key, context, root, first)
    answer = _encrypted(key, z, powmod(w, n, key.square))
    if answer != a * powmod(combined, challenge, key.square) % key.square:
        raise PaillierProofInvalid("the proof of knowledge of the plaintexts does not hold")


def _compute_root_of(key: PublicKey, pieces: Iterable[bytes]) -> bytes:
    def check(piece: bytes) -> bytes:
        if not piece or len(piece) % key.ciphertext_bytes:
            raise MalformedCiphertext(
                f"{len(piece)} bytes are not ciphertexts of {key.ciphertext_bytes} bytes"
            )
        return piece

    return merkle.compute_root_of_items(map(check, pieces), key.ciphertext_bytes)


def verify_encryption(key: PublicKey, data: bytes, plaintexts: Sequence[int], seed: bytes) -> None:
    """Check that ``data`` is the encryption of ``plaintexts`` from ``seed``, all at once.

    The checker draws its own ``e_j``: ``C* == (1+M*·n)·h_s^(Σ e_j·α_j)``. This is some ten times
    cheaper than encrypting again.

    Raises:
        MalformedCiphertext: as ``decode_ciphertexts``.
        MalformedData: if there is not one plaintext per ciphertext.
        PaillierProofInvalid: if a ciphertext holds another plaintext.
    """
    ciphertexts = decode_ciphertexts(key, data)
    _check_count("plaintexts", len(plaintexts), len(ciphertexts))
    challenges = [secrets.randbits(CHALLENGE_BITS) for _ in ciphertexts]
    exponents = derive_exponents(key, seed, 0, len(ciphertexts))
    power = powmod(key.power_base, _weigh_exponents(exponents, challenges), key.square)
    expected = _encrypted(key, _weigh(plaintexts, challenges), power)
    if _combine(key, ciphertexts, challenges) != expected:
        raise PaillierProofInvalid("the ciphertexts do not open to this update")


def _decryption_challenges(
    key: PublicKey, data: bytes, plaintexts: Sequence[int], context: bytes
) -> list[int]:
    """Return challenges that depend on the claimed plaintexts too.

    If they depended on the ciphertexts alone, a false decryption could be found for known
    challenges, by lattice reduction in under a second.
    """
    width = key.modulus_bytes
    claimed = merkle.compute_root([plaintext.to_bytes(width, "big") for plaintext in plaintexts])
    root = compute_ciphertext_root(key, data)
    transcript = _hash_transcript(Tag.PAILLIER_DEC, key, context, root, claimed)
    return list(islice(_expand_challenges(transcript), len(plaintexts)))


def prove_decryption(
    key: PrivateKey, data: bytes, plaintexts: Sequence[int], context: bytes
) -> bytes:
    """Return a proof that ``plaintexts`` are the decryption of ``data``: the n-th root ``R*``.

    It is as wide as the modulus, big-endian.

    Raises:
        MalformedCiphertext: as ``decode_ciphertexts``.
        MalformedData: if there is not one plaintext per ciphertext, or one is not a residue.
    """
    public = key.public
    ciphertexts = decode_ciphertexts(public, data)
    _check_residues(public, plaintexts, len(ciphertexts))
    challenges = _decryption_challenges(public, data, plaintexts, context)
    combined = _combine(public, ciphertexts, challenges)
    blinding = combined * (1 - _weigh(plaintexts, challenges) % public.modulus * public.modulus)
    exponent = invert(public.modulus, mpz(key.order))
    root = powmod(blinding % public.modulus, exponent, public.modulus)
    return int(root).to_bytes(public.modulus_bytes, "big")


def _check_residues(key: PublicKey, plaintexts: Sequence[int], count: int) -> None:
    _check_count("plaintexts", len(plaintexts), count)
    if any(not 0 <= plaintext < key.n for plaintext in plaintexts):
        raise MalformedData("a plaintext is not a residue modulo n")


def verify_decryption(
    key: PublicKey, data: bytes, plaintexts: Sequence[int], proof: bytes, context: bytes
) -> None:
    """Check a proof of ``prove_decryption``, as anybody can: ``(1+M*·n)·R*^n == C* mod n²``.

    Raises:
        MalformedCiphertext: as ``decode_ciphertexts``.
        MalformedData: if there is not one plaintext per ciphertext, or one is not a residue.
        PaillierProofInvalid: if the proof is malformed or a plaintext is wrong.
    """
    ciphertexts = decode_ciphertexts(key, data)
    _check_residues(key, plaintexts, len(ciphertexts))
    blinding = mpz(int.from_bytes(proof, "big"))
    if len(proof) != key.modulus_bytes or not 0 < blinding < key.modulus:
        raise PaillierProofInvalid("the decryption proof is not one number below n")
    challenges = _decryption_challenges(key, data, plaintexts, context)
    power = powmod(blinding, key.modulus, key.square)
    if _combine(key, ciphertexts, challenges) != _encrypted(
        key, _weigh(plaintexts, challenges), power
    ):
        raise PaillierProofInvalid("the plaintexts are not the decryption of the ciphertexts")
