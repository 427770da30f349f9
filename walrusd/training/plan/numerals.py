"""Numbers as text: the grammar of SPEC §0, ASCII and nothing around it.

Python's own readers take more, such as blanks, underscores, digits of other scripts and the word
``nan``; what they make of a text is not part of any definition. Reading takes time linear in the
length of the text.
"""

import re

# The point stands in one group with the digits after it. With ``[0-9]+\.?[0-9]*`` a text that does
# not match could be split in as many ways as it has digits: a stranger's plan would occupy a daemon
# for hours.
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEXADECIMAL = re.compile(
    r"[+-]?0[xX](?:[0-9a-fA-F]+(?:\.[0-9a-fA-F]*)?|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?"
)


def parse_decimal(text: str) -> float:
    """Return the float64 nearest to a decimal number; infinity beyond its range.

    Raises:
        ValueError: if ``text`` is not such a number.
    """
    if not _DECIMAL.fullmatch(text):
        raise ValueError("not a decimal number")
    return float(text)


def parse_hexadecimal(text: str) -> float:
    """Return the float64 nearest to a hexadecimal number.

    Raises:
        ValueError: if ``text`` is not such a number.
        OverflowError: if it is beyond float64.
    """
    if not _HEXADECIMAL.fullmatch(text):
        raise ValueError("not a hexadecimal number")
    return float.fromhex(text)
