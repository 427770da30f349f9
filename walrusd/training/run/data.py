"""Rows of a dataset: fixed-width bytes, read by number from a whole dataset or an opening."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from walrusd.errors import MalformedData, RowAbsent
from walrusd.training.plan.dataspec import (
    DataSchema,
    ImageSchema,
    TabularFloatSchema,
    TabularSchema,
    TokenSchema,
)

Indices = npt.NDArray[np.int64]
Buffer = bytes | bytearray | memoryview


class RowSource(Protocol):
    """Where training reads its rows: a dataset of ``count`` rows, or some of them."""

    @property
    def count(self) -> int:
        """The number of rows of the whole dataset."""
        ...

    def rows(self, indices: Indices) -> bytes:
        """Return the bytes of the rows ``indices``, int64 ``(n,)``, one after the other.

        Raises:
            RowAbsent: if a row is not in this source.
        """
        ...


def _as_table(data: Buffer, row_bytes: int) -> npt.NDArray[np.uint8]:
    table = np.frombuffer(data, np.uint8)
    if table.size % row_bytes:
        raise MalformedData(f"{table.size} bytes are not whole rows of {row_bytes} bytes")
    return table.reshape(-1, row_bytes)


class DatasetRows:
    """A whole dataset, in memory or mapped into it.

    Raises:
        MalformedData: if ``data`` is not a whole number of rows.
    """

    def __init__(self, schema: DataSchema, data: Buffer) -> None:
        self._table = _as_table(data, schema.row_bytes)

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self._table)

    def rows(self, indices: Indices) -> bytes:
        """Return the bytes of the rows ``indices``, one after the other.

        Raises:
            RowAbsent: if a number is outside the dataset.
        """
        if indices.size and not 0 <= int(indices.min()) <= int(indices.max()) < self.count:
            raise RowAbsent(f"a row number is outside the {self.count} rows of the dataset")
        return self._table[indices].tobytes()


class PackedRows:
    """Some rows of a dataset of ``count`` rows: what an opening gives a verifier.

    ``indices`` are their row numbers, strictly ascending; ``data`` their bytes in that order.

    Raises:
        MalformedData: if the numbers are not strictly ascending, or the sizes do not fit.
    """

    def __init__(
        self, schema: DataSchema, count: int, indices: Sequence[int] | Indices, data: Buffer
    ) -> None:
        self._table = _as_table(data, schema.row_bytes)
        self._indices = np.asarray(indices, dtype=np.int64)
        self._count = count
        if self._indices.shape != (self._table.shape[0],):
            raise MalformedData(
                f"{self._indices.size} row numbers do not fit {self._table.shape[0]} rows"
            )
        if np.any(self._indices[1:] <= self._indices[:-1]):
            raise MalformedData("row numbers must be strictly ascending")
        if self._indices.size and not 0 <= self._indices[0] <= self._indices[-1] < count:
            raise MalformedData(f"a row number is outside the {count} rows of the dataset")

    @property
    def count(self) -> int:
        """The number of rows of the whole dataset."""
        return self._count

    def rows(self, indices: Indices) -> bytes:
        """Return the bytes of the rows ``indices``, one after the other.

        Raises:
            RowAbsent: if a row is not among the opened ones.
        """
        places = np.searchsorted(self._indices, indices)
        inside = np.minimum(places, max(self._indices.size - 1, 0))
        if self._indices.size == 0 or np.any(self._indices[inside] != indices):
            raise RowAbsent("a row that the segment reads is not among the opened rows")
        return self._table[inside].tobytes()


Values = npt.NDArray[np.float32]


def decode_rows(schema: DataSchema, data: bytes) -> tuple[Values | Indices, Values | Indices]:
    """Return inputs ``(b, …)`` and targets ``(b, …)`` of whole rows, exact in their types.

    SPEC §9. Values are float32, token numbers and class labels int64. Inputs are ``(b, w)``,
    ``(b, c, H, W)`` or tokens ``(b, t)``; targets are classes ``(b,)``, values ``(b, o)`` or tokens
    ``(b, t)``.

    Raises:
        MalformedData: if the bytes are not whole rows, a label is no class, a token is outside the
            vocabulary, or a value is NaN or infinite.
    """
    table = _as_table(data, schema.row_bytes)  # (b, row bytes), uint8
    match schema:
        case TabularSchema():
            features = table[:, :-1].astype(np.float32) * np.float32(2.0**schema.scale)
            return features, _check_classes(table[:, -1].astype(np.int64), schema.classes)
        case ImageSchema():
            width = schema.row_bytes - schema.label_bytes
            pixels = table[:, :width].astype(np.float32) * np.float32(2.0**schema.scale)
            label_type = "u1" if schema.label_bytes == 1 else "<u2"
            labels = np.ascontiguousarray(table[:, width:]).view(label_type)[:, 0]  # (b,)
            images = pixels.reshape(-1, *schema.shape)  # (b, c, H, W)
            return images, _check_classes(labels.astype(np.int64), schema.classes)
        case TabularFloatSchema():
            values = np.ascontiguousarray(table).view("<f4").astype(np.float32)  # (b, w + o)
            if not np.isfinite(values).all():
                raise MalformedData("a value of a row is NaN or infinite")
            return values[:, : schema.features].copy(), values[:, schema.features :].copy()
        case TokenSchema():
            token_type = "<u2" if schema.token_bytes == 2 else "<u4"
            tokens = np.ascontiguousarray(table).view(token_type).astype(np.int64)  # (b, t + 1)
            if tokens.size and int(tokens.max()) >= schema.vocabulary:
                raise MalformedData(
                    f"token {int(tokens.max())} is outside the vocabulary of {schema.vocabulary}"
                )
            return tokens[:, :-1].copy(), tokens[:, 1:].copy()


CHECKED_AT_ONCE = 1 << 24
"""Bytes decoded at a time when a whole dataset is checked."""


def check_rows(schema: DataSchema, data: Buffer) -> None:
    """Check every row of a dataset, piece by piece: training would stop at a bad one.

    Raises:
        MalformedData: as ``decode_rows``.
    """
    view = memoryview(data).cast("B")
    piece = max(1, CHECKED_AT_ONCE // schema.row_bytes) * schema.row_bytes
    for start in range(0, len(view), piece):
        decode_rows(schema, bytes(view[start : start + piece]))


def _check_classes(labels: Indices, classes: int) -> Indices:
    if labels.size and int(labels.max()) >= classes:
        raise MalformedData(f"label {int(labels.max())} is not one of {classes} classes")
    return labels
