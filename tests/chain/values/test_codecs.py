"""Bytes of BCS that are canonical and complete, and nothing else; numbers as nodes show them."""

import hashlib

import base58
import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.chain.values.bcs import U8, U64, Addr, Balance, Bool, Bytes, Id, Layout, codec_of
from walrusd.chain.values.codecs import (
    MAX_SEQUENCE,
    AddressCodec,
    BalanceCodec,
    Boolean,
    ByteVector,
    Codec,
    Optional,
    Reader,
    Unsigned,
    Vector,
    encode_length,
)
from walrusd.chain.values.digests import compute_transaction_digest, decode_digest
from walrusd.errors import MalformedData
from walrusd.units import normalize_address

ME = normalize_address("0xa11ce")


def decode(codec: Codec, data: bytes):
    reader = Reader(data)
    value = codec.decode(reader)
    reader.finish()
    return value


SAMPLES = [
    (Unsigned(1), 255, b"\xff", 255),
    (Unsigned(2), 513, b"\1\2", 513),
    (Unsigned(4), 1, b"\1\0\0\0", 1),
    (Unsigned(8), 1, b"\1" + bytes(7), "1"),  # nodes show u64 as text
    (Unsigned(32), 1 << 255, bytes(31) + b"\x80", str(1 << 255)),
    (BalanceCodec(), 5, b"\5" + bytes(7), "5"),
    (Boolean(), True, b"\1", True),
    (Boolean(), False, b"\0", False),
    (AddressCodec(), ME, bytes.fromhex(ME[2:]), ME),
    (ByteVector(), b"\0\xff", b"\2\0\xff", "AP8="),
    (ByteVector(), b"", b"\0", ""),
    (Vector(Unsigned(8)), [1, 2], b"\2\1" + bytes(7) + b"\2" + bytes(7), ["1", "2"]),
    (Optional(Unsigned(8)), None, b"\0", None),
    (Optional(Unsigned(8)), 0, b"\1" + bytes(8), "0"),
    (Optional(ByteVector()), b"", b"\1\0", ""),
]


@pytest.mark.parametrize(("codec", "value", "data", "shown"), SAMPLES)
def test_a_value_has_one_form(codec, value, data, shown) -> None:
    assert codec.encode(value) == data
    assert decode(codec, data) == value
    assert codec.to_json(value) == shown


@pytest.mark.parametrize(("codec", "value", "data", "shown"), SAMPLES)
def test_bytes_that_are_cut_or_continue_are_refused(codec, value, data, shown) -> None:
    for cut in range(len(data)):
        with pytest.raises(MalformedData):
            decode(codec, data[:cut])
    with pytest.raises(MalformedData):
        decode(codec, data + b"\0")


@pytest.mark.parametrize("width", [1, 2, 4, 8, 16, 32])
def test_numbers_have_their_width(width) -> None:
    codec = Unsigned(width)
    most = (1 << 8 * width) - 1
    assert decode(codec, codec.encode(most)) == most
    for value in (most + 1, -1):
        with pytest.raises(OverflowError):
            codec.encode(value)


@pytest.mark.parametrize("byte", range(2, 256))
def test_a_truth_value_is_0_or_1(byte) -> None:
    for codec in (Boolean(), Optional(Unsigned(1))):
        with pytest.raises(MalformedData):
            decode(codec, bytes([byte, 0])[: 1 + (byte > 2)])


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\0", 0),
        (b"\x7f", 127),
        (b"\x80\1", 128),
        (b"\xff\x7f", (1 << 14) - 1),
        (b"\x80\x80\x40", MAX_SEQUENCE),
    ],
)
def test_a_length_is_the_shortest_of_its_value(data, value) -> None:
    assert encode_length(value) == data
    assert Reader(data).length() == value


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\0",
        b"\xff\x80\0",
        b"\x81\x80\x40",  # one more than allowed
        b"\x80\x80\x80\x80\x01",
        b"\x80\x80\x80\x80\x80\x01",
        b"\xff" * 20,
        b"\x80",
        b"",
    ],
)
def test_other_lengths_are_refused(data) -> None:
    with pytest.raises(MalformedData):
        Reader(data).length()


@given(st.integers(0, MAX_SEQUENCE))
def test_every_length_is_read_back(value) -> None:
    assert Reader(encode_length(value)).length() == value


class Part(Layout, module="part"):
    """A struct in another."""

    owner: Addr
    open: Bool


class Whole(Layout, module="whole"):
    """One field of each sort."""

    kind: U8
    parts: list[Part]
    note: Bytes | None
    money: Balance
    task: Id
    count: U64


WHOLE = Whole(3, [Part(ME, True)], b"hi", 7, ME, 9)


def test_a_struct_is_its_fields_in_order() -> None:
    address = bytes.fromhex(ME[2:])
    raw = WHOLE.to_bcs()
    assert raw == (
        b"\3\1" + address + b"\1" + b"\1\2hi" + (7).to_bytes(8, "little") + address
        + (9).to_bytes(8, "little")
    )  # fmt: skip
    assert Whole.from_bcs(raw) == WHOLE
    for cut in range(len(raw)):
        with pytest.raises(MalformedData):
            Whole.from_bcs(raw[:cut])
    with pytest.raises(MalformedData):
        Whole.from_bcs(raw + b"\0")


def test_a_struct_is_shown_as_nodes_do() -> None:
    assert WHOLE.to_json() == {
        "kind": 3, "parts": [{"owner": ME, "open": True}], "note": "aGk=", "money": "7",
        "task": ME, "count": "9",
    }  # fmt: skip


def test_types_have_their_names_in_move() -> None:
    names = {name: codec.move_type for name, codec in Whole.codecs().items()}
    assert names == {
        "kind": "u8", "parts": "vector<part::Part>",
        "note": "0x1::option::Option<vector<u8>>", "money": "u64",
        "task": "0x2::object::ID", "count": "u64",
    }  # fmt: skip
    assert {name: c.move_type for name, c in Part.codecs().items()} == {
        "owner": "address", "open": "bool",
    }  # fmt: skip


@pytest.mark.parametrize("annotation", [int, dict[str, int], "u8", float])
def test_a_layout_has_fields_of_known_types_only(annotation) -> None:
    with pytest.raises(TypeError):
        codec_of(annotation)


def test_a_digest_has_32_bytes_in_base58() -> None:
    raw = bytes(range(32))
    text = base58.b58encode(raw).decode()
    assert decode_digest(text) == raw
    for wrong in (base58.b58encode(raw[:31]), base58.b58encode(raw + b"\0"), b"0OIl", b"", b"\xe4"):
        with pytest.raises(MalformedData):
            decode_digest(wrong.decode("latin-1"))


def test_a_transaction_is_hashed_with_its_kind() -> None:
    hashed = hashlib.blake2b(b"TransactionData::tx", digest_size=32).digest()
    assert decode_digest(compute_transaction_digest(b"tx")) == hashed
