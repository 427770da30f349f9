"""Dataset containers, as any writer of safetensors makes them."""

from walrusd.training.formats.container import METADATA_KEY, TENSOR
from walrusd.training.plan.dataspec import DataSchema
from walrusd.training.plan.strict import canonical_json

_LENGTH_BYTES = 8
_ALIGNMENT = 8


def make_container_header(schema: DataSchema, rows: int) -> bytes:
    """Return the bytes that go before the rows; spaces fill the header up to 8 bytes."""
    document = {
        "__metadata__": {METADATA_KEY: canonical_json(schema.to_json()).decode("ascii")},
        TENSOR: {
            "dtype": "U8",
            "shape": [rows, schema.row_bytes],
            "data_offsets": [0, rows * schema.row_bytes],
        },
    }
    text = canonical_json(document)
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text
