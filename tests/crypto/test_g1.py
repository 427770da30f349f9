import hashlib

import pyblst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.refusals import refused
from walrusd.crypto.pedersen import g1
from walrusd.crypto.pedersen.g1 import (
    GENERATORS,
    G,
    H,
    Q,
    decode_point,
    decode_scalar,
    encode_point,
)
from walrusd.crypto.tags import Tag
from walrusd.errors import MalformedData

BLST = pyblst.BlstP1Element()
GENERATOR_BYTES = bytes.fromhex(
    "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58"
    "6c55e83ff97a1aeffb3af00adb22c6bb"
)


def test_known_bytes():
    assert encode_point(G) == GENERATOR_BYTES
    assert encode_point(H).hex() == (
        "96a3e637ea0154ae894ba21fe58292fb907c7cfa87ce98d8bc92f1ed5f94691d"
        "865cd2144e58f0d00573fbaa3f4895e6"
    )


def test_hash_to_curve_is_that_of_blst():
    for index in (0, 1, 4095):
        message = Tag.PEDERSEN_G.text + index.to_bytes(8, "big")
        expected = bytes(BLST.hash_to_group(message, g1.HASH_TO_G1_DST).compress())
        assert encode_point(g1.compute_generator(index)) == expected


@settings(max_examples=25)
@given(st.integers(0, 2 * Q), st.integers(0, 2 * Q))
def test_arithmetic_is_that_of_blst(a, b):
    ours = g1.compute_msm([G, H], [a, b])
    base = BLST.uncompress(GENERATOR_BYTES).scalar_mul(a % Q)
    blind = BLST.uncompress(encode_point(H)).scalar_mul(b % Q)
    assert encode_point(ours) == bytes((base + blind).compress())


def test_negative_scalars_wrap():
    assert g1.multiply(G, -1) + G == g1.multiply(G, 0)
    assert g1.compute_msm([G], [-5]) == g1.multiply(G, Q - 5)


def test_msm_refuses_unequal_lengths():
    with pytest.raises(ValueError, match="2 points for 1 scalars"):
        g1.compute_msm([G, H], [1])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        GENERATOR_BYTES[:-1],
        GENERATOR_BYTES + b"\x00",
        g1.IDENTITY_BYTES,
        b"\xc0" + bytes(46) + b"\x01",  # identity with stray bits
        b"\xe0" + bytes(47),  # identity with a sign
        bytes([GENERATOR_BYTES[0] & 0x7F]) + GENERATOR_BYTES[1:],  # compression flag off
        b"\x80" + bytes(46) + b"\x04",  # on the curve, outside the subgroup
        b"\x9f" + b"\xff" * 47,  # coordinate not reduced
    ],
)
def test_strict_decoding(raw):
    with pytest.raises(MalformedData):
        decode_point(raw)


def test_identity_only_when_allowed():
    assert decode_point(g1.IDENTITY_BYTES, allow_identity=True) == g1.multiply(G, 0)
    with refused("data.point", "identity"):
        decode_point(g1.IDENTITY_BYTES)


def test_scalars():
    assert decode_scalar(g1.encode_scalar(Q - 1)) == Q - 1
    assert g1.encode_scalar(Q + 3) == (3).to_bytes(32, "big")
    for raw in (Q.to_bytes(32, "big"), b"\x01", b"\x00" * 33):
        with pytest.raises(MalformedData):
            decode_scalar(raw)


def test_generators_grow_in_any_order():
    generators = g1.Generators()
    few = generators.first(3)
    more = generators.first(7)
    assert more[:3] == few
    assert more == [g1.compute_generator(i) for i in range(7)]
    assert generators.sum_first(7) == g1.sum_points(more)
    for count in (0, 4097):
        with pytest.raises(ValueError, match="generators"):
            generators.first(count)


@pytest.mark.slow
def test_generator_cache_and_its_pinned_digest():
    raw = GENERATORS.dump_cache()
    assert len(raw) == 4096 * 96
    assert hashlib.sha256(raw).digest() == g1.GENERATORS_DIGEST
    fresh = g1.Generators()
    fresh.load_cache(raw)
    assert fresh.first(4096) == GENERATORS.first(4096)


def test_damaged_generator_cache_is_refused():
    with refused("data.malformed", "generators"):
        g1.Generators().load_cache(bytes(4096 * 96))
