"""Compiled Move modules: their name and address, and the same module at another address.

The compiler leaves a package's own address at zero; publishing writes the package's id there, and
an upgrade writes the id of the *first* version. Nothing else of a module changes. The layout
(magic, version, table directory, the tables, the index of the module's own handle) and the table
kinds are those of Move's binary format (move-binary-format, ``file_format_common.rs``).
"""

from dataclasses import dataclass

from walrusd.errors import MalformedData
from walrusd.units import Address, address_bytes, address_from_bytes

MAGIC = bytes.fromhex("a11ceb0b")
_HANDLES, _IDENTIFIERS, _ADDRESSES = 1, 7, 8
_TABLES_AT = 8
_ADDRESS_BYTES = 32
ZERO_ADDRESS = address_from_bytes(bytes(_ADDRESS_BYTES))


@dataclass(frozen=True)
class CompiledModule:
    """A compiled module; ``address_at`` is the offset of its own address in ``code``."""

    name: str
    code: bytes
    address_at: int

    @property
    def address(self) -> Address:
        """Return the module's own address."""
        return address_from_bytes(self.code[self.address_at : self.address_at + _ADDRESS_BYTES])

    def at(self, address: str) -> "CompiledModule":
        """Return the module with ``address`` as its own address."""
        end = self.address_at + _ADDRESS_BYTES
        code = self.code[: self.address_at] + address_bytes(address) + self.code[end:]
        return CompiledModule(self.name, code, self.address_at)


def read_module(code: bytes) -> CompiledModule:
    """Return a module with its name and the offset of its address.

    Raises:
        MalformedData: if ``code`` is not a compiled Move module.
    """
    try:
        return _read_module(code)
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise MalformedData("not a compiled Move module: it is truncated") from error


def _read_module(code: bytes) -> CompiledModule:
    if code[: len(MAGIC)] != MAGIC:
        raise MalformedData("not a compiled Move module: it does not begin with Move's magic")
    tables, end = _read_directory(code)
    own, _ = _read_uleb(code, end)
    at, _ = tables[_HANDLES]
    for _ in range(own + 1):
        address_index, at = _read_uleb(code, at)
        name_index, at = _read_uleb(code, at)
    at, _ = tables[_IDENTIFIERS]
    name = ""
    for _ in range(name_index + 1):
        length, at = _read_uleb(code, at)
        name, at = code[at : at + length].decode("ascii"), at + length
    start, length = tables[_ADDRESSES]
    if (address_index + 1) * _ADDRESS_BYTES > length or not name:
        raise MalformedData("not a compiled Move module: its own handle is invalid")
    return CompiledModule(name, code, start + address_index * _ADDRESS_BYTES)


def _read_directory(code: bytes) -> tuple[dict[int, tuple[int, int]], int]:
    """Return start and length of each table by its kind, and where the last table ends."""
    count, at = _read_uleb(code, _TABLES_AT)
    entries = []
    for _ in range(count):
        kind = code[at]
        offset, at = _read_uleb(code, at + 1)
        length, at = _read_uleb(code, at)
        entries.append((kind, offset, length))
    tables = {kind: (at + offset, length) for kind, offset, length in entries}
    end = max((start + length for start, length in tables.values()), default=at)
    if end > len(code):
        raise MalformedData("not a compiled Move module: it is truncated")
    return tables, end


def _read_uleb(code: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = code[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
