"""Text of strangers, made fit for a terminal or a log.

Titles, descriptions, reasons and error texts come from people and programs that nobody vouches
for. Written raw, a few control characters erase lines above, fill the clipboard, or turn the
direction of reading. Whatever prints for people passes its text through here, last of all; so text
from a new source is covered as well. JSON needs it not: it escapes the same characters itself.

Imports nothing but the standard library, so that the client starts quickly.
"""

import unicodedata
from itertools import chain

MAX_MARKS = 4
"""Combining marks on one character that are shown; more of them pile up over other lines."""

# Shown as nothing at all, though Unicode calls them letters or marks (Default_Ignorable).
_INVISIBLE = frozenset(
    chain(
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0),
        range(0x180B, 0x1810),
        range(0xFE00, 0xFE10),
        range(0xE0100, 0xE01F0),
    )
)
# The vowels and final consonants of Korean syllables in parts: letters without a width of their
# own, which pile up as marks do.
_JOINED = frozenset(chain(range(0x1161, 0x1200), range(0xD7B0, 0xD7FC)))
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def make_printable(text: str, limit: int | None = None, *, lines: bool = False) -> str:
    """Return ``text`` with everything escaped that does more than show one character.

    Escaped, as in Python's string literals: control characters (ESC, DEL and C1 included), format
    characters such as marks of direction and of zero width, separators of lines, lone surrogates,
    private and unassigned characters, and combining marks beyond ``MAX_MARKS``. Every kind of
    space is shown as a plain one.

    Args:
        text: what somebody wrote.
        limit: the most characters to return; what is cut ends in ``…``.
        lines: keep line breaks, and show tabs as spaces: for paragraphs and tracebacks.
    """
    if limit is not None and len(text) > limit:
        # No character gets shorter, so what lies beyond the limit is never shown.
        text, is_cut = text[:limit], True
    else:
        is_cut = False
    if lines:
        text = text.replace("\r\n", "\n").expandtabs(4)
    if not (text.isascii() and text.isprintable()):
        text = _escape(text, keep="\n" if lines else "")
    if limit is not None and (is_cut or len(text) > limit):
        return text[: max(0, limit - 1)] + "…"
    return text


def _escape(text: str, keep: str) -> str:
    shown: list[str] = []
    marks = MAX_MARKS  # at the beginning there is nothing that a mark could belong to
    for char in text:
        category = unicodedata.category(char)
        if char in keep:
            shown.append(char)
            marks = MAX_MARKS
        elif category in {"Mn", "Me"} or ord(char) in _JOINED:
            marks += 1
            is_shown = marks <= MAX_MARKS and char.isprintable() and ord(char) not in _INVISIBLE
            shown.append(char if is_shown else _name(char))
        elif category == "Zs":
            shown.append(" ")
            marks = MAX_MARKS
        else:
            is_shown = char.isprintable() and ord(char) not in _INVISIBLE
            shown.append(char if is_shown else _name(char))
            marks = 0 if is_shown else MAX_MARKS
    return "".join(shown)


def _name(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
