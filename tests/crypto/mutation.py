"""Byte mutation in the manner of libFuzzer, from a seed, without an engine."""

import random

INTERESTING = [0, 1, 0x7F, 0x80, 0xFF, 0x18, 0x1A, 0x1B, 0x58, 0x5F, 0x9F, 0xBF, 0xC0, 0xF6]


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return ``data`` changed in one to four places; never ``data`` itself."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 4])):
        _mutate_once(changed, rng)
    while bytes(changed) == data:
        _mutate_once(changed, rng)
    return bytes(changed)


def _mutate_once(data: bytearray, rng: random.Random) -> None:
    size = len(data)
    at = rng.randrange(size + 1)
    match rng.randrange(9):
        case 0 | 1 if at < size:
            data[at] ^= 1 << rng.randrange(8)
        case 2 if at < size:
            data[at] = rng.choice(INTERESTING)
        case 3 if at < size:
            data[at] = rng.randrange(256)
        case 4:
            data[at:at] = rng.randbytes(rng.choice([1, 1, 2, 4, 8, 32]))
        case 5 if size:
            del data[at : at + rng.choice([1, 1, 2, 4, 8, 32])]
        case 6 if at < size:
            width = rng.choice([1, 2, 4, 8, 32, 48])
            other = rng.randrange(size)
            data[at : at + width] = data[other : other + width]
        case 7 if at + 8 <= size:
            value = rng.choice([0, 1, 255, 256, 65535, 1 << 31, (1 << 32) - 1, (1 << 64) - 1])
            data[at : at + 8] = value.to_bytes(8, rng.choice(["little", "big"]))
        case 8 if size:
            del data[at:]
        case _:
            data.append(rng.randrange(256))
