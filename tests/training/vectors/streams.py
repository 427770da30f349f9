"""Random bytes, uniform numbers, the order of rows and masks (SPEC chapter 6)."""

from fractions import Fraction

import blake3

from .exact import rn32
from .forms import prefix, u64


def stream(seed, step, name, length):
    message = prefix("RANDOM") + u64(step) + name.encode("ascii")
    return blake3.blake3(message, key=seed).digest(length)


def words(data, width):
    return [int.from_bytes(data[i : i + width], "little") for i in range(0, len(data), width)]


def uniform(seed, step, name, count, bound):
    """Return ``count`` values in ``[−bound, bound)``."""
    found = words(stream(seed, step, name, 4 * count), 4)
    return [rn32((Fraction(word >> 8, 2**23) - 1) * bound) for word in found]


def order(seed, epoch, rows):
    keys = words(stream(seed, epoch, "order", 8 * rows), 8)
    return sorted(range(rows), key=lambda row: (keys[row], row))


def rows_of_step(seed, step, batch, rows):
    epoch, place = divmod(step - 1, rows // batch)
    return order(seed, epoch, rows)[place * batch : (place + 1) * batch]


def kept(seed, step, micro, name, count, threshold):
    data = stream(seed, step, f"dropout/{micro}/{name}", count)
    return [byte >= threshold for byte in data]
