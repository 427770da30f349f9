"""Import a dataset from its owner's file: the schema, and the rows in pieces."""

import csv
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from walrusd.errors import BadRequest, MalformedData, PlanRefused
from walrusd.files import new_file
from walrusd.training.formats.container import MAX_HEADER_BYTES, read_container_header
from walrusd.training.plan.dataspec import (
    DataSchema,
    TabularFloatSchema,
    TabularSchema,
    TokenSchema,
    parse_data_schema,
)
from walrusd.training.run.data import check_rows

PIECE_BYTES = 1 << 18
CELLS_AT_ONCE = 1 << 14
SAMPLE_BYTES = 1 << 16
"""How many bytes of a file are sampled to tell text from numbers."""
_TEXT_BYTES = bytes([9, 10, 13, *range(32, 127)])

Cell = TypeVar("Cell")

EXPECTED = "kinds are tabular-u8, tabular-f32, image-u8 and tokens; see docs/formats/dataset.md"

KNOWN = ".safetensors (a container), .csv (a table) and .txt (text, for tokens)"
RAW_HINT = "give --raw if the file holds bare rows as the schema says"


def read_schema(document: Any) -> DataSchema:
    """Return the row layout that a person described.

    Raises:
        BadRequest: naming what is wrong, if it is not a kind in docs/formats/dataset.md.
    """
    if not isinstance(document, dict):
        raise BadRequest("a dataset's schema must be an object", hint=EXPECTED)
    if not document:
        raise BadRequest("a dataset's schema must not be empty", hint=EXPECTED)
    # People may leave out what nearly all tables have.
    defaults: dict[str, Any] = {"kind": "tabular-u8"}
    if document.get("kind", "tabular-u8") in {"tabular-u8", "image-u8"}:
        defaults["scale_log2"] = 0
    try:
        return parse_data_schema({**defaults, **document})
    except PlanRefused as error:
        raise BadRequest(error.message, hint=EXPECTED) from error


@dataclass(frozen=True)
class Table:
    """The owner's table: its schema, and its rows in pieces of about 256 KiB."""

    path: Path
    schema: DataSchema
    _read: Callable[[], Iterator[bytes]]

    def pieces(self) -> Iterator[bytes]:
        """Yield whole, checked rows in the schema's layout, read from the file as needed.

        Raises:
            BadRequest: naming what does not fit, or if the file has no rows.
        """
        empty = True
        try:
            for piece in self._read():
                check_rows(self.schema, piece)
                yield piece
                empty = False
        except MalformedData as error:
            raise BadRequest(f"{self.path.name}: {error.message}") from error
        except OSError as error:
            raise _make_unreadable(self.path, error) from error
        if empty:
            raise _make_uneven(self.path, self.schema, ": it has no rows")

    def copy_to(self, target: Path) -> bytes:
        """Write the rows to a file of mode 0600, removed on failure; return its SHA-256.

        Raises:
            BadRequest: as ``pieces``.
            OSError: if the file cannot be written.
        """
        digest = hashlib.sha256()
        with new_file(target) as file:
            for piece in self.pieces():
                digest.update(piece)
                file.write(piece)
        return digest.digest()


def open_table(path: Path, schema: DataSchema | None, *, raw: bool | None = None) -> Table:
    """Return the table in a file; a container brings its own schema.

    The suffix, in upper or lower case, decides how a file is read. An unknown one is refused rather
    than guessed, because nearly every file is a whole number of rows of some width.

    Args:
        path: the file.
        schema: the layout of a row.
        raw: whether the file holds bare rows, whatever its suffix; None decides by ``.bin``.

    Raises:
        BadRequest: naming what does not fit, by the file's name, length and header.
    """
    _check_is_file(path)
    suffix = path.suffix.lower()
    if raw is None:
        raw = suffix == ".bin"
    try:
        size = path.stat().st_size
        if suffix == ".safetensors" and not raw:
            return _open_container(path, size, schema)
    except OSError as error:
        raise _make_unreadable(path, error) from error
    if not raw and suffix not in {".csv", ".txt"}:
        raise _make_unknown(path, schema)
    if schema is None:
        raise BadRequest(f"{path.name} needs a schema", hint=f"give --schema FILE: {EXPECTED}")
    if raw:
        if size % schema.row_bytes:
            raise _make_uneven(path, schema)
        return Table(path, schema, lambda: _read_rows(path, schema, 0, size))
    if suffix == ".csv":
        if isinstance(schema, TabularSchema):
            return Table(path, schema, lambda: _read_csv(path, schema))
        if isinstance(schema, TabularFloatSchema):
            return Table(path, schema, lambda: _read_float_csv(path, schema))
        raise BadRequest(f"CSV holds tables, not rows of kind {schema.kind}", hint=RAW_HINT)
    if isinstance(schema, TokenSchema):
        return Table(path, schema, lambda: _cut_text(path, schema))
    raise BadRequest(
        f"text holds tokens, not rows of kind {schema.kind}",
        hint=f"a table with commas is a .csv; {RAW_HINT}",
    )


