"""Files larger than memory: written and checked in pieces, whatever their size."""

import tracemalloc
from functools import partial
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.crypto.file_vectors import COST_KEY, LEAVES, LOSSES, SUBJECT
from tests.support.refusals import refused
from walrusd.crypto import merkle
from walrusd.crypto.pedersen.g1 import G, encode_point
from walrusd.crypto.vfile.blocks import PedersenBlock, Section
from walrusd.crypto.vfile.checks import list_checks
from walrusd.crypto.vfile.header import Quantisation
from walrusd.crypto.vfile.vfile import open_verification_file
from walrusd.crypto.vfile.writer import write_verification_file
from walrusd.runtime.sources import source_of

POINT = encode_point(G)


class Repeated(BytesIO):
    """So many copies of a point, without holding them."""

    def __init__(self, count):
        super().__init__()
        self._left = count * len(POINT)

    def read(self, size=-1):
        size = min(self._left, size - size % len(POINT))
        self._left -= size
        return POINT * (size // len(POINT))


def write(path, count):
    root = merkle.compute_root_of_items(iter(partial(Repeated(count).read, 1 << 20), b""), 48)
    block = PedersenBlock(1, count, root, POINT, bytes(112))
    written = []
    with path.open("wb") as target:
        write_verification_file(
            target,
            SUBJECT,
            Quantisation(20, 24, count),
            update_root=bytes(32),
            trace_leaves=LEAVES,
            scheme=block,
            committed=partial(Repeated, count),
            cost=LOSSES,
            cost_key=COST_KEY,
            on_written=written.append,
        )
    assert written == sorted(written)
    assert written[-1] == path.stat().st_size
    return path


def check(path):
    """Make the checks that read whole sections, but for the points themselves."""
    file = open_verification_file(source_of(path))
    for name, test in list_checks(file):
        if name in {"digest", "sections", "trace", "row root"}:
            test()


def measure(function, *arguments):
    tracemalloc.start()
    try:
        function(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_file_twice_as_long_takes_no_more_memory(tmp_path):
    small, large = 40_000, 80_000
    for function in (write, lambda path, _count: check(path)):
        peaks = [measure(function, tmp_path / str(count), count) for count in (small, large)]
        assert peaks[1] < 1.1 * peaks[0] + (1 << 18) < peaks[0] + small * 48, peaks


def test_pieces_are_the_section(tmp_path):
    file = open_verification_file(source_of(write(tmp_path / "f", 100)))
    whole = POINT * 100
    for size in (1, 47, 48, 4799, 4800, 10_000):
        assert b"".join(file.pieces(Section.ROWS, size)) == whole
    assert b"".join(file.pieces(Section.ROWS, 7, 48, 144)) == whole[48:144]
    assert b"".join(file.pieces(Section.ROWS, 7, 4790, 9999)) == whole[4790:]
    assert not list(file.pieces(Section.CIPHERTEXTS))


def test_a_file_that_shrinks_meanwhile_is_noticed(tmp_path):
    path = write(tmp_path / "f", 100)
    file = open_verification_file(source_of(path))
    path.write_bytes(path.read_bytes()[:-1])
    with refused("file.section", "short"):
        file.section(Section.ROWS)
    with refused("file.section", "exactly"):
        open_verification_file(source_of(path))


@given(st.lists(st.binary(min_size=2, max_size=2), max_size=70), st.integers(1, 9))
def test_a_root_grows_leaf_by_leaf(leaves, items):
    data, width = b"".join(leaves), 2 * items
    pieces = [data[i : i + width] for i in range(0, len(data), width)]
    counted = [b"\x02" + leaf for leaf in leaves]
    assert merkle.compute_root_of_items(pieces, 2) == merkle.compute_root(counted)


def test_pieces_of_no_whole_items_have_no_root():
    with pytest.raises(ValueError, match="does not hold items"):
        merkle.compute_root_of_items([b"123"], 2)
