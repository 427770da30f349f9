"""The bytes that a run starts from: a plan, and weights as safetensors."""

import json

import numpy as np

from .arithmetic import F32

TEXTS = ("lr", "momentum", "beta1", "beta2", "epsilon", "weight_decay", "floor", "limit")
NUMBERS = {*TEXTS, "alpha", "norm_epsilon"}
"""The keys of a plan whose values are floats, as hexadecimal text."""


def read_plan(data):
    """Return a plan's JSON object, from its canonical bytes."""
    document = json.loads(data)
    if json.dumps(document, sort_keys=True, separators=(",", ":")).encode() != data:
        raise ValueError("the plan is not in its canonical form")
    return document


def with_numbers(value):
    """Return a plan, or a part of one, with its hexadecimal texts as floats."""
    if isinstance(value, dict):
        return {
            key: float.fromhex(one) if key in NUMBERS else with_numbers(one)
            for key, one in value.items()
        }
    return [with_numbers(part) for part in value] if isinstance(value, list) else value


def read_weights(data):
    """Return the tensors of a safetensors file: a length, a header in JSON, then raw values."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"tensor {name} is not float32")
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        values = np.frombuffer(data[start:end], "<f4").astype(F32)
        tensors[name] = values.reshape(entry["shape"]) + F32(0)
    return tensors


def write_weights(tensors):
    """Return tensors as a safetensors file, in the order of their names."""
    header, place = {}, 0
    for name in sorted(tensors):
        shape, size = list(tensors[name].shape), 4 * tensors[name].size
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    values = b"".join((tensors[name] + F32(0)).astype("<f4").tobytes() for name in sorted(tensors))
    return len(text).to_bytes(8, "little") + text + values
