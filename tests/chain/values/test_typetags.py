"""Names of Move types: one spelling, and nothing else is one."""

import pytest

from walrusd.chain.values.typetags import normalize_type
from walrusd.errors import MalformedData

TWO = "0x" + "00" * 31 + "02"


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("u8", "u8"),
        ("vector<vector<address>>", "vector<vector<address>>"),
        ("0x2::sui::SUI", f"{TWO}::sui::SUI"),
        (" 0x2::coin::Coin< 0x2::sui::SUI > ", f"{TWO}::coin::Coin<{TWO}::sui::SUI>"),
        ("0x2::a::B<u8,bool>", f"{TWO}::a::B<u8,bool>"),
    ],
)
def test_a_type_is_written_with_full_addresses_and_no_spaces(text, full):
    assert normalize_type(text) == full
    assert normalize_type(full) == full


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
