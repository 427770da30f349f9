"""The file that carries a dataset: safetensors with one tensor of rows, and their schema.

``u64 LE header length ‖ JSON header ‖ rows``. The header lists the tensor ``rows`` of type U8 and
shape ``[count, row bytes]``, and one key of metadata, ``walrusd-dataset``, whose value is the
schema as canonical JSON. So any reader of safetensors can read it, and row ``i`` has a known
offset: a range of rows can be read or mapped without the rest. No I/O here.
"""

import json
from dataclasses import dataclass
from typing import Any

from walrusd.errors import MalformedData
from walrusd.training.plan.dataspec import DataSchema, parse_data_schema

METADATA_KEY = "walrusd-dataset"
TENSOR = "rows"
MAX_HEADER_BYTES = 1 << 16
_LENGTH_BYTES = 8


@dataclass(frozen=True)
class Container:
    """A dataset file: its schema, the number of rows, and the offset of the rows in bytes."""

    schema: DataSchema
    rows: int
    offset: int

    @property
    def size(self) -> int:
        """The length of the whole file in bytes."""
        return self.offset + self.rows * self.schema.row_bytes


def read_container_header(head: bytes) -> Container:
    """Read the beginning of a file, at least ``8 + MAX_HEADER_BYTES`` bytes or all of it.

    Raises:
        MalformedData: if it is not a dataset container.
        PlanRefused: if the schema is wrong, naming its key.
    """
    length = int.from_bytes(head[:_LENGTH_BYTES], "little")
    if len(head) < _LENGTH_BYTES or length > MAX_HEADER_BYTES:
        raise MalformedData("the file is not a dataset container: its header is too long")
    text = head[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if len(text) != length:
        raise MalformedData("the dataset container ends within its header")
    try:
        document = json.loads(text)
        metadata, tensor = document["__metadata__"], document[TENSOR]
        schema_text = metadata[METADATA_KEY]
        rows, width = tensor["shape"]
        listed = (tensor["dtype"], tensor["data_offsets"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedData("the file is not a dataset container") from error
    if set(document) != {"__metadata__", TENSOR} or set(metadata) != {METADATA_KEY}:
        raise MalformedData("a dataset container must have one tensor and one key of metadata")
    schema = parse_data_schema(_parse(schema_text))
    if type(rows) is not int or rows < 1 or width != schema.row_bytes:
        raise MalformedData(f"the container's rows do not have {schema.row_bytes} bytes each")
    if listed != ("U8", [0, rows * width]):
        raise MalformedData("the container's tensor does not hold its rows")
    return Container(schema, rows, _LENGTH_BYTES + length)


def _parse(text: Any) -> Any:
    if not isinstance(text, str):
        raise MalformedData("the container's schema is not text")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedData("the container's schema is not JSON") from error
