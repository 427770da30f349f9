"""An aggregate names the accepted submissions, all of them, with the weights on the chain."""

import copy

import pytest

from tests.support.market.bench import Network
from walrusd.core.aggregate import Aggregate
from walrusd.errors import VerificationFailed
from walrusd.market.aggregate import check_parts
from walrusd.units import address_bytes, normalize_address

IDS = [normalize_address(text) for text in ("0x21", "0x22", "0x23")]
WEIGHTS = [160, 7, 1]


@pytest.fixture
def accepted():
    template = Network().join(normalize_address("0xc"))
    found = []
    for name, weight in zip(IDS, WEIGHTS, strict=True):
        submission = copy.copy(template)
        submission.id, submission.weight = name, weight
        found.append(submission)
    return found


PARTS = tuple(zip(map(address_bytes, IDS), WEIGHTS, strict=True))


def test_the_weights_are_those_of_the_chain(accepted) -> None:
    assert check_parts(Aggregate(b"", (), PARTS), accepted) == WEIGHTS
    assert check_parts(Aggregate(b"", (), ()), []) == []


def reweigh(number: int, by: int):
    name, weight = PARTS[number]
    return (*PARTS[:number], (name, weight + by), *PARTS[number + 1 :])


@pytest.mark.parametrize(
    "parts",
    [
        (),
        PARTS[:2],
        PARTS[1:],
        (*PARTS, PARTS[2]),
        (*PARTS, (bytes(32), 1)),
        PARTS[::-1],  # the blindings are summed in the order of joining
        ((bytes(32), WEIGHTS[0]), *PARTS[1:]),
        *(reweigh(number, by) for number in range(3) for by in (-1, 1)),
        tuple((name, 1) for name, _weight in PARTS),
        tuple((name, 2 * weight) for name, weight in PARTS),
    ],
)
def test_other_parts_or_other_weights_are_refused(accepted, parts) -> None:
    with pytest.raises(VerificationFailed):
        check_parts(Aggregate(b"", (), parts), accepted)
