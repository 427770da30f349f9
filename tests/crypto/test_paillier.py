"""Paillier: interoperation with phe, bounds at their limits, refusals, known answers."""

import math
import secrets

import gmpy2
import numpy as np
import phe
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.crypto import paillier_vectors
from walrusd.crypto.paillier import keys, vectors
from walrusd.crypto.paillier.keys import read_public_key
from walrusd.crypto.paillier.packing import Packing, check_weighted_bound, choose_slot_bits
from walrusd.crypto.paillier.powers import FixedBase, compute_product_of_powers
from walrusd.errors import MalformedCiphertext, PaillierKeyRefused, SlotOverflow

KEY = paillier_vectors.load_key(2048)
PUBLIC = KEY.public
SEED = bytes(range(32))
RNG = np.random.default_rng(5)


@pytest.mark.parametrize("bits", [2048, 3072])
def test_known_answers(bits):
    key = paillier_vectors.load_key(bits)
    assert paillier_vectors.compute(key) == paillier_vectors.load()[str(bits)]


def test_a_fresh_key_has_the_form_short_exponents_need():
    key = keys.derive_private_key(secrets.token_bytes(32), 2048)
    assert key.public.bits == 2048
    assert key.p % 4 == key.q % 4 == 3
    assert math.gcd(key.p - 1, key.q - 1) == 2
    assert gmpy2.is_prime(key.p)
    assert gmpy2.is_prime(key.q)
    assert key.public.n == key.p * key.q
    assert str(key.p) not in repr(key)
    assert str(key.q) not in repr(key)


def test_a_seed_gives_one_key():
    key = keys.derive_private_key(SEED, 2048)
    assert key == keys.derive_private_key(SEED, 2048)
    assert key.public != keys.derive_private_key(bytes(32), 2048).public


@pytest.mark.parametrize("bits", [1024, 2040, 2050, 16384])
def test_a_size_nobody_should_use_is_refused(bits):
    with pytest.raises(PaillierKeyRefused):
        keys.derive_private_key(SEED, bits)


def test_malformed_moduli_are_refused():
    data = PUBLIC.to_bytes()
    assert read_public_key(data) == PUBLIC
    for wrong in (b"", data[:-1], b"\0" + data, data[:-1] + b"\2", data * 5):
        with pytest.raises(PaillierKeyRefused):
            read_public_key(wrong)


# --- strangers -------------------------------------------------------------------------------


def textbook_decrypt(key, ciphertext):
    """``L(c^λ mod n²)·μ mod n`` with ``λ = φ(n)``, ``μ = λ⁻¹`` and ``L(u) = (u − 1)/n``."""
    n, order = key.public.n, key.order
    return (pow(ciphertext, order, n * n) - 1) // n * pow(order, -1, n) % n


