"""Arguments of a transaction: the bytes of each, and one input for one object."""

import pytest

from walrusd.chain.send.inputs import MAX_PURE
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.digests import compute_transaction_digest
from walrusd.chain.values.types import ObjectRef, SharedRef

ONE = bytes(31) + b"\x01"
REF = ObjectRef("0x" + "ab" * 32, 7, compute_transaction_digest(b"an object"))


@pytest.mark.parametrize(
    ("name", "value", "raw"),
    [
        ("u8", 1, b"\x01"),
        ("u16", 258, b"\x02\x01"),
        ("u32", 1, b"\x01" + bytes(3)),
        ("u64", 1, b"\x01" + bytes(7)),
        ("u128", 1, b"\x01" + bytes(15)),
        ("u256", 1, b"\x01" + bytes(31)),
        ("optional_u64", None, b"\x00"),
        ("optional_u64", 2, b"\x01\x02" + bytes(7)),
        ("boolean", True, b"\x01"),
        ("boolean", False, b"\x00"),
        ("address", "0x1", ONE),
        ("byte_vector", b"ab", b"\x02ab"),
        ("byte_vectors", [b"ab", b""], b"\x02\x02ab\x00"),
        ("u64s", [1, 2], b"\x02\x01" + bytes(7) + b"\x02" + bytes(7)),
        ("addresses", ["0x1"], b"\x01" + ONE),
    ],
)
def test_the_bytes_of_an_argument(name, value, raw):
    ptb = Ptb()
    arg = getattr(ptb, name)(value)
    assert (arg.kind, arg.index) == ("Input", 0)
    assert ptb._values == [raw]


@pytest.mark.parametrize(
    ("name", "value"), [("u8", 256), ("u16", 1 << 16), ("u64", -1), ("u128", 1 << 128)]
)
def test_a_number_out_of_range_is_no_argument(name, value):
    with pytest.raises(OverflowError):
        getattr(Ptb(), name)(value)


def test_equal_values_are_one_input():
    ptb = Ptb()
    assert ptb.u8(1) == ptb.boolean(True)
    assert ptb.u8(2).index == 1


def test_a_pure_argument_is_as_long_as_the_protocol_allows():
    ptb = Ptb()
    ptb.pure(bytes(MAX_PURE))
    with pytest.raises(ValueError, match="are allowed"):
        ptb.pure(bytes(MAX_PURE + 1))


def test_an_object_is_one_input_mutable_if_any_use_needs_that():
    ptb = Ptb()
    read, written = SharedRef("0x" + "cd" * 32, 3, mutable=False), SharedRef("0x" + "cd" * 32, 3)
    assert ptb.shared(read) == ptb.shared(written) == ptb.shared(read)
    assert ptb._values == [written]
    assert ptb.owned(REF).index == 1
    assert ptb.object_ids == {read.id, REF.id}
    assert ptb.owned_refs == {REF}
    with pytest.raises(ValueError, match="both"):
        ptb.shared(SharedRef(REF.id, 3))


def test_the_beacon_is_known_from_its_version():
    assert Ptb(random_version=5).random.index == 0
    with pytest.raises(ValueError, match="0x8"):
        _ = Ptb().random
    ptb = Ptb()
    ptb.u8(0)
    assert ptb.clock == ptb.clock
    assert ptb._values[1] == SharedRef("0x" + "00" * 31 + "06", 1, mutable=False)
