"""A folder in the layout of Hugging Face, read from the disk: its config and its tensors."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from walrusd.cli.inputs import read_input
from walrusd.errors import BadRequest, ModelRefused

_WHOLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_SHARD = re.compile(r"[A-Za-z0-9_.-]+\.safetensors", re.ASCII)
_TYPES = ("F32", "F16", "BF16")
"""The types whose every value is a float32."""


def read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the config and the tensors of a folder, all of its files together, as float32.

    Masks and tables in older files are skipped.
    One file is preferred to several with an index, as ``transformers`` does.

    Raises:
        BadRequest: if a file is missing or cannot be read.
        ModelRefused: if the index and the files disagree, or the weights are of a type that
            float32 cannot hold.
    """
    config = read_json(folder / "config.json")
    if (folder / _WHOLE).is_file() or not (folder / _INDEX).is_file():
        return config, _read_shard(folder / _WHOLE)
    listed = _read_index(read_json(folder / _INDEX))
    tensors: dict[str, Any] = {}
    for name in sorted(set(listed.values())):
        found = _read_shard(folder / name)
        expected = {tensor for tensor, shard in listed.items() if shard == name}
        if found.keys() != expected:
            odd = min(found.keys() ^ expected)
            raise ModelRefused(f"{_INDEX} and {name} differ in the tensor {odd!r}", key=odd)
        tensors |= found
    return config, tensors


def _read_index(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the file of each tensor.

    Raises:
        ModelRefused: if a file is not one beside the index.
    """
    from walrusd.training.formats.huggingface import is_buffer  # noqa: PLC0415  # numpy

    listed = document.get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise ModelRefused(f"{_INDEX} has no weight_map of file names", key="weight_map")
    for name in listed.values():
        if not isinstance(name, str) or _SHARD.fullmatch(name) is None:
            raise ModelRefused(
                f"{_INDEX} names something other than a .safetensors file beside it",
                key="weight_map",
            )
    return {tensor: name for tensor, name in listed.items() if not is_buffer(tensor)}


def _read_shard(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415  # numpy

    from walrusd.training.formats.huggingface import is_buffer  # noqa: PLC0415

    tensors: dict[str, Any] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - the file is no mapping
                if is_buffer(name):
                    continue
                kind = file.get_slice(name).get_dtype()
                if kind not in _TYPES:
                    raise ModelRefused(
                        f"{name} is of type {kind}, and only {', '.join(_TYPES)} are exact here",
                        key=name,
                    )
                tensors[name] = file.get_tensor(name).float().numpy()
    except (OSError, SafetensorError) as error:
        raise BadRequest(
            f"cannot read {path}",
            hint="a folder has config.json and model.safetensors, or an index of several",
        ) from error
    return tensors


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        BadRequest: if it cannot be read, or holds no object.
    """
    try:
        document = json.loads(read_input(path))
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{path} is not JSON") from error
    if not isinstance(document, dict):
        raise BadRequest(f"{path} is not an object")
    return document
