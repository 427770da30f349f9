"""A dataset as its owner wrote it: the described schema, and the rows of a file."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from walrusd.errors import BadRequest
from walrusd.training.dataspec import TabularSchema

MAX_FEATURES = 8192
SCALES = range(-16, 9)


def read_schema(document: Any) -> TabularSchema:
    """Return the row layout a person described.

    Raises:
        BadRequest: if it is not ``{"kind": "tabular-u8", "features", "scale_log2", "classes"}``,
            or no plan could use it.
    """
    expected = "a dataset's schema is {kind: tabular-u8, features, scale_log2, classes}"
    if not isinstance(document, dict):
        raise BadRequest(expected)
    unknown = sorted(set(document) - {"kind", "features", "scale_log2", "classes"})
    if unknown:
        raise BadRequest(f"a schema has no {', '.join(map(str, unknown))}", hint=expected)
    if document.get("kind", "tabular-u8") != "tabular-u8":
        raise BadRequest(f"a dataset of kind {document['kind']} is not known", hint="tabular-u8")
    numbers = [document.get("features"), document.get("scale_log2", 0), document.get("classes")]
    if any(type(number) is not int for number in numbers):
        raise BadRequest(expected, hint="features, scale_log2 and classes are whole numbers")
    features, scale, classes = (int(number) for number in numbers if number is not None)
    if not 1 <= features <= MAX_FEATURES or not 2 <= classes <= 256:
        raise BadRequest(f"a schema has 1 to {MAX_FEATURES} features and 2 to 256 classes")
    if scale not in SCALES:
        raise BadRequest("scale_log2 lies between -16 and 8")
    return TabularSchema(features=features, scale=scale, classes=classes)


def read_table(path: Path, schema: TabularSchema) -> bytes:
    """Return the rows of a file: raw bytes, or CSV of integers with the label last.

    Raises:
        BadRequest: naming the row that does not fit.
    """
    if not path.is_file():
        raise BadRequest(f"there is no file {path}", hint="the path is read by the daemon")
    try:
        data = path.read_bytes() if path.suffix != ".csv" else _read_csv(path, schema)
    except OSError as error:
        raise BadRequest(
            f"the file {path} cannot be read: {error.strerror}",
            hint="the path is read by the daemon, as its user",
        ) from error
    if not data or len(data) % schema.row_bytes:
        raise BadRequest(f"{path.name} is not a whole number of rows of {schema.row_bytes} bytes")
    labels = data[schema.row_bytes - 1 :: schema.row_bytes]
    if max(labels) >= schema.classes:
        raise BadRequest(f"label {max(labels)} is not one of {schema.classes} classes")
    return data


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
