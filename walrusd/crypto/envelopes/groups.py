"""The group G2 of BLS12-381 and the pairing, with exactly the bytes that Sui accepts.

Points of G2 are 96 bytes, compressed. G1 and scalars are those of ``crypto.pedersen.g1``.
"""

from collections.abc import Sequence

from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

from walrusd.crypto.pedersen.g1 import Q
from walrusd.errors import MalformedPoint

G2_IDENTITY_BYTES = b"\xc0" + bytes(95)

G2 = G2Point()
"""The standard generator."""


def encode_g2(point: G2Point) -> bytes:
    """Return the 96 bytes of ``point``."""
    return bytes(point.to_compressed_bytes())


def decode_g2(raw: bytes) -> G2Point:
    """Return the point with the compressed bytes ``raw``: on the curve, in the subgroup.

    Raises:
        MalformedPoint: if ``raw`` is not the canonical encoding of such a point, or is the
            identity.
    """
    try:
        point = G2Point.from_compressed_bytes(raw)
    except ValueError as error:
        raise MalformedPoint("the bytes are not a point of G2") from error
    # The library accepts an identity with stray bits, and bytes after a point, which Sui refuses.
    if encode_g2(point) != raw:
        raise MalformedPoint("the point of G2 is not in its canonical encoding")
    if raw == G2_IDENTITY_BYTES:
        raise MalformedPoint("the point of G2 is the identity")
    return point


def multiply_g2(point: G2Point, value: int) -> G2Point:
    """Return ``value mod Q`` times ``point``."""
    return point * Scalar(value % Q)


def pairs_cancel(pairs: Sequence[tuple[G1Point, G2Point]]) -> bool:
    """Return whether the product of ``e(A, B)`` over all ``pairs`` is one."""
    return GT.pairing_check([a for a, _ in pairs], [b for _, b in pairs])
