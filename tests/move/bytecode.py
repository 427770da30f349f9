"""Just enough of the Move binary format to place a compiled module at another address.

The layout of the header and of table kinds 1, 7 and 8 is that of ``move-binary-format``: magic,
u32 version, ULEB128 table count, then (kind, offset, length) of each table.
"""

import base64
from typing import Any

MAGIC = bytes.fromhex("a11ceb0b")
ADDRESS_TABLE = 8


def read_uleb(data: bytes, at: int) -> tuple[int, int]:
    """Return a ULEB128 number and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def read_tables(module: bytes) -> tuple[dict[int, tuple[int, int]], int]:
    """Return offset and length of each table by its kind, and where the last one ends."""
    if module[:4] != MAGIC:
        raise ValueError("not a Move module")
    count, at = read_uleb(module, 8)
    entries = []
    for _ in range(count):
        kind = module[at]
        offset, at = read_uleb(module, at + 1)
        length, at = read_uleb(module, at)
        entries.append((kind, offset, length))
    tables = {kind: (at + offset, length) for kind, offset, length in entries}
    return tables, max(start + length for start, length in tables.values())


def place_at(module: bytes, address: str) -> bytes:
    """Return ``module`` with its own address, all zeros as compiled, replaced."""
    start, length = read_tables(module)[0][ADDRESS_TABLE]
    out = bytearray(module)
    for at in range(start, start + length, 32):
        if not any(out[at : at + 32]):
            out[at : at + 32] = bytes.fromhex(address.removeprefix("0x").rjust(64, "0"))
    return bytes(out)


def place_all(built: dict[str, Any], address: str) -> list[bytes]:
    """Return every module of a build, placed at ``address``."""
    return [place_at(base64.b64decode(module), address) for module in built["modules"]]
