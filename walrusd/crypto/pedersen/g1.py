"""The group G1 of BLS12-381 with exactly the bytes that Sui's ``bls12381`` module accepts.

Points are 48 bytes, compressed; scalars are 32 bytes, big-endian, below the group order ``Q``. The
generators are hashed to the curve (RFC 9380, the suite of ``sui::bls12381::hash_to_g1``), so
nobody knows a relation between them.
"""

import hashlib
import secrets
import threading
from collections.abc import Sequence

from py_arkworks_bls12381 import G1Point, Scalar

from walrusd.crypto.tags import Tag
from walrusd.errors import MalformedData, MalformedPoint, MalformedScalar

Q = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
"""The order of G1."""

POINT_BYTES = 48
SCALAR_BYTES = 32
IDENTITY_BYTES = b"\xc0" + bytes(47)
HASH_TO_G1_DST = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"

ROW_LENGTH = 4096
"""Entries in one row commitment, and the number of generators."""

GENERATORS_DIGEST = bytes.fromhex(
    "7d01b1ca5615a7a5233511f358189e30631fcbb2c25384c170f0b487b04fafdb"
)
"""SHA-256 over the uncompressed bytes of all generators; a test derives it again."""

_AFFINE_BYTES = 96


def hash_to_g1(message: bytes) -> G1Point:
    """Return the point that ``sui::bls12381::hash_to_g1`` returns for ``message``."""
    return G1Point.hash_to_curve(message, HASH_TO_G1_DST)


G = G1Point()
"""The standard generator."""

H = hash_to_g1(Tag.PEDERSEN_H.text)
"""The blinding generator."""


def encode_point(point: G1Point) -> bytes:
    """Return the 48 bytes of ``point``."""
    return bytes(point.to_compressed_bytes())


def decode_point(raw: bytes, *, allow_identity: bool = False) -> G1Point:
    """Return the point with the compressed bytes ``raw``: on the curve, in the subgroup.

    Raises:
        MalformedPoint: if ``raw`` is not the canonical encoding of such a point, or is the identity
            and that is not allowed.
    """
    try:
        point = G1Point.from_compressed_bytes(raw)
    except ValueError as error:
        raise MalformedPoint("the bytes are not a point of G1") from error
    # The library accepts an identity with stray bits, which Sui refuses.
    if encode_point(point) != raw:
        raise MalformedPoint("the point of G1 is not in its canonical encoding")
    if raw == IDENTITY_BYTES and not allow_identity:
        raise MalformedPoint("the point of G1 is the identity")
    return point


def encode_scalar(value: int) -> bytes:
    """Return ``value mod Q`` as 32 bytes, big-endian."""
    return (value % Q).to_bytes(SCALAR_BYTES, "big")


def decode_scalar(raw: bytes) -> int:
    """Return the scalar with the bytes ``raw``.

    Raises:
        MalformedScalar: if ``raw`` does not have 32 bytes or is not below ``Q``.
    """
    value = int.from_bytes(raw, "big")
    if len(raw) != SCALAR_BYTES or value >= Q:
        raise MalformedScalar("the scalar is not a number below the group order in 32 bytes")
    return value


def random_scalar() -> int:
    """Return a uniform scalar from the operating system, never zero."""
    return 1 + secrets.randbelow(Q - 1)


def multiply(point: G1Point, value: int) -> G1Point:
    """Return ``value mod Q`` times ``point``."""
    return point * Scalar(value % Q)


def compute_msm(points: Sequence[G1Point], values: Sequence[int]) -> G1Point:
    """Return ``Σ values_i·points_i``; small non-negative values cost the least.

    Raises:
        ValueError: if the two sequences differ in length.
    """
    if len(points) != len(values):
        raise ValueError(f"{len(points)} points for {len(values)} scalars")
    # The library would silently cut the longer list.
    return G1Point.multiexp_unchecked(
        list(points), [Scalar(value if 0 <= value < Q else value % Q) for value in values]
    )


def sum_points(points: Sequence[G1Point]) -> G1Point:
    """Return ``Σ points_i``."""
    total = G1Point.identity()
    for point in points:
        total = total + point
    return total


def compute_generator(index: int) -> G1Point:
    """Return ``G_i = hash_to_g1("WALRUSD-V01-PEDERSEN-G" ‖ u64 big-endian i)``."""
    return hash_to_g1(Tag.PEDERSEN_G.text + index.to_bytes(8, "big"))


class Generators:
    """The vector generators ``G_0 … G_{ROW_LENGTH-1}``, computed when first asked for.

    Computing all of them takes about a second; ``generators.bin`` holds the 384 KiB of
    ``dump_cache``, which a caller that may read files hands to ``load_cache``.
    """

    def __init__(self) -> None:
        self._points: list[G1Point] = []
        self._sums: dict[int, G1Point] = {}
        self._lock = threading.Lock()

    def first(self, count: int) -> list[G1Point]:
        """Return the first ``count`` generators.

        Raises:
            ValueError: if ``count`` is not within 1 … ``ROW_LENGTH``.
        """
        if not 1 <= count <= ROW_LENGTH:
            raise ValueError(f"there are 1 to {ROW_LENGTH} generators, not {count}")
        with self._lock:
            self._points += [compute_generator(i) for i in range(len(self._points), count)]
            return self._points[:count]

    def sum_first(self, count: int) -> G1Point:
        """Return ``Σ_{i < count} G_i``; multiplied by a number, it adds that to all entries.

        Raises:
            ValueError: as ``first``.
        """
        if count not in self._sums:
            self._sums[count] = sum_points(self.first(count))
        return self._sums[count]

    def dump_cache(self) -> bytes:
        """Return all generators, 96 uncompressed bytes each."""
        return b"".join(bytes(point.to_xy_bytes_be()) for point in self.first(ROW_LENGTH))

    def load_cache(self, raw: bytes) -> None:
        """Take the generators from the bytes of ``dump_cache``.

        ``GENERATORS_DIGEST`` covers every byte, so no point needs a check of its own.

        Raises:
            MalformedData: if the bytes are not exactly the generators.
        """
        if hashlib.sha256(raw).digest() != GENERATORS_DIGEST:
            raise MalformedData(
                "the file of the generators is damaged", hint="install walrusd again"
            )
        points = [
            G1Point.from_xy_bytes_unchecked_be(raw[i : i + _AFFINE_BYTES])
            for i in range(0, len(raw), _AFFINE_BYTES)
        ]
        with self._lock:
            self._points = points


GENERATORS = Generators()
"""The generators of this process."""
