"""Quilts: many small blobs in the columns of one (Walrus, quilt version 1). Pure.

The blob's matrix is filled column by column. Column 0 starts the index: ``0x01``, its length as
u32, then BCS ``vector<{end_index: u16, identifier: string, tags: map<string, string>}>``. Each
patch follows in its own columns: ``0x01``, u32 length of the rest, a mask whose bit 0 says that
there are tags, the length-prefixed (u16) BCS identifier and tags, the content. Numbers
are little-endian. Patches are in order of their identifiers, tags of their serialised keys.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from walrusd.errors import MalformedData
from walrusd.storage.blobid import blob_id_bytes
from walrusd.storage.geometry import MAX_SYMBOL_SIZE, compute_columns, compute_rows
from walrusd.units import BlobId

VERSION = 1
MAX_INDEX_COLUMNS = 10
_PREFIX = 5
_HAS_TAGS = 1


@dataclass(frozen=True)
class QuiltItem:
    """One item of a quilt."""

    identifier: str
    content: bytes
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Patch:
    """The columns of an item: ``start … end - 1``."""

    identifier: str
    tags: Mapping[str, str]
    start: int
    end: int


@dataclass(frozen=True)
class Quilt:
    """The blob to store, and the columns of its items."""

    data: bytes
    patches: tuple[Patch, ...]


def assemble_quilt(items: Sequence[QuiltItem], shards: int) -> Quilt:
    """Encode ``items`` as one blob for a network of ``shards`` shards.

    Raises:
        MalformedData: if there are none, too many, or two with one identifier, or they do not fit.
    """
    ordered = sorted(items, key=lambda item: item.identifier.encode())
    names = [item.identifier for item in ordered]
    if not names or "" in names or len(set(names)) != len(names):
        raise MalformedData("a quilt must have items, no two with the same identifier")
    rows, columns = compute_rows(shards), compute_columns(shards)
    blocks = [_block(item) for item in ordered]
    index_size = len(_index([(item, 0) for item in ordered]))
    symbol = _find_symbol_size(index_size, [len(block) for block in blocks], rows, columns)
    cloth = _Cloth(rows, columns, symbol)
    next_column = _ceil(index_size, cloth.column_size)
    patches = []
    for item, block in zip(ordered, blocks, strict=True):
        start, next_column = next_column, next_column + _ceil(len(block), cloth.column_size)
        cloth.write(start, block)
        patches.append(Patch(item.identifier, dict(item.tags), start, next_column))
    ends = [patch.end for patch in patches]
    cloth.write(0, _index(list(zip(ordered, ends, strict=True))))
    return Quilt(bytes(cloth.data), tuple(patches))


def read_patch(quilt: bytes, patch: Patch, shards: int) -> bytes:
    """Return the content of ``patch``.

    Raises:
        MalformedData: if the columns do not hold a patch.
    """
    rows, columns = compute_rows(shards), compute_columns(shards)
    symbol = len(quilt) // (rows * columns)
    block = _Cloth(rows, columns, symbol, quilt).read(patch.start, patch.end)
    length = int.from_bytes(block[1:5], "little")
    start = 6
    for _ in range(1 + (block[5] & _HAS_TAGS)):
        start += 2 + int.from_bytes(block[start : start + 2], "little")
    if block[0] != VERSION or start > 6 + length or 6 + length > len(block):
        raise MalformedData("these columns of the quilt do not hold a patch")
    return block[start : 6 + length]


def format_patch_id(quilt_id: BlobId, patch: Patch) -> str:
    """Return ``base64url(blob id ‖ 0x01 ‖ start u16 ‖ end u16)``, 37 bytes."""
    raw = blob_id_bytes(quilt_id) + bytes([VERSION]) + _u16(patch.start) + _u16(patch.end)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class _Cloth:
    """The matrix, seen column-major."""

    def __init__(self, rows: int, columns: int, symbol: int, data: bytes | None = None) -> None:
        self._rows, self._columns, self._symbol = rows, columns, symbol
        self.column_size = rows * symbol
        self.data = bytearray(rows * columns * symbol) if data is None else data

    def write(self, column: int, block: bytes) -> None:
        assert isinstance(self.data, bytearray)
        for number, start in enumerate(range(0, len(block), self._symbol)):
            piece = block[start : start + self._symbol]
            place = self._place(column, number)
            self.data[place : place + len(piece)] = piece

    def read(self, first: int, last: int) -> bytes:
        places = (self._place(first, number) for number in range((last - first) * self._rows))
        return b"".join(self.data[place : place + self._symbol] for place in places)

    def _place(self, column: int, number: int) -> int:
        across, down = divmod(number, self._rows)
        return (down * self._columns + column + across) * self._symbol


def _find_symbol_size(index_size: int, sizes: list[int], rows: int, columns: int) -> int:
    """The smallest even symbol size with which everything fits, by bisection."""
    lengths = [index_size, *sizes]
    least = max(
        _ceil(sum(lengths), rows * columns),
        _ceil(index_size, rows * MAX_INDEX_COLUMNS),
        _ceil(_PREFIX, rows),
    )
    low, high = _ceil(least, 2), MAX_SYMBOL_SIZE // 2
    while low < high:
        middle = (low + high) // 2
        if _fits(lengths, 2 * middle * rows, columns):
            high = middle
        else:
            low = middle + 1
    if low > MAX_SYMBOL_SIZE // 2 or not _fits(lengths, 2 * low * rows, columns):
        raise MalformedData("these items do not fit one quilt")
    return 2 * low


def _fits(lengths: list[int], column_size: int, columns: int) -> bool:
    return sum(_ceil(length, column_size) for length in lengths) <= columns


def _block(item: QuiltItem) -> bytes:
    parts = [_string(item.identifier)]
    if item.tags:
        parts.append(_tags(item.tags))
    if any(len(part) > 0xFFFF for part in parts):
        raise MalformedData("an identifier or the tags of a quilt item are too long")
    body = b"".join(_u16(len(part)) + part for part in parts) + item.content
    if len(body) >= 1 << 32:
        raise MalformedData("a quilt item must have less than 4 GiB")
    mask = _HAS_TAGS if item.tags else 0
    return bytes([VERSION]) + len(body).to_bytes(4, "little") + bytes([mask]) + body


def _index(entries: Sequence[tuple[QuiltItem, int]]) -> bytes:
    body = _uleb(len(entries)) + b"".join(
        _u16(end) + _string(item.identifier) + _tags(item.tags) for item, end in entries
    )
    return bytes([VERSION]) + len(body).to_bytes(4, "little") + body


def _tags(tags: Mapping[str, str]) -> bytes:
    pairs = sorted((_string(key), _string(value)) for key, value in tags.items())
    return _uleb(len(pairs)) + b"".join(key + value for key, value in pairs)


def _string(text: str) -> bytes:
    raw = text.encode()
    return _uleb(len(raw)) + raw


def _u16(number: int) -> bytes:
    return number.to_bytes(2, "little")


def _uleb(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)
