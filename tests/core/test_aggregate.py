"""A publisher's aggregate: read only in its one layout, and only with the chain's roots."""

import pytest

from walrusd.core.aggregate import MAX_OPENING_BYTES, Aggregate, parse_aggregate
from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.errors import MalformedData, VerificationFailed

NAME = bytes(range(32))
AGGREGATE = Aggregate(bytes(16), (b"a" * 32, b"b" * MAX_OPENING_BYTES), ((NAME, 1), (NAME, 7)))


def parse(document, roots_of=AGGREGATE):
    return parse_aggregate(
        encode_canonical(document), root=roots_of.root, openings_root=roots_of.openings_root
    )


def replaced(field, value):
    return decode_canonical(AGGREGATE.to_bytes()) | {field: value}


def test_an_aggregate_survives_its_encoding():
    assert parse(decode_canonical(AGGREGATE.to_bytes())) == AGGREGATE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (0, 1),
        (0, 3),
        (1, b""),
        (1, bytes(12)),
        (1, "text"),
        (2, []),
        (2, {}),
        (2, [b"a" * 31]),
        (2, [b"a" * (MAX_OPENING_BYTES + 1)]),
        (2, ["a" * 32]),
        (3, {}),
        (3, [[NAME]]),
        (3, [[NAME[1:], 1]]),
        (3, [["a" * 32, 1]]),
        (3, [[NAME, 0]]),
        (3, [[NAME, True]]),
        (3, [[NAME, 1.5]]),
        (4, 0),
    ],
)
def test_another_layout_is_malformed(field, value):
    with pytest.raises(MalformedData):
        parse(replaced(field, value))


@pytest.mark.parametrize(("field", "value"), [(1, bytes(24)), (2, [b"c" * 32])])
def test_other_contents_do_not_have_the_recorded_roots(field, value):
    with pytest.raises(VerificationFailed):
        parse(replaced(field, value))


def test_an_aggregate_may_have_no_parts():
    assert parse(replaced(3, [])).parts == ()
