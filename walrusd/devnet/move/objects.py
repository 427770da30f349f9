"""Ledger objects: owners, versions, contents, and Sui's digest of them."""

import hashlib
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import base58

from walrusd.devnet.move import bcs
from walrusd.devnet.move.types import COIN, SUI, SUI_COIN, encode_struct_tag, encode_type_tag

PACKAGE_TYPE = "package"
EMPTY_PACKAGE = bytes(3)
"""The contents of every package here: no modules, no type origins, no linkage."""
_OBJECT_OVERHEAD = 90
_MIST_PER_BYTE = 7_600


def blake2b256(data: bytes) -> bytes:
    """Return the 32-byte BLAKE2b hash that Sui uses."""
    return hashlib.blake2b(data, digest_size=32).digest()


def to_base58(raw: bytes) -> str:
    """Return digests as Sui writes them."""
    return str(base58.b58encode(raw), "ascii")


class OwnerKind(Enum):
    """Who may use an object."""

    ADDRESS = "address"
    OBJECT = "object"
    SHARED = "shared"
    IMMUTABLE = "immutable"


@dataclass(frozen=True)
class Owner:
    """``address`` belongs to ``ADDRESS``, and to ``OBJECT`` as the parent's id.

    ``start_version``, at which it became shared, belongs to ``SHARED``.
    """

    kind: OwnerKind
    address: str = ""
    start_version: int = 0

    def to_bcs(self) -> bytes:
        """Return Sui's ``Owner``."""
        if self.kind is OwnerKind.ADDRESS:
            return b"\0" + bcs.write_address(self.address)
        if self.kind is OwnerKind.OBJECT:
            return b"\1" + bcs.write_address(self.address)
        if self.kind is OwnerKind.SHARED:
            return b"\2" + bcs.write_u64(self.start_version)
        return b"\3"


IMMUTABLE = Owner(OwnerKind.IMMUTABLE)


def owned_by(address: str) -> Owner:
    """Return the owner that is an address (canonical form)."""
    return Owner(OwnerKind.ADDRESS, address)


def owned_by_object(parent: str) -> Owner:
    """Return the owner of a dynamic field of the object ``parent`` (canonical id)."""
    return Owner(OwnerKind.OBJECT, parent)


def shared_since(version: int) -> Owner:
    """Return the owner of an object that was shared at ``version``."""
    return Owner(OwnerKind.SHARED, start_version=version)


@dataclass(frozen=True)
class LedgerObject:
    """One version of one object.

    ``contents`` is the Move value's BCS; for a package it is the list of its modules.
    ``previous`` is the 32-byte digest of the transaction that wrote it. ``storage_rebate``, in
    Mist, was paid for its storage and is refunded, less 1 %, when it is rewritten or deleted.
    """

    id: str
    version: int
    owner: Owner
    type: str
    contents: bytes
    previous: bytes
    storage_rebate: int
    public_transfer: bool = True

    @cached_property
    def envelope(self) -> bytes:
        """Sui's BCS ``Object``."""
        if self.type == PACKAGE_TYPE:
            data = b"\1" + bcs.write_address(self.id) + bcs.write_u64(self.version) + self.contents
        else:
            data = (
                b"\0"
                + self._encode_type()
                + bytes([self.public_transfer])
                + bcs.write_u64(self.version)
                + bcs.write_blob(self.contents)
            )
        return (
            data
            + self.owner.to_bcs()
            + bcs.write_blob(self.previous)
            + bcs.write_u64(self.storage_rebate)
        )

    def _encode_type(self) -> bytes:
        if self.type == SUI_COIN:
            return b"\1"
        if self.type.startswith(COIN + "<"):
            return b"\3" + encode_type_tag(self.type[len(COIN) + 1 : -1])
        return b"\0" + encode_struct_tag(self.type)

    @cached_property
    def digest_bytes(self) -> bytes:
        """``blake2b256("Object::" ‖ BCS(Object))``."""
        return blake2b256(b"Object::" + self.envelope)

    @property
    def digest(self) -> str:
        """The digest in base 58."""
        return to_base58(self.digest_bytes)

    @property
    def coin_balance(self) -> int | None:
        """The balance of a coin of any type; None for other objects."""
        if not self.type.startswith(COIN + "<"):
            return None
        return int.from_bytes(self.contents[32:40], "little")

    @property
    def sui_balance(self) -> int:
        """Mist in a SUI coin; 0 for every other object."""
        return (self.coin_balance or 0) if self.type == f"{COIN}<{SUI}>" else 0

    def has_type(self, move_type: str | None) -> bool:
        """Return whether it has ``move_type``, which may omit type arguments; None matches all."""
        return move_type is None or self.type == move_type or self.type.startswith(move_type + "<")

    def is_owned_by(self, address: str) -> bool:
        """Return whether ``address`` (canonical) owns this object."""
        return self.owner.kind is OwnerKind.ADDRESS and self.owner.address == address


def compute_storage_cost(contents: bytes) -> int:
    """Return what storing an object costs, in Mist.

    Sui charges 76 Mist for each of 100 units per byte; a coin (40 bytes of contents, 130 with
    its envelope) costs 988,000 Mist there and here.
    """
    return _MIST_PER_BYTE * (_OBJECT_OVERHEAD + len(contents))
