"""The rows of a dataset, from a given file or from an opening."""

import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from walrusd.core.opening import merge_rows
from walrusd.core.pieces.names import PieceKind
from walrusd.errors import BadRequest, MalformedData, VerificationFailed
from walrusd.market.import_rows import KNOWN, looks_like_text, open_table
from walrusd.training.formats.container import MAX_HEADER_BYTES, read_container_header
from walrusd.training.plan.dataspec import TokenSchema
from walrusd.training.plan.plan import Plan
from walrusd.training.run.data import DatasetRows, PackedRows, RowSource
from walrusd.verify.given import Found, Given

_ROWS_AT_ONCE = 1024


def open_given_rows(plan: Plan, path: Path) -> DatasetRows:
    """Map a file of rows, or a container of the plan's schema; read a table or a text.

    The rows are compared with the commitments, so a file with any other name is read as bare rows.

    Raises:
        BadRequest: if it cannot be read, or is a table that does not fit, or a text of an unknown
            kind.
        MalformedData, VerificationFailed: if its rows are not of the plan's schema.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv" or (suffix == ".txt" and isinstance(plan.dataset, TokenSchema)):
        table = open_table(path, plan.dataset)
        return DatasetRows(plan.dataset, memoryview(b"".join(table.pieces())))
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise BadRequest(f"cannot read {path}") from error
    if suffix == ".safetensors":
        container = read_container_header(bytes(data[: 8 + MAX_HEADER_BYTES]))
        if container.schema != plan.dataset or container.size != len(data):
            raise VerificationFailed("the container's rows do not have the plan's schema")
        data = data[container.offset :]
    elif looks_like_text(path):
        raise BadRequest(
            f"{path} reads like text, not like rows",
            hint=f"it takes {KNOWN}, or bare rows",
        )
    return DatasetRows(plan.dataset, data)


def iterate_rows(plan: Plan, rows: DatasetRows) -> Iterator[bytes]:
    """Return the rows one by one, read in pieces."""
    width = plan.dataset.row_bytes
    for first in range(0, rows.count, _ROWS_AT_ONCE):
        data = rows.rows(np.arange(first, min(first + _ROWS_AT_ONCE, rows.count)))
        yield from (data[start : start + width] for start in range(0, len(data), width))


def read_opened_rows(given: Given, found: Found, plan: Plan) -> RowSource | None:
    """Return the rows that the opening holds, or None if there is none or it does not fit."""
    if found.opening is None or given.rows is None:
        return None
    segments = found.opening.list_segments(PieceKind.ROWS)
    try:
        opened = list(merge_rows(found.opening, segments))
        indices = [row.proof.index for row in opened]
        data = b"".join(row.data for row in opened)
        return PackedRows(plan.dataset, given.rows, indices, data)
    except MalformedData:
        return None  # the check of the opened rows reports it
