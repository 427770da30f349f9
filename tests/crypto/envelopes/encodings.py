"""Bytes that are no point of a group, or not the one encoding of it."""

from py_arkworks_bls12381 import G1Point, G2Point

P = int(
    "1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF"
    "6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB",
    16,
)
"""The prime of the field under both curves."""


def find_outside(group: type[G1Point] | type[G2Point]) -> bytes:
    """Return a point of the curve with the smallest abscissa, which is outside the subgroup."""
    length = 48 if group is G1Point else 96
    for x in range(1, 1000):
        raw = b"\x80" + x.to_bytes(length - 1, "big")
        try:
            point = group.from_compressed_bytes_unchecked(raw)
        except ValueError:
            continue
        if not point.is_in_subgroup():
            return raw
    raise AssertionError("there is such a point")


def list_bad_encodings(point: bytes) -> dict[str, bytes]:
    """Return bytes to put in place of ``point``, 48 or 96 compressed bytes, by what is wrong."""
    group = G1Point if len(point) == 48 else G2Point
    decoded = group.from_compressed_bytes(point)
    not_on_curve = bytearray(point)
    while True:
        not_on_curve[-1] = (not_on_curve[-1] + 1) % 256
        try:
            group.from_compressed_bytes_unchecked(bytes(not_on_curve))
        except ValueError:
            break
    too_large = bytearray(P.to_bytes(48, "big") + point[48:])
    too_large[0] |= 0x80
    return {
        "not on the curve": bytes(not_on_curve),
        "outside the subgroup": find_outside(group),
        "without the flag of compression": bytes([point[0] & 0x7F]) + point[1:],
        "with the flag of infinity": bytes([point[0] | 0x40]) + point[1:],
        "infinity with a stray bit": b"\xc0" + bytes(len(point) - 2) + b"\x01",
        "infinity with the flag of sign": b"\xe0" + bytes(len(point) - 1),
        "uncompressed": bytes(decoded.to_xy_bytes_be()),
        "abscissa not reduced": bytes(too_large),
        "one byte short": point[:-1],
        "one byte more": point + b"\0",
        "empty": b"",
        "all zeros": bytes(len(point)),
        "all ones": b"\xff" * len(point),
    }


def flip_sign(point: bytes) -> bytes:
    """Return the encoding of the opposite point."""
    return bytes([point[0] ^ 0x20]) + point[1:]
