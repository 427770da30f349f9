"""Random bytes, uniform numbers, the order of the rows, and masks."""

import blake3
import numpy as np

from .arithmetic import F32


def tagged(tag, form=1):
    text = b"WALRUSD-V%02d-" % form + tag
    return bytes([len(text)]) + text


def u64(number):
    return number.to_bytes(8, "little")


def stream(seed, step, name, length):
    return blake3.blake3(tagged(b"RANDOM") + u64(step) + name.encode(), key=seed).digest(length)


def uniform(seed, step, name, shape, bound):
    """Return float32 values in [-bound, bound): 24 bits of each 32-bit word."""
    words = np.frombuffer(stream(seed, step, name, 4 * int(np.prod(shape))), "<u4")
    unit = (words.astype(np.int64) // 256 - 2**23) / 2.0**23
    return (unit.astype(F32) * F32(bound)).reshape(shape)


def batch_rows(seed, step, batch, rows):
    """Return the rows of a step, counted from 1: a piece of the permutation of its epoch."""
    pieces = rows // batch
    epoch, piece = (step - 1) // pieces, (step - 1) % pieces
    words = np.frombuffer(stream(seed, epoch, "order", 8 * rows), "<u8")
    order = sorted(range(rows), key=lambda row: (words[row], row))
    return order[piece * batch : (piece + 1) * batch]


def kept(seed, step, name, shape, threshold):
    """Return the mask of dropout: one byte for each element, kept if at least ``threshold``."""
    values = np.frombuffer(stream(seed, step, name, int(np.prod(shape))), np.uint8)
    return (values >= threshold).reshape(shape)
