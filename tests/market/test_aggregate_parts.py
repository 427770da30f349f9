"""An aggregate accounts for the accepted submissions, with the weights on the chain."""

import copy

import pytest

from tests.support.market.bench import Network
from tests.support.refusals import refused
from walrusd.chain.layouts import objects as ob
from walrusd.core.aggregate import Aggregate
from walrusd.crypto.envelopes.contexts import Label
from walrusd.errors import VerificationFailed
from walrusd.market.aggregate import check_parts, find_part_bits
from walrusd.market.fetch import Fetcher
from walrusd.market.summed import check_left_out
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
VALUE = bytes(48)


@pytest.fixture
def task(accepted):
    found = Network().task
    others = [ob.Entry("0x" + "e" * 64, "0x" + "f" * 64)]
    found.entries = [*others, *(ob.Entry(sub.contributor, sub.id) for sub in accepted)]
    return found


def record(task, bits: int):
    task.aggregate = ob.Aggregate(bits, b"", b"", 1)


def test_the_weights_are_those_of_the_chain(task, accepted) -> None:
    record(task, 0b1110)
    found = check_parts(task, Aggregate(b"", (), PARTS), accepted)
    assert (found.weights, found.left_out) == (WEIGHTS, ())
    assert find_part_bits(task, accepted) == 0b1110


def test_parts_that_are_left_out_are_named_with_what_shows_why(task, accepted) -> None:
    record(task, 0b1010)
    name = PARTS[1][0]
    aggregate = Aggregate(b"", (), (PARTS[0], PARTS[2]), ((name, VALUE),))
    found = check_parts(task, aggregate, accepted)
    assert found.weights == [WEIGHTS[0], WEIGHTS[2]]
    assert found.left_out == ((accepted[1], VALUE),)


def test_what_the_chain_records_are_the_parts_that_are_summed(task, accepted) -> None:
    for bits in (0b1111, 0b0110, 0b111, 0):
        record(task, bits)
        with refused("proof.invalid", "recorded"):
            check_parts(task, Aggregate(b"", (), PARTS), accepted)


def reweigh(number: int, by: int):
    name, weight = PARTS[number]
    return (*PARTS[:number], (name, weight + by), *PARTS[number + 1 :])


@pytest.mark.parametrize(
    ("parts", "left_out"),
    [
        ((), ()),
        (PARTS[:2], ()),
        (PARTS[1:], ()),
        (PARTS[1:], ((bytes(32), b""),)),
        (PARTS, ((PARTS[0][0], b""),)),
        (PARTS[1:], ((PARTS[0][0], b""), (PARTS[0][0], b""))),
        ((*PARTS, PARTS[2]), ()),
        ((*PARTS, (bytes(32), 1)), ()),
        (PARTS[::-1], ()),  # the blindings are summed in the order of joining
        (((bytes(32), WEIGHTS[0]), *PARTS[1:]), ()),
        *((reweigh(number, by), ()) for number in range(3) for by in (-1, 1)),
        (tuple((name, 1) for name, _weight in PARTS), ()),
        (tuple((name, 2 * weight) for name, weight in PARTS), ()),
    ],
)
def test_other_parts_or_other_weights_are_refused(task, accepted, parts, left_out) -> None:
    task.aggregate = None
    with pytest.raises(VerificationFailed):
        check_parts(task, Aggregate(b"", (), parts, left_out), accepted)


@pytest.fixture
async def opened(bench):
    """An accepted submission of one segment's work, and its publisher's value of the update."""
    await bench.open_work()
    return bench


async def check(bench, value: bytes) -> None:
    case = bench.case(bench.verifier)
    await check_left_out(Fetcher(bench.verifier), case, value)


async def test_who_leaves_out_what_can_be_read_is_found(opened) -> None:
    with refused("proof.invalid", opened.net.submission.id):
        await check(opened, opened.value(Label.UPDATE).value)
    # Without the value nobody else can look, so there must be nothing to look at.
    with refused("proof.invalid", opened.net.submission.id):
        await check(opened, b"")


async def test_a_value_that_is_anothers_shows_nothing(opened) -> None:
    with pytest.raises(VerificationFailed):
        await check(opened, opened.value(Label.WORK).value)


async def test_what_is_not_there_may_be_left_out(opened) -> None:
    for tools in (opened.verifier, opened.contributor):
        tools.store.blobs.pop(opened.net.submission.opening.blob, None)
    await check(opened, b"")
    await check(opened, opened.value(Label.UPDATE).value)


async def test_an_update_with_another_root_may_be_left_out(opened) -> None:
    opened.net.submission.commitment.update_root = bytes(32)
    await check(opened, opened.value(Label.UPDATE).value)
    with refused("proof.invalid", opened.net.submission.id):
        await check(opened, b"")  # whoever reads it must show what is wrong
