import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.refusals import refused
from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.errors import MalformedData

scalars = (
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.binary() | st.text()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=30), inner, max_size=5)
        | st.dictionaries(st.integers(0, (1 << 64) - 1), inner, max_size=5)
    ),
    max_leaves=20,
)


@settings(max_examples=50)
@given(values)
def test_every_value_survives(value):
    assert decode_canonical(encode_canonical(value)) == value


@given(st.binary(max_size=60))
@example(bytes.fromhex("c06161"))  # a date that is none
@example(bytes.fromhex("d8236128"))  # a regular expression that is none
@example(b"\x81" * 50)
@example(b"\x9b" + b"\xff" * 8)
def test_random_bytes_are_refused_or_canonical(raw):
    try:
        value = decode_canonical(raw)
    except MalformedData:
        return
    assert encode_canonical(value) == raw


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a2616101616102",  # a key twice
        "1801",  # a long integer
        "9f01ff",  # indefinite length
        "a2616201616102",  # keys out of order
        "0101",  # trailing bytes
        "f93c00",  # a float
        "fb3ff0000000000000",
        "c249010000000000000000",  # a big integer
        "f7",  # undefined
        "d9010200",  # a tag
        "a10120" + "00",
        "a1200a",  # a negative key
        "a2006161616202",  # keys of two kinds
    ],
)
def test_other_encodings_are_refused(text):
    with pytest.raises(MalformedData):
        decode_canonical(bytes.fromhex(text))


@pytest.mark.parametrize(
    "value", [1.0, (1,), {1: 0, "a": 0}, {-1: 0}, {b"k": 0}, {True: 0}, 1 << 64, object()]
)
def test_other_values_are_refused(value):
    with pytest.raises(MalformedData):
        encode_canonical([value])


def test_depth_is_bounded():
    value = []
    for _ in range(16):
        value = [value]
    encode_canonical(value)
    with refused("data.cbor", "deeper"):
        encode_canonical([value])


def test_known_bytes():
    value = {0: b"\x01", 23: [-1, True, None], 24: "é"}
    assert encode_canonical(value).hex() == "a3004101178320f5f6181862c3a9"
