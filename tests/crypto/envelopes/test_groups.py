"""Points of G2 and the pairing, against another library."""

import pyblst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.crypto.envelopes.encodings import list_bad_encodings
from tests.crypto.envelopes.parties import ALICE, OPENED, VALUES
from tests.support.refusals import refused
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.envelopes.groups import (
    G2,
    G2_IDENTITY_BYTES,
    decode_g2,
    encode_g2,
    multiply_g2,
    pairs_cancel,
)
from walrusd.crypto.envelopes.openings import OpeningKey, verify_label_value, verify_opening_key
from walrusd.crypto.envelopes.recipients import verify_recipient
from walrusd.crypto.envelopes.schnorr import SchnorrProof
from walrusd.crypto.pedersen.g1 import IDENTITY_BYTES, G, Q, encode_point, multiply

BLST1, BLST2 = pyblst.BlstP1Element(), pyblst.BlstP2Element()
ZERO = SchnorrProof(bytes(32), bytes(32))


@settings(max_examples=10)
@given(st.integers(1, Q - 1), st.integers(1, Q - 1), st.booleans())
def test_points_and_pairings_are_those_of_blst(a, b, holds):
    product = a * b + (not holds)
    raw = encode_g2(multiply_g2(G2, b))
    assert raw == bytes(BLST2.uncompress(encode_g2(G2)).scalar_mul(b).compress())
    assert decode_g2(raw) == multiply_g2(G2, b)
    left, right = multiply(G, a), multiply(G, product)
    assert pairs_cancel([(left, decode_g2(raw)), (-right, G2)]) is holds
    pairing = pyblst.miller_loop(BLST1.uncompress(encode_point(left)), BLST2.uncompress(raw))
    other = BLST1.uncompress(encode_point(right)), BLST2.uncompress(encode_g2(G2))
    assert pyblst.final_verify(pairing, pyblst.miller_loop(*other)) is holds


@pytest.mark.parametrize("name", list_bad_encodings(OPENED.p2))
def test_other_bytes_are_no_point_of_g2(name):
    with refused("data.point"):
        decode_g2(list_bad_encodings(OPENED.p2)[name])


def test_the_identity_is_refused_everywhere():
    context, keys = OPENED.context, ALICE.recipient
    with refused("data.point", "identity"):
        decode_g2(G2_IDENTITY_BYTES)
    with refused("data.point", "identity"):
        verify_opening_key(context, G2_IDENTITY_BYTES, ZERO)
    with refused("data.point", "identity"):
        verify_recipient(keys.context, IDENTITY_BYTES, G2_IDENTITY_BYTES, ZERO)
    with refused("data.point", "identity"):
        verify_recipient(keys.context, keys.pk1, G2_IDENTITY_BYTES, ZERO)
    with refused("data.point", "identity"):
        verify_label_value(IDENTITY_BYTES, Label.WORK, OPENED)
    nothing = OpeningKey(context, G2_IDENTITY_BYTES)
    with refused("data.point", "identity"):
        verify_label_value(VALUES[Label.WORK].value, Label.WORK, nothing)
