"""BCS by hand: what each Move type is as bytes, what is refused, and how nodes show it."""

import pytest

from walrusd.chain.values import bcs
from walrusd.chain.values.codecs import (
    MAX_SEQUENCE,
    AddressCodec,
    BalanceCodec,
    Boolean,
    ByteVector,
    Optional,
    Reader,
    Unsigned,
    Vector,
    encode_length,
)
from walrusd.chain.values.digests import compute_transaction_digest, decode_digest
from walrusd.chain.values.typetags import normalize_type
from walrusd.errors import MalformedData

ONE = "0x" + "00" * 31 + "01"


class Inner(bcs.Layout, module="things"):
    """A struct in another."""

    id: bcs.Id
    flag: bcs.Bool


class Outer(bcs.Layout, module="things"):
    """A struct with every kind of field."""

    small: bcs.U8
    large: bcs.U64
    wide: bcs.U256
    body: bcs.Bytes
    money: bcs.Balance
    inner: Inner
    many: list[bcs.U8]
    perhaps: bcs.Addr | None


OUTER = Outer(1, 2, 3, b"ab", 4, Inner(ONE, True), [5, 6], None)
OUTER_BYTES = (
    b"\x01"
    + b"\x02".ljust(8, b"\0")
    + b"\x03".ljust(32, b"\0")
    + b"\x02ab"
    + b"\x04".ljust(8, b"\0")
    + bytes(31)
    + b"\x01\x01"
    + b"\x02\x05\x06"
    + b"\x00"
)

VALUES = [
    (Unsigned(1), 255, b"\xff", "u8", 255),
    (Unsigned(4), 1, b"\x01\0\0\0", "u32", 1),
    (Unsigned(8), 1, b"\x01" + bytes(7), "u64", "1"),
    (BalanceCodec(), 258, b"\x02\x01" + bytes(6), "u64", "258"),
    (Boolean(), True, b"\x01", "bool", True),
    (Boolean(), False, b"\x00", "bool", False),
    (AddressCodec(), ONE, bytes(31) + b"\x01", "address", ONE),
    (ByteVector(), b"ab", b"\x02ab", "vector<u8>", "YWI="),
    (Vector(Unsigned(8)), [1], b"\x01\x01" + bytes(7), "vector<u64>", ["1"]),
    (Optional(Unsigned(8)), None, b"\x00", "0x1::option::Option<u64>", None),
    (Optional(Unsigned(8)), 7, b"\x01\x07" + bytes(7), "0x1::option::Option<u64>", "7"),
]


@pytest.mark.parametrize(("codec", "value", "raw", "move_type", "shown"), VALUES)
def test_a_value_has_one_form(codec, value, raw, move_type, shown):
    assert codec.encode(value) == raw
    reader = Reader(raw)
    assert codec.decode(reader) == value
    reader.finish()
    assert codec.move_type == move_type
    assert codec.to_json(value) == shown
    with pytest.raises(MalformedData):
        codec.decode(Reader(raw[:-1]))


def test_a_struct_is_its_fields_in_order():
    assert OUTER.to_bcs() == OUTER_BYTES
    assert Outer.from_bcs(OUTER_BYTES) == OUTER
    assert bcs.StructCodec(Outer).move_type == "things::Outer"
    assert OUTER.to_json() == {
        "small": 1,
        "large": "2",
        "wide": "3",
        "body": "YWI=",
        "money": "4",
        "inner": {"id": ONE, "flag": True},
        "many": [5, 6],
        "perhaps": None,
    }


@pytest.mark.parametrize("raw", [OUTER_BYTES[:-1], OUTER_BYTES + b"\0", b""])
def test_a_struct_fills_its_bytes(raw):
    with pytest.raises(MalformedData):
        Outer.from_bcs(raw)


@pytest.mark.parametrize("annotation", [int, str, dict[str, int]])
def test_only_annotations_with_a_codec_make_a_layout(annotation):
    with pytest.raises(TypeError):
        bcs.codec_of(annotation)


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
        (MAX_SEQUENCE, b"\x80\x80\x40"),
    ],
)
def test_a_length_is_minimal(value, raw):
    assert encode_length(value) == raw
    assert Reader(raw).length() == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x80",
        b"\x80\x00",
        b"\x81\x80\x00",
        encode_length(MAX_SEQUENCE + 1),
        b"\x80\x80\x80\x80\x80\x01",
        b"\xff\xff\xff\xff\xff",
    ],
)
def test_another_length_is_refused(raw):
    with pytest.raises(MalformedData):
        Reader(raw).length()


def test_a_length_of_five_bytes_is_read_before_it_is_too_long():
    with pytest.raises(MalformedData, match="of 268435456 elements"):
        Reader(b"\x80\x80\x80\x80\x01").length()


@pytest.mark.parametrize("raw", [b"\x02", b"\xff"])
def test_a_bool_is_zero_or_one(raw):
    for codec in (Boolean(), Optional(Unsigned(1))):
        with pytest.raises(MalformedData):
            codec.decode(Reader(raw + b"\x01"))


@pytest.mark.parametrize("value", [-1, 256])
def test_a_number_out_of_range_is_no_value(value):
    with pytest.raises(OverflowError):
        Unsigned(1).encode(value)


def test_bytes_are_taken_once():
    reader = Reader(b"abc")
    assert (reader.take(2), reader.take(0), reader.take(1)) == (b"ab", b"", b"c")
    with pytest.raises(MalformedData, match="1 bytes too short"):
        reader.take(1)


def test_a_digest_has_32_bytes():
    digest = compute_transaction_digest(b"transaction")
    assert len(decode_digest(digest)) == 32
    assert compute_transaction_digest(b"another") != digest
    for text in (digest[:30], digest + "1", "0OIl", "é", ""):
        with pytest.raises(MalformedData):
            decode_digest(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "u7", "vector", "a b", "u8>", "bool<u8>", "vector<u8,u8>"),
        *("0x2::coin", "0x2::co-in::Coin", "0x2::coin::Coin<"),
        *("0x2::coin::Coin<>", "0x2::coin::Coin<u8>>"),
    ],
)
def test_what_is_no_type_is_refused(text):
    with pytest.raises((ValueError, MalformedData)):
        normalize_type(text)
