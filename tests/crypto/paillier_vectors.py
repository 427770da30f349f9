"""The known answers of tests/vectors/paillier.json, and how to make them again.

``python -m tests.crypto.paillier_vectors`` writes the file. The primes in it are public.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from walrusd.crypto.paillier import modulus_proof, proofs, vectors
from walrusd.crypto.paillier.keys import PrivateKey, PublicKey
from walrusd.crypto.paillier.packing import Packing

PATH = Path(__file__).parents[1] / "vectors" / "paillier.json"
CONTEXT = b"vectors"
ENTRIES = 200


def load() -> dict[str, Any]:
    """Return the file."""
    document: dict[str, Any] = json.loads(PATH.read_text())
    return document


def load_key(bits: int) -> PrivateKey:
    """Return the key of ``bits`` bits in the file."""
    p, q = load()[str(bits)]["primes"]
    return PrivateKey(PublicKey(int(p, 16) * int(q, 16)), int(p, 16), int(q, 16))


def make_update(slot_bits: int) -> np.ndarray:
    """Return entries that include the largest of a slot, of both signs."""
    largest = 2**24 if slot_bits == 40 else 2**31 - 1
    places = np.arange(ENTRIES, dtype=np.int64)
    return (places * places * 7919 % (2 * largest + 1) - largest).astype(np.int32)


def compute(key: PrivateKey) -> dict[str, Any]:
    """Return what the file says about a key."""
    public = key.public
    answers: dict[str, Any] = {
        "primes": [hex(key.p), hex(key.q)],
        "modulus": public.to_bytes().hex(),
        "digest": public.digest().hex(),
        "base_sha256": hashlib.sha256(
            int(public.base).to_bytes(public.modulus_bytes, "big")
        ).hexdigest(),
        "modulus_proof_sha256": hashlib.sha256(
            modulus_proof.prove_modulus(key, CONTEXT)
        ).hexdigest(),
    }
    seed = vectors.derive_encryption_seed(b"s" * 32, public, b"t" * 32, b"c" * 32, b"u" * 32)
    answers["seed"] = seed.hex()
    answers["first_exponent"] = vectors.derive_exponents(public, seed, 0, 1)[0].hex()
    for slot_bits in (40, 48):
        packing = Packing(public.n, slot_bits)
        plaintexts = packing.pack(make_update(slot_bits))
        data = vectors.encrypt(public, plaintexts, seed)
        answers[f"slots_{slot_bits}"] = {
            "slots": packing.slots,
            "plaintexts": [hex(plaintext) for plaintext in plaintexts],
            "ciphertexts_sha256": hashlib.sha256(data).hexdigest(),
            "root": proofs.compute_ciphertext_root(public, data).hex(),
            "decryption_proof_sha256": hashlib.sha256(
                proofs.prove_decryption(key, data, plaintexts, CONTEXT)
            ).hexdigest(),
        }
    return answers


if __name__ == "__main__":
    document = {bits: compute(load_key(int(bits))) for bits in load()}
    PATH.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
