"""The shape of a RedStuff-encoded blob: symbols, rows, encoded size, price.

With ``n`` shards and ``f = (n - 1) // 3`` faulty ones, a blob is a matrix of ``n - 2f`` rows and
``n - f`` columns of symbols (Walrus, ``redstuff.move`` and ``walrus-core/encoding/config.rs``).
Row ``i`` is bytes ``i·row_size … (i + 1)·row_size`` of the blob, zero-padded, so a range read
can be verified alone.
"""

from dataclasses import dataclass

from walrusd.errors import BlobOverLimit

MIN_SHARDS = 4
MAX_SHARDS = 0xFFFF
MAX_SYMBOL_SIZE = 65_534
"""Symbols have an even number of bytes that fits 16 bits."""

STORAGE_UNIT = 1 << 20
"""Walrus sells storage in units of 1 MiB of encoded size."""


@dataclass(frozen=True)
class Geometry:
    """The matrix of a blob of ``size`` bytes on a network with ``shards`` shards.

    Raises:
        ValueError: if the shard count is impossible or the blob too large for it.
    """

    size: int
    shards: int

    def __post_init__(self) -> None:
        if not MIN_SHARDS <= self.shards <= MAX_SHARDS:
            raise ValueError(f"{self.shards} shards: RedStuff needs {MIN_SHARDS} to {MAX_SHARDS}")
        if not 0 <= self.size <= compute_max_blob_size(self.shards):
            raise ValueError(f"a blob of {self.size} bytes does not fit {self.shards} shards")

    @property
    def rows(self) -> int:
        """The number of systematic rows (primary source symbols)."""
        return compute_rows(self.shards)

    @property
    def columns(self) -> int:
        """The number of symbols in a row (secondary source symbols)."""
        return compute_columns(self.shards)

    @property
    def symbol_size(self) -> int:
        """Bytes in a symbol; even, at least 2."""
        symbols = self.rows * self.columns
        least = -(-max(self.size, 1) // symbols)
        return least + least % 2

    @property
    def row_size(self) -> int:
        """Bytes in a row."""
        return self.columns * self.symbol_size

    @property
    def filled_rows(self) -> int:
        """The number of rows that hold bytes of the blob; the others are padding."""
        return -(-self.size // self.row_size)

    @property
    def encoded_size(self) -> int:
        """Bytes the network stores: ``n·((rows + columns)·symbol + 64·n + 32)``."""
        slivers = (self.rows + self.columns) * self.symbol_size
        return self.shards * (slivers + 64 * self.shards + 32)

    @property
    def storage_units(self) -> int:
        """Storage units of 1 MiB that must be bought."""
        return -(-self.encoded_size // STORAGE_UNIT)

    def row_span(self, first: int, last: int) -> tuple[int, int]:
        """Return the byte range ``[start, end)`` of rows ``first … last - 1``."""
        return first * self.row_size, min(last * self.row_size, self.size)


def compute_faulty(shards: int) -> int:
    """Return the number of faulty shards tolerated: ``(n - 1) // 3``."""
    return (shards - 1) // 3


def compute_rows(shards: int) -> int:
    """Return ``n - 2f``."""
    return shards - 2 * compute_faulty(shards)


def compute_columns(shards: int) -> int:
    """Return ``n - f``."""
    return shards - compute_faulty(shards)


def compute_max_blob_size(shards: int) -> int:
    """Return the most bytes one blob can have: every symbol at its largest."""
    return compute_rows(shards) * compute_columns(shards) * MAX_SYMBOL_SIZE


def check_blob_size(size: int, shards: int) -> None:
    """Check that one blob can have ``size`` bytes on a network of ``shards`` shards.

    Raises:
        BlobOverLimit: if it cannot, with both numbers.
    """
    limit = compute_max_blob_size(shards)
    if size > limit:
        raise BlobOverLimit(
            f"a blob of {size:,} bytes does not fit {shards} shards, which take {limit:,}",
            hint="no publisher of this network accepts more in one blob; store smaller ones",
            size=size,
            limit=limit,
        )


def compute_storage_price(
    geometry: Geometry, *, epochs: int, storage_price: int, write_price: int
) -> int:
    """Return the price in FROST: ``units · (storage_price·epochs + write_price)``.

    The prices are per unit, from the network's System object; gas is not included.
    """
    return geometry.storage_units * (storage_price * epochs + write_price)
