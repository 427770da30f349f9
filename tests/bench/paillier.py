"""Packed Paillier vectors against phe, one number per ciphertext, with the same key."""

import numpy as np

from tests.bench.measure import Measurement, time_in_turns
from walrusd.crypto.paillier import vectors
from walrusd.crypto.paillier.keys import DEFAULT_BITS, derive_private_key
from walrusd.crypto.paillier.packing import Packing
from walrusd.crypto.paillier.proofs import verify_encryption

VALUE_BITS = 24
SLOT_BITS = 40
CIPHERTEXTS = 2048
NAIVE_VALUES = 8
"""A number takes phe some 30 ms."""

AGGREGATED = 100
AGGREGATE_ENTRIES = 100_000
NAIVE_ADDITIONS = 20_000


def measure_paillier(rounds: int) -> list[Measurement]:
    """Return what encrypting, checking and adding vectors cost at the default key size."""
    key = derive_private_key(bytes(32), DEFAULT_BITS)
    public, naive = key.public, key.to_phe().public_key
    packing = Packing(public.n, SLOT_BITS)
    generator = np.random.default_rng(4)
    largest = 1 << (VALUE_BITS - 1)
    update = generator.integers(-largest, largest, CIPHERTEXTS * packing.slots).astype(np.int32)
    plaintexts = packing.pack(update)
    seed = bytes(32)
    data = vectors.encrypt(public, plaintexts, seed)
    encrypt, check, phe_encrypt = time_in_turns(
        [
            lambda: vectors.encrypt(public, plaintexts, seed),
            lambda: verify_encryption(public, data, plaintexts, seed),
            lambda: [naive.encrypt(float(value)) for value in update[:NAIVE_VALUES]],
        ],
        rounds,
    )
    note = f"{DEFAULT_BITS} bits, {packing.slots} slots of {SLOT_BITS} bits, one thread; "
    return [
        Measurement(
            "paillier.encrypt",
            1000 * encrypt / update.size,
            "us/value",
            1000 * phe_encrypt / NAIVE_VALUES,
            note + "baseline: phe, one number per ciphertext",
        ),
        Measurement(
            "paillier.verify_opening",
            check,
            "ms",
            encrypt,
            note + f"{CIPHERTEXTS} ciphertexts; baseline: encrypting them again",
        ),
        Measurement(
            "paillier.ciphertext",
            public.ciphertext_bytes / packing.slots,
            "B/value",
            2 * public.modulus_bytes,
            note + "baseline: phe, one number per ciphertext",
        ),
        _measure_aggregate(key.to_phe().public_key, public, packing, data),
    ]


def _measure_aggregate(
    naive: object, public: vectors.PublicKey, packing: Packing, data: bytes
) -> Measurement:
    """Time a whole sum of 100 vectors; phe's is sampled and multiplied up."""
    width = public.ciphertext_bytes
    count = packing.count(AGGREGATE_ENTRIES)
    # How long a product takes does not depend on which ciphertexts are multiplied.
    vector = [data[i % CIPHERTEXTS * width :][:width] for i in range(count)]
    one = naive.encrypt(1)  # type: ignore[attr-defined]  # phe publishes no types

    def add_naively() -> None:
        total = one
        for _ in range(NAIVE_ADDITIONS):
            total = total + one

    weights = [1] * AGGREGATED
    whole, sampled = time_in_turns(
        [
            lambda: list(vectors.stream_weighted_sum(public, [vector] * AGGREGATED, weights)),
            add_naively,
        ],
        rounds=1,
        warm_up=0,
    )
    scale = AGGREGATED * AGGREGATE_ENTRIES / NAIVE_ADDITIONS / 1000
    return Measurement(
        "paillier.aggregate",
        whole / 1000,
        "s",
        sampled * scale,
        f"{AGGREGATED} vectors of {AGGREGATE_ENTRIES} values, decoding and checks included; "
        f"baseline: phe's additions, multiplied up from {NAIVE_ADDITIONS}",
    )
