"""Untrusted text, made safe to print on a terminal or write to a log.

Titles, descriptions, reasons and error texts come from unknown people and programs.
Printed raw, control characters can erase earlier lines, fill the clipboard, or reverse the reading
direction. Everything that prints for people passes its text through here as the last
step, so text from a new source is covered too. JSON escapes these characters by itself.

Imports only the standard library, so that the client starts quickly.
"""

import unicodedata
from itertools import chain

MAX_MARKS = 4
"""The most combining marks shown on one character; more would cover other lines."""

# Invisible, though Unicode calls them letters or marks (Default_Ignorable_Code_Point).
_INVISIBLE = frozenset(
    chain(
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0),
        range(0x180B, 0x1810),
        range(0xFE00, 0xFE10),
        range(0xE0100, 0xE01F0),
    )
)
# Conjoining Hangul vowels and final consonants: letters of zero width, which stack like marks.
_JOINED = frozenset(chain(range(0x1161, 0x1200), range(0xD7B0, 0xD7FC)))
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def make_printable(text: str, limit: int | None = None, *, lines: bool = False) -> str:
    """Return ``text`` with every character escaped that does more than show itself.

    Escaped, as in Python's string literals: control characters (ESC, DEL and C1 included), format
    characters such as direction marks and zero-width joiners, line separators, lone surrogates,
    private-use and unassigned characters, and combining marks beyond ``MAX_MARKS``. Every kind of
    space becomes a plain one.

    Args:
        text: untrusted text.
        limit: the most characters to return; a text that was cut ends in ``…``.
        lines: keep line breaks, and show tabs as spaces: for paragraphs and tracebacks.
    """
    if limit is not None and len(text) > limit:
        # Escaping never shortens, so characters beyond the limit are never shown.
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
    marks = MAX_MARKS  # at the beginning there is no character that a mark could belong to
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