def test_decryption_is_that_of_the_paper():
    """Decryption is phe's, so the paper's formula is what it is compared with."""
    plaintexts = [0, 1, PUBLIC.n - 1, PUBLIC.n // 3]
    data = vectors.encrypt(PUBLIC, plaintexts, SEED)
    numbers = [int(number) for number in vectors.decode_ciphertexts(PUBLIC, data)]
    assert [textbook_decrypt(KEY, number) for number in numbers] == plaintexts
    assert vectors.decrypt(KEY, data) == plaintexts


def test_phe_decrypts_with_nothing_but_the_primes():
    """An outsider who is given the primes needs phe and none of our code."""
    numbers = vectors.decode_ciphertexts(PUBLIC, vectors.encrypt(PUBLIC, [7, PUBLIC.n - 7], SEED))
    private = phe.PaillierPrivateKey(phe.PaillierPublicKey(PUBLIC.n), KEY.p, KEY.q)
    assert [private.raw_decrypt(int(number)) for number in numbers] == [7, PUBLIC.n - 7]


def test_ours_is_the_textbook_ciphertext_of_phe():
    """With the same ``r = h^α mod n``, phe gives the same integer."""
    alpha = int.from_bytes(vectors.derive_exponents(PUBLIC, SEED, 0, 1)[0], "little")
    r = pow(int(PUBLIC.base), alpha, PUBLIC.n)
    ours = vectors.decode_ciphertexts(PUBLIC, vectors.encrypt(PUBLIC, [123456], SEED))[0]
    assert PUBLIC.to_phe().raw_encrypt(123456, r_value=r) == int(ours)


def test_we_decrypt_phe():
    public = PUBLIC.to_phe()
    numbers = [public.encrypt(value).ciphertext() for value in (5, 0, 2**40)]
    data = vectors.encode_ciphertexts(PUBLIC, numbers)
    assert vectors.decrypt(KEY, data) == [5, 0, 2**40]


def test_sums_of_ours_and_of_phe_mix():
    ours = vectors.encrypt(PUBLIC, [1000], SEED)
    theirs = vectors.encode_ciphertexts(PUBLIC, [PUBLIC.to_phe().encrypt(7).ciphertext()])
    assert vectors.decrypt(KEY, vectors.add_weighted(PUBLIC, [ours, theirs], [3, 5])) == [3035]


def test_a_key_made_by_phe_works():
    public, private = phe.generate_paillier_keypair(n_length=2048)
    key = read_public_key(public.n.to_bytes(256, "big"))
    data = vectors.encrypt(key, [42], SEED)
    assert private.raw_decrypt(int(vectors.decode_ciphertexts(key, data)[0])) == 42


# --- packing ---------------------------------------------------------------------------------


@settings(max_examples=50)
@given(st.data())
def test_weighted_sums_of_packed_vectors_unpack(data):
    slot_bits = data.draw(st.sampled_from([40, 48]))
    packing = Packing(PUBLIC.n, slot_bits)
    entries = data.draw(st.integers(1, 2 * packing.slots + 1))
    weights = data.draw(st.lists(st.integers(1, 1000), min_size=1, max_size=4))
    largest = (packing.bound - 1) // sum(weights)
    extremes = st.sampled_from([-largest, largest, 0]) | st.integers(-largest, largest)
    rows = [
        np.array(data.draw(st.lists(extremes, min_size=entries, max_size=entries)), np.int64)
        for _ in weights
    ]
    sums = [
        sum(w * m for w, m in zip(weights, column, strict=True)) % PUBLIC.n
        for column in zip(*(packing.pack(row) for row in rows), strict=True)
    ]
    expected = sum(w * row for w, row in zip(weights, rows, strict=True))
    assert np.array_equal(packing.unpack(sums, entries), expected)


@pytest.mark.parametrize("slot_bits", [40, 48])
def test_the_bound_of_a_slot_is_where_it_is_said_to_be(slot_bits):
    packing = Packing(PUBLIC.n, slot_bits)
    full = np.full(packing.slots, packing.bound - 1, np.int64)
    for vector in (full, -full):
        assert np.array_equal(packing.unpack(packing.pack(vector), packing.slots), vector)
        with pytest.raises(SlotOverflow):
            packing.pack(vector + np.sign(vector))
        doubled = [2 * plaintext % PUBLIC.n for plaintext in packing.pack(vector)]
        with pytest.raises(SlotOverflow):
            packing.unpack(doubled, packing.slots)


def test_the_narrowest_slot_that_holds_every_sum_is_chosen():
    assert choose_slot_bits(24, 2**16 - 1) == 40
    assert choose_slot_bits(24, 2**16) == 48
    assert choose_slot_bits(32, 2**16 - 1) == 48
    with pytest.raises(SlotOverflow):
        choose_slot_bits(32, 2**16)


def test_weights_that_could_overflow_are_refused():
    packing = Packing(PUBLIC.n, 40)
    check_weighted_bound(packing, [2**24, 2**24 - 1], [2**14, 2**14])
    with pytest.raises(SlotOverflow):
        check_weighted_bound(packing, [2**24, 2**24], [2**14, 2**14])


def test_plaintexts_that_are_no_packed_vector_are_refused():
    packing = Packing(PUBLIC.n, 48)
    plaintexts = packing.pack(np.arange(packing.slots + 3, dtype=np.int32))
    for wrong, entries in [
        (plaintexts[:1], packing.slots + 3),
        (plaintexts, packing.slots + 2),
        ([PUBLIC.n // 2, plaintexts[1]], packing.slots + 3),
    ]:
        with pytest.raises(SlotOverflow):
            packing.unpack(wrong, entries)
    with pytest.raises(SlotOverflow):
        Packing(PUBLIC.n, 32)
    with pytest.raises(ValueError, match="not empty"):
        packing.pack(np.zeros(0, np.int64))


# --- encrypted vectors -----------------------------------------------------------------------


def test_pieces_encrypted_apart_are_the_vector():
    plaintexts = [int(value) for value in RNG.integers(0, 2**62, 5)]
    whole = vectors.encrypt(PUBLIC, plaintexts, SEED)
    head = vectors.encrypt(PUBLIC, plaintexts[:2], SEED)
    assert head + vectors.encrypt(PUBLIC, plaintexts[2:], SEED, start=2) == whole
    assert len(whole) == 5 * PUBLIC.ciphertext_bytes
    assert vectors.decrypt(KEY, whole) == plaintexts


def test_every_part_of_the_seed_matters():
    names = [b"s" * 32, PUBLIC, b"t" * 32, b"c" * 32, b"u" * 32]
    seeds = {vectors.derive_encryption_seed(*names)}
    for place in (0, 2, 3, 4):
        changed = [*names]
        changed[place] = b"x" * 32
        seeds.add(vectors.derive_encryption_seed(*changed))
    assert len(seeds) == 5


def test_a_streamed_sum_is_the_sum():
    packing = Packing(PUBLIC.n, 40)
    updates = [RNG.integers(-(2**23), 2**23, 3 * packing.slots).astype(np.int32) for _ in range(3)]
    weights = [1, 5, 1000]
    width = PUBLIC.ciphertext_bytes

    def read(index):
        data = vectors.encrypt(PUBLIC, packing.pack(updates[index]), bytes([index] * 32))
        return (data[i : i + width] for i in range(0, len(data), width))

    total = b"".join(vectors.stream_weighted_sum(PUBLIC, [read(i) for i in range(3)], weights))
    expected = sum(w * u.astype(np.int64) for w, u in zip(weights, updates, strict=True))
    found = packing.unpack(vectors.decrypt(KEY, total), 3 * packing.slots)
    assert np.array_equal(found, expected)


def test_vectors_that_do_not_fit_together_are_refused():
    one, two = (vectors.encrypt(PUBLIC, [1] * count, SEED) for count in (1, 2))
    with pytest.raises(MalformedCiphertext):
        vectors.add_weighted(PUBLIC, [one, two], [1, 1])
    with pytest.raises(MalformedCiphertext):
        list(vectors.stream_weighted_sum(PUBLIC, [[one], [one, one]], [1, 1]))
    for weights in ([], [0], [2**16 + 1]):
        with pytest.raises(ValueError, match="weights"):
            vectors.add_weighted(PUBLIC, [one] * len(weights), weights)
    with pytest.raises(ValueError, match="residue"):
        vectors.encrypt(PUBLIC, [PUBLIC.n], SEED)


@pytest.mark.parametrize("number", [0, KEY.p, KEY.p * KEY.p, PUBLIC.n, PUBLIC.n**2])
def test_numbers_that_are_no_ciphertext_are_refused(number):
    good = vectors.encrypt(PUBLIC, [3], SEED)
    bad = number.to_bytes(PUBLIC.ciphertext_bytes, "big")
    for data in (bad, good + bad, good[:-1], b""):
        with pytest.raises(MalformedCiphertext):
            vectors.decode_ciphertexts(PUBLIC, data)


# --- powers ----------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(0, 2**128 - 1)), max_size=40))
def test_a_product_of_powers_is_the_product(pairs):
    modulus = 2**127 - 1
    expected = 1
    for base, exponent in pairs:
        expected = expected * pow(base, exponent, modulus) % modulus
    bases, exponents = [base for base, _ in pairs], [exponent for _, exponent in pairs]
    assert compute_product_of_powers(bases, exponents, 128, modulus) == expected


def test_exponents_out_of_range_are_refused():
    for exponents in ([-1], [256], []):
        with pytest.raises(ValueError, match="exponent"):
            compute_product_of_powers([3], exponents, 8, 101)


@given(st.binary(min_size=4, max_size=4))
def test_a_fixed_base_gives_its_powers(exponent):
    table = FixedBase(3, 2**61 - 1, 4)
    assert table.power(exponent) == pow(3, int.from_bytes(exponent, "little"), 2**61 - 1)
    with pytest.raises(ValueError, match="argument"):
        table.power(exponent + b"\0")
