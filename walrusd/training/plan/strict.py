"""Strict reading of JSON documents without floats: every refusal names the key and what it takes.

Floating-point parameters travel as hexadecimal text, so that a document has one meaning on every
machine and one canonical encoding.
"""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from walrusd.errors import PlanRefused
from walrusd.training.plan.numerals import parse_decimal, parse_hexadecimal


def canonical_json(value: Any) -> bytes:
    """Return the canonical JSON of ``value``: sorted keys, no spaces, ASCII (SPEC §0)."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode("ascii")


def round_to_float32(value: float) -> float:
    """Return the float32 nearest to ``value``, held in a Python float.

    Raises:
        OverflowError: if it is beyond float32.
    """
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded


def format_hex_float(value: float) -> str:
    """Return the canonical text of a float32 value, as C's ``%a`` (SPEC §0).

    That is ``float.hex`` without trailing zeros.
    """
    mantissa, exponent = float(value).hex().split("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}p{exponent}"


def _is_text(value: Any, longest: int) -> bool:
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        return False
    return value.isascii() and value.isprintable()


class Fields:
    """The members of one JSON object, taken one by one; ``finish`` refuses what was not taken.

    ``where`` is the object's own key, for messages. What takes a member names its key in the error.

    Raises:
        PlanRefused: if the value is not an object.
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, Mapping):
            raise PlanRefused(f"{where or 'the document'} is not an object")
        self._rest: dict[str, Any] = dict(value)
        self._where = where

    def _name(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def refuse(self, key: str, expected: str) -> PlanRefused:
        """Return the error for ``key``, saying what is expected there."""
        return PlanRefused(f"{self._name(key)} must be {expected}", key=self._name(key))

    def take(self, key: str, expected: str) -> Any:
        """Take any value; ``expected`` describes it in the error.

        Raises:
            PlanRefused: if the key is missing.
        """
        if key not in self._rest:
            raise PlanRefused(
                f"{self._name(key)} is missing; it must be {expected}", key=self._name(key)
            )
        return self._rest.pop(key)

    def integer(self, key: str, low: int, high: int) -> int:
        """Take an integer in ``low … high``. Raises PlanRefused if there is none."""
        expected = f"an integer from {low} to {high}"
        value = self.take(key, expected)
        if type(value) is not int or not low <= value <= high:
            raise self.refuse(key, expected)
        return value

    def integers(self, key: str, low: int, high: int, lengths: range) -> tuple[int, ...]:
        """Take a list of integers in ``low … high`` whose length lies in ``lengths``.

        Raises:
            PlanRefused: if there is none.
        """
        expected = f"a list of {lengths.start} to {lengths.stop - 1} integers from {low} to {high}"
        value = self.take(key, expected)
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) not in lengths:
            raise self.refuse(key, expected)
        if any(type(item) is not int or not low <= item <= high for item in value):
            raise self.refuse(key, expected)
        return tuple(value)

    def has(self, key: str) -> bool:
        """Return whether there is a member ``key`` that was not taken yet."""
        return key in self._rest

    def is_text(self, key: str) -> bool:
        """Return whether the member ``key``, not taken yet, is text."""
        return isinstance(self._rest.get(key), str)

    def boolean(self, key: str) -> bool:
        """Take true or false. Raises PlanRefused if there is neither."""
        value = self.take(key, "true or false")
        if type(value) is not bool:
            raise self.refuse(key, "true or false")
        return value

    def text(self, key: str, longest: int) -> str:
        """Take printable ASCII of 1 to ``longest`` characters. Raises PlanRefused if it is not."""
        expected = f"1 to {longest} printable ASCII characters"
        value = self.take(key, expected)
        if not _is_text(value, longest):
            raise self.refuse(key, expected)
        return str(value)

    def strings(self, key: str, lengths: range, longest: int) -> tuple[str, ...]:
        """Take a list of ``lengths`` texts, each as ``text`` takes it.

        Raises:
            PlanRefused: if there is none.
        """
        expected = f"a list of {lengths.start} to {lengths.stop - 1} texts"
        value = self.take(key, expected)
        if not isinstance(value, list) or len(value) not in lengths:
            raise self.refuse(key, expected)
        if not all(_is_text(item, longest) for item in value):
            raise self.refuse(key, expected)
        return tuple(value)

    def items(self, key: str, most: int) -> "list[Fields]":
        """Take a list of 1 to ``most`` objects. Raises PlanRefused if there is none."""
        expected = f"a list of 1 to {most} objects"
        value = self.take(key, expected)
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            raise self.refuse(key, expected)
        return [Fields(item, f"{self._name(key)}[{index}]") for index, item in enumerate(value)]

    def choice(self, key: str, *allowed: str) -> str:
        """Take one of the ``allowed`` strings. Raises PlanRefused if it is another value."""
        expected = " or ".join(f'"{word}"' for word in allowed)
        value = self.take(key, expected)
        if not isinstance(value, str) or value not in allowed:
            raise self.refuse(key, expected)
        return value

    def digest(self, key: str) -> bytes:
        """Take 32 bytes written as 64 lower-case hexadecimal digits.

        Raises:
            PlanRefused: if it is another value.
        """
        expected = "64 lower-case hexadecimal digits"
        value = self.take(key, expected)
        if (
            not isinstance(value, str)
            or len(value) != 64
            or any(digit not in "0123456789abcdef" for digit in value)
        ):
            raise self.refuse(key, expected)
        return bytes.fromhex(value)

    def float32(self, key: str, low: float, high: float) -> float:
        """Take a float32 in ``low … high`` from hexadecimal or decimal text.

        The grammar is that of ``numerals.py``. Hexadecimal text must be exactly a float32; decimal
        text, which people write, is rounded to the nearest float64 and then to the nearest float32,
        and the bounds hold for the result. A JSON number is refused.

        Raises:
            PlanRefused: if it is another value.
        """
        expected = f"a float32 from {low} to {high} as hexadecimal or decimal text"
        value = self.take(key, expected)
        if not isinstance(value, str):
            raise self.refuse(key, expected)
        hexadecimal = "0x" in value.lower()
        try:
            number = parse_hexadecimal(value) if hexadecimal else parse_decimal(value)
            rounded = round_to_float32(number)
        except (ValueError, OverflowError) as error:
            raise self.refuse(key, expected) from error
        if not math.isfinite(rounded) or not low <= rounded <= high:
            raise self.refuse(key, expected)
        if hexadecimal and rounded != number:
            raise self.refuse(key, "exactly a float32")
        return rounded + 0.0

    def fields(self, key: str) -> "Fields":
        """Take an object. Raises PlanRefused if there is none."""
        return Fields(self.take(key, "an object"), self._name(key))

    def finish(self) -> None:
        """Refuse any key that was not taken. Raises PlanRefused if there is one."""
        if self._rest:
            key = self._name(min(self._rest))
            raise PlanRefused(f"{key} is not a known key", key=key)
