"""A dataset as its owner wrote it: the described schema, and the rows of a file."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from walrusd.errors import BadRequest, MalformedData, PlanRefused
from walrusd.training.container import MAX_HEADER_BYTES, read_container_header
from walrusd.training.data import check_rows
from walrusd.training.dataspec import (
    DataSchema,
    TabularFloatSchema,
    TabularSchema,
    TokenSchema,
    parse_data_schema,
)

EXPECTED = "kinds are tabular-u8, tabular-f32, image-u8 and tokens; see docs/formats/dataset.md"


def read_schema(document: Any) -> DataSchema:
    """Return the row layout a person described.

    Raises:
        BadRequest: if it is not one of the kinds of docs/formats/dataset.md, naming what is wrong.
    """
    if not isinstance(document, dict):
        raise BadRequest("a dataset's schema is an object", hint=EXPECTED)
    if not document:
        raise BadRequest("a dataset's schema is not empty", hint=EXPECTED)
    # People may leave out what nearly all tables have.
    defaults: dict[str, Any] = {"kind": "tabular-u8"}
    if document.get("kind", "tabular-u8") in {"tabular-u8", "image-u8"}:
        defaults["scale_log2"] = 0
    try:
        return parse_data_schema({**defaults, **document})
    except PlanRefused as error:
        raise BadRequest(error.message, hint=EXPECTED) from error


def read_table(path: Path, schema: DataSchema | None) -> tuple[bytes, DataSchema]:
    """Return the rows of a file and their schema, which a container brings along.

    Raises:
        BadRequest: naming what does not fit.
    """
    if not path.is_file():
        raise BadRequest(f"there is no file {path}", hint="the path is read by the daemon")
    try:
        data, schema = _read_rows(path, schema)
    except OSError as error:
        raise BadRequest(
            f"the file {path} cannot be read: {error.strerror}",
            hint="the path is read by the daemon, as its user",
        ) from error
    if not data or len(data) % schema.row_bytes:
        raise BadRequest(f"{path.name} is not a whole number of rows of {schema.row_bytes} bytes")
    try:
        check_rows(schema, data)
    except MalformedData as error:
        raise BadRequest(f"{path.name}: {error.message}") from error
    return data, schema


def _read_rows(path: Path, schema: DataSchema | None) -> tuple[bytes, DataSchema]:
    if path.suffix == ".safetensors":
        return _read_container(path, schema)
    if schema is None:
        raise BadRequest(f"{path.name} needs a schema", hint=EXPECTED)
    if path.suffix == ".csv":
        if isinstance(schema, TabularSchema):
            return _read_csv(path, schema), schema
        if isinstance(schema, TabularFloatSchema):
            return _read_float_csv(path, schema), schema
        raise BadRequest(f"CSV holds tables, not rows of kind {schema.kind}")
    if path.suffix == ".txt" and isinstance(schema, TokenSchema):
        return _cut_text(path.read_bytes(), schema), schema
    return path.read_bytes(), schema


def _read_container(path: Path, schema: DataSchema | None) -> tuple[bytes, DataSchema]:
    data = path.read_bytes()
    try:
        container = read_container_header(data[: 8 + MAX_HEADER_BYTES])
    except (MalformedData, PlanRefused) as error:
        raise BadRequest(f"{path.name}: {error.message}", hint="see docs/formats") from error
    if schema not in {None, container.schema}:
        raise BadRequest(f"{path.name} has another schema than the one given")
    if len(data) != container.size:
        raise BadRequest(f"{path.name} has {len(data)} bytes, its header says {container.size}")
    return data[container.offset :], container.schema


def _cut_text(data: bytes, schema: TokenSchema) -> bytes:
    """Return rows of ``length + 1`` bytes as tokens, each begun by the last of the one before."""
    tokens = np.frombuffer(data, np.uint8)
    count = (tokens.size - 1) // schema.length if tokens.size else 0
    places = np.arange(count)[:, None] * schema.length + np.arange(schema.length + 1)
    kind = "<u2" if schema.token_bytes == 2 else "<u4"
    rows: bytes = tokens[places].astype(kind).tobytes()
    return rows


def _read_float_csv(path: Path, schema: TabularFloatSchema) -> bytes:
    rows, width = [], schema.features + schema.targets
    for number, row in _iterate_csv(path):
        if not row or (number == 1 and not any(map(_is_number, row))):
            continue
        if len(row) != width:
            raise BadRequest(f"{path.name}, row {number}: {len(row)} columns, not {width}")
        try:
            rows.append([float(cell) for cell in row])
        except ValueError as error:
            raise BadRequest(f"{path.name}, row {number}: not numbers") from error
    with np.errstate(over="ignore"):  # an overflow is infinite, which is refused
        return np.array(rows, np.float64).astype("<f4").tobytes()


def _read_csv(path: Path, schema: TabularSchema) -> bytes:
    out = bytearray()
    for number, row in _iterate_csv(path):
        if not row or (number == 1 and not any(map(_is_number, row))):
            continue  # an empty line, or a header of names
        if len(row) != schema.row_bytes:
            raise BadRequest(
                f"{path.name}, row {number}: {len(row)} columns, not {schema.row_bytes}"
            )
        try:
            out += bytes(_read_cell(cell) for cell in row)
        except ValueError as error:
            raise BadRequest(f"{path.name}, row {number}: not integers 0 to 255") from error
    return bytes(out)


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
    return int(digits)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
