"""Datasets larger than memory: checked, copied, rooted, sealed and proved in pieces."""

import hashlib
import tracemalloc
from functools import partial

import pytest

from tests.support.containers import make_container_header
from tests.support.refusals import refused
from tests.support.row_tree import RowTree
from walrusd.core.pieces.layouts import iterate_opened_rows
from walrusd.crypto.dataset_rows import verify_row
from walrusd.market import import_rows
from walrusd.market.import_rows import open_table, read_schema
from walrusd.state.encrypted_files import decrypt_file, encrypt_file
from walrusd.workers.rows import compute_file_row_root, write_proven_rows

DEK = bytes(range(32))
SIZE = 64 << 20
IMAGES = read_schema({"kind": "image-u8", "shape": [3, 64, 64], "classes": 10})
NARROW = read_schema({"kind": "tabular-u8", "features": 15, "classes": 2})
TOKENS = read_schema({"kind": "tokens", "length": 1024, "vocabulary": 256})
FLOATS = read_schema({"kind": "tabular-f32", "features": 7, "targets": 1})


def make_zeros(path, size, head=b""):
    """Write a file of zeros, which takes no place on the disk."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
    return path


def prove(path, width, places):
    """Return proven rows of a file, in ascending order, as they are written for one segment."""
    target = path.with_suffix(".proven")
    write_proven_rows(DEK, str(path), width, {str(target): places})
    with target.open("rb") as file:
        return list(iterate_opened_rows(iter(partial(file.read, 11), b"")))


def measure(function, *arguments):
    """Return the largest number of bytes that Python and numpy held meanwhile."""
    tracemalloc.start()
    try:
        function(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "schema"),
    [("t.bin", IMAGES), ("t.safetensors", IMAGES), ("t.bin", NARROW), ("t.txt", TOKENS)],
)
def test_a_table_is_copied_in_a_fraction_of_its_size(tmp_path, name, schema):
    rows = SIZE // schema.row_bytes
    head = make_container_header(schema, rows) if name == "t.safetensors" else b""
    path = make_zeros(tmp_path / name, rows * schema.row_bytes, head)
    copy = tmp_path / "rows"
    assert measure(lambda: open_table(path, schema).copy_to(copy)) < SIZE // 4
    assert copy.stat().st_size >= rows * schema.row_bytes
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_csv_twice_as_long_takes_no_more_memory(tmp_path):
    for schema, line in [(NARROW, b"7," * 15 + b"1\n"), (FLOATS, b"0.5," * 7 + b"1\n")]:
        peaks = []
        for count in (5_000, 10_000):
            path = tmp_path / f"{count}.csv"
            path.write_bytes(line * count)
            copy = tmp_path / "rows"
            peaks.append(measure(open_table(path, schema).copy_to, copy))
            assert copy.stat().st_size == count * schema.row_bytes
        assert peaks[1] < 1.1 * peaks[0] + (1 << 16), peaks


def test_root_proofs_and_sealing_take_a_fraction_of_the_size(tmp_path):
    width = IMAGES.row_bytes
    count = SIZE // width
    path = make_zeros(tmp_path / "rows", count * width)
    found, places = [], [0, 5, count - 1]

    def prove_both():
        found.append(compute_file_row_root(DEK, str(path), width))
        found.append(prove(path, width, places))

    assert measure(prove_both) < 1 << 20
    (root, rows), opened = found
    assert rows == count
    for place, row in zip(places, opened, strict=True):
        assert row.proof.index == place
        verify_row(root, count, row.proof, row.data)
    sealed, back = tmp_path / "sealed", tmp_path / "back"
    assert measure(encrypt_file, path, sealed, DEK, b"aad") < SIZE // 8
    assert measure(decrypt_file, sealed, back, DEK, b"aad") < SIZE // 8
    with path.open("rb") as plain, back.open("rb") as opened_again:
        digests = [hashlib.file_digest(f, "sha256").digest() for f in (plain, opened_again)]
    assert digests[0] == digests[1]


def test_narrow_rows_take_no_memory_each(tmp_path):
    width, peaks = 16, []
    for count in (4_000, 8_000):
        path = make_zeros(tmp_path / str(count), count * width)
        proving = partial(prove, path, width, [3, count - 1])
        peaks.append(measure(proving))
    assert peaks[1] < 1.1 * peaks[0] + (1 << 14), peaks


@pytest.mark.parametrize("count", [1, 2, 3, 11])
def test_what_is_read_in_pieces_is_the_whole(tmp_path, count, monkeypatch):
    monkeypatch.setattr(import_rows, "PIECE_BYTES", 37)
    monkeypatch.setattr(import_rows, "CELLS_AT_ONCE", 20)
    rows = [bytes([n * 16 + k for k in range(15)] + [n % 2]) for n in range(count)]
    data = b"".join(rows)
    raw, csv, box = (tmp_path / name for name in ("t.bin", "t.csv", "t.safetensors"))
    raw.write_bytes(data)
    csv.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    box.write_bytes(make_container_header(NARROW, count) + data)
    copy = tmp_path / "rows"
    for path in (raw, csv, box):
        assert open_table(path, NARROW).copy_to(copy) == hashlib.sha256(data).digest()
        assert copy.read_bytes() == data
    tree = RowTree(DEK, rows)
    assert compute_file_row_root(DEK, str(copy), 16) == (tree.root, count)
    places = sorted({count - 1, 0})
    opened = prove(copy, 16, places)
    assert [row.data for row in opened] == [rows[place] for place in places]
    assert [row.proof for row in opened] == [tree.proof(place) for place in places]


@pytest.mark.parametrize("length", [0, 4, 5, 36, 37, 38, 200])
def test_text_is_cut_as_if_it_were_read_at_once(tmp_path, length, monkeypatch):
    monkeypatch.setattr(import_rows, "PIECE_BYTES", 7)
    schema = read_schema({"kind": "tokens", "length": 4, "vocabulary": 256})
    text = bytes(range(length))
    path = tmp_path / "t.txt"
    path.write_bytes(text)
    starts = range(0, length - 4, 4)
    expected = b"".join(text[i : i + 5].decode("latin-1").encode("utf-16-le") for i in starts)
    if not expected:
        with refused("rpc.bad_request", "whole"):
            list(open_table(path, schema).pieces())
        return
    assert b"".join(open_table(path, schema).pieces()) == expected


def test_a_file_cut_while_it_is_read_is_noticed(tmp_path):
    path = make_zeros(tmp_path / "t.bin", 3 << 20)
    pieces = open_table(path, NARROW).pieces()
    next(pieces)
    make_zeros(path, 1 << 20)
    with refused("rpc.bad_request", "truncated"):
        list(pieces)
    with refused("data.malformed", "16"):
        compute_file_row_root(DEK, str(make_zeros(tmp_path / "r", 17)), 16)
    with refused("data.malformed", "16"):
        compute_file_row_root(DEK, str(make_zeros(tmp_path / "r", 0)), 16)
    with pytest.raises(IndexError):
        prove(make_zeros(tmp_path / "r", 32), 16, [2])
