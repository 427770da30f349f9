"""Rows of a dataset as numbers (SPEC chapters 0 and 9)."""

import math

import numpy as np

from .aborts import BAD_DATA, Abort
from .arithmetic import F32


def row_bytes(schema):
    """Return the width of a row."""
    match schema["kind"]:
        case "tabular-u8":
            return schema["features"] + 1
        case "image-u8":
            return math.prod(schema["shape"]) + (1 if schema["classes"] <= 256 else 2)
        case "tabular-f32":
            return 4 * (schema["features"] + schema["targets"])
        case "tokens":
            return (schema["length"] + 1) * (2 if schema["vocabulary"] <= 65_536 else 4)
    raise ValueError(f"no dataset is of the kind {schema['kind']}")


def cut_rows(schema, data):
    """Return raw bytes as a table of rows, uint8.

    Raises:
        ValueError: if they are not whole rows, which says nothing about the plan.
    """
    width = row_bytes(schema)
    if not data or len(data) % width:
        raise ValueError(f"{len(data)} bytes are not whole rows of {width} bytes")
    return np.frombuffer(data, np.uint8).reshape(-1, width)


def decode(schema, table, shape):
    """Return the inputs of some rows, each in the model's ``shape``, and their labels.

    Raises:
        Abort: if a value is not what the schema says.
    """
    table = np.ascontiguousarray(table)
    match schema["kind"]:
        case "tokens":
            tokens = table.view("<u2" if schema["vocabulary"] <= 65_536 else "<u4")
            tokens = _below(tokens.astype(np.int64), schema["vocabulary"], "token")
            return tokens[:, :-1].reshape(len(table), *shape), tokens[:, 1:].reshape(-1)
        case "tabular-f32":
            values = table.view("<f4").astype(F32)
            if not np.isfinite(values).all():
                raise Abort(BAD_DATA, "a value of a row is NaN or infinite")
            features = schema["features"]
            return values[:, :features].reshape(len(table), *shape), values[:, features:]
    wide = schema["kind"] == "image-u8" and schema["classes"] > 256
    pixels, labels = (table[:, :-2], table[:, -2:]) if wide else (table[:, :-1], table[:, -1:])
    classes = np.ascontiguousarray(labels).view("<u2" if wide else "u1").reshape(-1)
    inputs = pixels.astype(F32) * F32(2.0 ** schema["scale_log2"])
    labels = _below(classes.astype(np.int64), schema["classes"], "label")
    return inputs.reshape(len(table), *shape), labels


def _below(numbers, bound, what):
    if numbers.size and numbers.max() >= bound:
        raise Abort(BAD_DATA, f"{what} {numbers.max()} is not below {bound}")
    return numbers
