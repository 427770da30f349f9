"""Move types as canonical strings, their BCS (``TypeTag``), and pure values of primitive types.

A canonical type string has every address as 64 hexadecimal digits and no spaces:
``0x00…02::coin::Coin<0x00…02::sui::SUI>``.
"""

import re
from typing import Any

from walrusd.devnet.move import bcs
from walrusd.errors import MalformedData
from walrusd.units import normalize_address

FRAMEWORK = normalize_address("0x2")
SUI = f"{FRAMEWORK}::sui::SUI"
COIN = f"{FRAMEWORK}::coin::Coin"
SUI_COIN = f"{COIN}<{SUI}>"

_PRIMITIVES = {
    "bool": 0,
    "u8": 1,
    "u64": 2,
    "u128": 3,
    "address": 4,
    "signer": 5,
    "u16": 8,
    "u32": 9,
    "u256": 10,
}
_PRIMITIVE_NAMES = {tag: name for name, tag in _PRIMITIVES.items()}
_VECTOR, _STRUCT = 6, 7
WIDTHS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "u128": 16, "u256": 32}
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{1,64}(?=::)")


def normalize_type(text: str) -> str:
    """Return the canonical form of a Move type string (not checked further)."""
    return _ADDRESS.sub(lambda m: normalize_address(m.group(0)), text.replace(" ", ""))


def split_arguments(text: str) -> list[str]:
    """Split ``A,B<C,D>`` at its outer commas."""
    parts: list[str] = []
    depth = start = 0
    for at, char in enumerate(text):
        if char == "<":
            depth += 1
        elif char == ">":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def encode_struct_tag(text: str) -> bytes:
    """Return the BCS ``StructTag`` of a canonical struct type.

    Raises:
        MalformedData: if it is not a struct type.
    """
    head, _, rest = text.partition("<")
    path = head.split("::")
    if len(path) != 3:
        raise MalformedData(f"not a struct type: {text}")
    arguments = split_arguments(rest.removesuffix(">")) if rest else []
    return (
        bcs.write_address(path[0])
        + bcs.write_text(path[1])
        + bcs.write_text(path[2])
        + bcs.write_sequence([encode_type_tag(a) for a in arguments])
    )


def encode_type_tag(text: str) -> bytes:
    """Return the BCS ``TypeTag`` of a canonical type."""
    if text in _PRIMITIVES:
        return bytes([_PRIMITIVES[text]])
    if text.startswith("vector<"):
        return bytes([_VECTOR]) + encode_type_tag(text[7:-1])
    return bytes([_STRUCT]) + encode_struct_tag(text)


def decode_type_tag(reader: bcs.Reader) -> str:
    """Read a BCS ``TypeTag`` as a canonical type string.

    Raises:
        MalformedData: if the tag is unknown.
    """
    tag = reader.length()
    if tag == _VECTOR:
        return f"vector<{decode_type_tag(reader)}>"
    if tag == _STRUCT:
        head = f"{reader.address()}::{reader.text()}::{reader.text()}"
        arguments = reader.sequence(decode_type_tag)
        return f"{head}<{','.join(arguments)}>" if arguments else head
    if tag not in _PRIMITIVE_NAMES:
        raise MalformedData(f"unknown type tag {tag}")
    return _PRIMITIVE_NAMES[tag]


def decode_pure(move_type: str, raw: bytes) -> Any:
    """Decode one pure value; the Python types are those of ``PureKind``.

    Raises:
        MalformedData: if ``raw`` is not exactly one canonical value of that type.
    """
    reader = bcs.Reader(raw)
    out = _read(move_type, reader)
    reader.finish()
    return out


def _read(move_type: str, reader: bcs.Reader) -> Any:
    if move_type in WIDTHS:
        return reader.uint(WIDTHS[move_type])
    if move_type in ("address", "ID"):
        return reader.address()
    if move_type == "bool":
        return reader.boolean()
    if move_type == "String":
        return reader.text()
    if move_type == "vector<u8>":
        return reader.blob()
    if move_type.startswith("vector<"):
        return reader.sequence(lambda r: _read(move_type[7:-1], r))
    if move_type.startswith("Option<"):
        return _read(move_type[7:-1], reader) if reader.boolean() else None
    raise MalformedData(f"{move_type} cannot be a pure value")


def encode_pure(move_type: str, value: Any) -> bytes:
    """Encode one pure value of ``move_type``.

    Raises:
        MalformedData: if the type is not a primitive.
    """
    if move_type in WIDTHS:
        return int(value).to_bytes(WIDTHS[move_type], "little")
    if move_type in ("address", "ID"):
        return bcs.write_address(value)
    if move_type == "bool":
        return bytes([bool(value)])
    if move_type == "String":
        return bcs.write_text(value)
    if move_type == "vector<u8>":
        return bcs.write_blob(bytes(value))
    if move_type.startswith("vector<"):
        return bcs.write_sequence([encode_pure(move_type[7:-1], item) for item in value])
    if move_type.startswith("Option<"):
        return bcs.write_option(None if value is None else encode_pure(move_type[7:-1], value))
    raise MalformedData(f"{move_type} cannot be a pure value")
