"""What keys, openings and envelopes are bound to: digests that the contract computes too.

Every preimage is the BCS encoding of one Move struct, so the contract makes it with one
``bcs::to_bytes``: first the tag as a byte vector, then the fields. A byte vector has its length
before it, addresses and ids are 32 bytes, integers u64 little-endian, a label one byte.
"""

import hashlib
from dataclasses import dataclass, fields
from enum import IntEnum

from walrusd.crypto.tags import Tag, encode_bytes, u64

DIGEST_BYTES = 32


class Label(IntEnum):
    """What a key of an opening is for."""

    WORK = 1
    """What seats and jurors need."""
    UPDATE = 2
    """What the publisher needs."""


def _check_ids(context: "SeatContext | PublisherContext | OpeningContext") -> None:
    for field in fields(context):
        value = getattr(context, field.name)
        if isinstance(value, bytes) and len(value) != DIGEST_BYTES:
            raise ValueError(f"the {field.name} of a context has {DIGEST_BYTES} bytes")
        if isinstance(value, int) and not 0 <= value < 1 << 64:
            raise ValueError(f"the {field.name} of a context is a u64")


@dataclass(frozen=True)
class SeatContext:
    """A seat: a place of a pool in one generation, and its owner. Identifiers have 32 bytes.

    Raises:
        ValueError: if an identifier has another length, or a number is no u64.
    """

    chain_id: bytes
    package: bytes
    market: bytes
    pool: bytes
    index: int
    generation: int
    owner: bytes

    def __post_init__(self) -> None:
        _check_ids(self)

    def digest(self) -> bytes:
        """Return the 32 bytes that stand for this seat wherever it is a recipient."""
        return hashlib.sha256(
            Tag.SEAT_CONTEXT.prefix
            + encode_bytes(self.chain_id)
            + self.package
            + self.market
            + self.pool
            + u64(self.index)
            + u64(self.generation)
            + self.owner
        ).digest()


@dataclass(frozen=True)
class PublisherContext:
    """A publisher of a market. Identifiers have 32 bytes.

    Raises:
        ValueError: if an identifier has another length.
    """

    chain_id: bytes
    package: bytes
    market: bytes
    owner: bytes

    def __post_init__(self) -> None:
        _check_ids(self)

    def digest(self) -> bytes:
        """Return the 32 bytes that stand for this publisher wherever it is a recipient."""
        return hashlib.sha256(
            Tag.PUBLISHER_CONTEXT.prefix
            + encode_bytes(self.chain_id)
            + self.package
            + self.market
            + self.owner
        ).digest()


@dataclass(frozen=True)
class OpeningContext:
    """One attempt to open a submission. Identifiers have 32 bytes.

    Raises:
        ValueError: if an identifier has another length, or the attempt is no u64.
    """

    chain_id: bytes
    package: bytes
    market: bytes
    pool: bytes
    task: bytes
    submission: bytes
    contributor: bytes
    attempt: int

    def __post_init__(self) -> None:
        _check_ids(self)

    def digest(self) -> bytes:
        """Return the 32 bytes that stand for this attempt."""
        return hashlib.sha256(
            Tag.OPENING_CONTEXT.prefix
            + encode_bytes(self.chain_id)
            + self.package
            + self.market
            + self.pool
            + self.task
            + self.submission
            + self.contributor
            + u64(self.attempt)
        ).digest()