def _check_is_file(path: Path) -> None:
    """Check that a path names a regular file, not a folder, a device or a pipe."""
    try:
        if path.is_file():
            return
        found = ", but a folder" if path.is_dir() else ", but a device or a pipe"
        complaint = f"there is no file {path}" + (found if path.exists() else "")
    except OSError as error:
        raise _make_unreadable(path, error) from error
    raise BadRequest(complaint, hint="the path is read by the daemon")


def looks_like_text(path: Path) -> bool:
    """Return whether a file begins like text, which raw rows do not.

    Raises:
        BadRequest: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(SAMPLE_BYTES)
    except OSError as error:
        raise _make_unreadable(path, error) from error
    return bool(head) and b"\n" in head and not head.translate(None, _TEXT_BYTES)


def _make_unknown(path: Path, schema: DataSchema | None) -> BadRequest:
    named = f"files that end in {path.suffix}" if path.suffix else "files without a suffix"
    width = "" if schema is None else f" of {schema.row_bytes} bytes"
    return BadRequest(
        f"{path.name}: walrusd does not know {named}; it reads {KNOWN}",
        hint=f"convert it to one of these; if it holds bare rows{width} as the schema says,"
        " give --raw",
    )


def _open_container(path: Path, size: int, schema: DataSchema | None) -> Table:
    with path.open("rb") as file:
        head = file.read(8 + MAX_HEADER_BYTES)
    try:
        container = read_container_header(head)
    except (MalformedData, PlanRefused) as error:
        raise BadRequest(f"{path.name}: {error.message}", hint="see docs/formats") from error
    if schema not in {None, container.schema}:
        raise BadRequest(f"{path.name} has another schema than the one given")
    if size != container.size:
        raise BadRequest(f"{path.name} has {size} bytes, its header says {container.size}")
    found, offset = container.schema, container.offset
    return Table(path, found, lambda: _read_rows(path, found, offset, size))


def _make_unreadable(path: Path, error: OSError) -> BadRequest:
    return BadRequest(
        f"the file {path} cannot be read: {error.strerror}",
        hint="the path is read by the daemon, as its user",
    )


def _make_uneven(path: Path, schema: DataSchema, why: str = "") -> BadRequest:
    width = schema.row_bytes
    return BadRequest(f"{path.name} is not a whole number of rows of {width} bytes{why}")


def _read_rows(path: Path, schema: DataSchema, start: int, stop: int) -> Iterator[bytes]:
    """Yield the rows between two places of a file.

    They are read, not mapped: the owner may truncate the file meanwhile, and touching a mapped page
    that is gone would kill the daemon.
    """
    step = max(1, PIECE_BYTES // schema.row_bytes) * schema.row_bytes
    with path.open("rb") as file:
        file.seek(start)
        for place in range(start, stop, step):
            wanted = min(step, stop - place)
            piece = file.read(wanted)
            if len(piece) != wanted:
                raise BadRequest(f"{path.name} was truncated while it was read")
            yield piece


def _cut_text(path: Path, schema: TokenSchema) -> Iterator[bytes]:
    """Yield rows of ``length + 1`` tokens, each beginning with the last token of the one before."""
    kind = "<u2" if schema.token_bytes == 2 else "<u4"
    left = b""
    with path.open("rb") as file:
        while data := file.read(PIECE_BYTES):
            text = left + data
            count = (len(text) - 1) // schema.length
            places = np.arange(count)[:, None] * schema.length + np.arange(schema.length + 1)
            left = text[count * schema.length :]
            if count:
                yield np.frombuffer(text, np.uint8)[places].astype(kind).tobytes()


def _read_float_csv(path: Path, schema: TabularFloatSchema) -> Iterator[bytes]:
    for rows in _read_cells(path, schema.features + schema.targets, float, "numbers"):
        with np.errstate(over="ignore"):  # an overflow is infinite, which is refused
            yield np.array(rows, np.float64).astype("<f4").tobytes()


def _read_csv(path: Path, schema: TabularSchema) -> Iterator[bytes]:
    for rows in _read_cells(path, schema.row_bytes, _read_cell, "integers 0 to 255"):
        yield b"".join(map(bytes, rows))


def _read_cells(
    path: Path, width: int, read: Callable[[str], Cell], what: str
) -> Iterator[list[list[Cell]]]:
    """Yield the rows of a CSV file, some at a time."""
    rows: list[list[Cell]] = []
    for number, row in _iterate_csv(path):
        if not row or (number == 1 and not any(map(_is_number, row))):
            continue  # an empty line, or a header of names
        if len(row) != width:
            raise BadRequest(f"{path.name}, row {number}: {len(row)} columns, not {width}")
        try:
            rows.append([read(cell) for cell in row])
        except ValueError as error:
            raise BadRequest(f"{path.name}, row {number}: not {what}") from error
        if len(rows) * width >= CELLS_AT_ONCE:
            yield rows
            rows = []
    if rows:
        yield rows


def _iterate_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            yield from enumerate(csv.reader(file), start=1)
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadRequest(f"{path.name} is not CSV in UTF-8: {error}") from error


def _read_cell(cell: str) -> int:
    digits = cell.strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > 3:
        raise ValueError("not a small natural number")
    if int(digits) > 255:
        raise ValueError("not a byte")
    return int(digits)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
