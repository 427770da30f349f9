"""Powers modulo n²: many powers of one base, and products of powers of many bases."""

import math
from collections.abc import Sequence
from typing import Any

from gmpy2 import mpz, powmod


class FixedBase:
    """``base^e mod m`` for exponents of a fixed width: one multiplication per byte of ``e``.

    The table of Brickell, Gordon, McCurley and Wilson (Eurocrypt 1992) with windows of a byte has
    255 powers per byte: 38 MB and 0.4 s for 3072-bit keys. Look-ups depend on the exponent, so
    this does not run in constant time.
    """

    def __init__(self, base: Any, modulus: Any, exponent_bytes: int) -> None:
        self._modulus = modulus
        self._table: list[list[Any]] = []
        step = mpz(base)
        for _ in range(exponent_bytes):
            row = [mpz(1)]
            for _ in range(255):
                row.append(row[-1] * step % modulus)
            self._table.append(row)
            step = row[-1] * step % modulus

    def power(self, exponent: bytes) -> Any:
        """Return ``base^e``, ``e`` little-endian in the width of the table.

        Raises:
            ValueError: if the exponent has another width.
        """
        result, modulus = mpz(1), self._modulus
        for row, digit in zip(self._table, exponent, strict=True):
            if digit:
                result = result * row[digit] % modulus
        return result


def compute_product_of_powers(
    bases: Sequence[Any], exponents: Sequence[int], exponent_bits: int, modulus: Any
) -> Any:
    """Return ``Π bases[i]^exponents[i] mod modulus`` by the buckets of Pippenger (1976).

    Raises:
        ValueError: if there is not one exponent per base, or one is negative or too long.
    """
    if len(bases) != len(exponents):
        raise ValueError(f"{len(exponents)} exponents for {len(bases)} bases")
    if any(exponent < 0 or exponent >> exponent_bits for exponent in exponents):
        raise ValueError(f"an exponent is not between 0 and 2**{exponent_bits}")
    window = max(2, min(14, int(math.log2(max(len(bases), 4))) - 2))
    mask = (1 << window) - 1
    total = mpz(1)
    for shift in range((-(-exponent_bits // window) - 1) * window, -1, -window):
        total = powmod(total, 1 << window, modulus)
        buckets: list[Any] = [None] * (mask + 1)
        for base, exponent in zip(bases, exponents, strict=True):
            digit = (exponent >> shift) & mask
            if digit:
                held = buckets[digit]
                buckets[digit] = base if held is None else held * base % modulus
        # This is Π bucket^digit: the running product from the top counts once per digit.
        running = folded = mpz(1)
        for digit in range(mask, 0, -1):
            if buckets[digit] is not None:
                running = running * buckets[digit] % modulus
            folded = folded * running % modulus
        total = total * folded % modulus
    return total
