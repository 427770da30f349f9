"""What reaches a terminal or a log does nothing but show characters."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walrusd.text import MAX_MARKS, make_printable

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=60)
SPECIAL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("digits", "digits"),
        ("Größe 数据集 😀", "Größe 数据集 😀"),
        ("\x1b[1A\x1b[2Kpaid", "\\x1b[1A\\x1b[2Kpaid"),
        ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
        ("a\rb\nc\td", "a\\rb\\nc\\td"),
        ("\x7f\x80\x9b31m\x9f", "\\x7f\\x80\\x9b31m\\x9f"),
        ("\u202egnp.exe\u2066\u061c", "\\u202egnp.exe\\u2066\\u061c"),
        ("a\u200bb\u200d\ufeff\u00ad", "a\\u200bb\\u200d\\ufeff\\xad"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("\ud800\udc9b", "\\ud800\\udc9b"),
        ("\U000e0041\U000e0101\ufe0f\u3164", "\\U000e0041\\U000e0101\\ufe0f\\u3164"),
        ("a\u00a0b\u3000c", "a b c"),
        ("e\u0301", "e\u0301"),
        ("\u0301e", "\\u0301e"),
        ("\u1112\u1161\u11ab", "\u1112\u1161\u11ab"),
        ("a" + "\u1161\ud7cb" * 3, "a" + "\u1161\ud7cb" * 2 + "\\u1161\\ud7cb"),
        ("\u11a8", "\\u11a8"),
        ("e" + "\u0301" * 6, "e" + "\u0301" * 4 + "\\u0301" * 2),
    ],
)
def test_what_does_more_than_show_a_character_is_escaped(text: str, shown: str) -> None:
    assert make_printable(text) == shown


def test_paragraphs_keep_their_lines_and_nothing_else() -> None:
    assert make_printable("a\r\nb\n\tc\rd\x1b", lines=True) == "a\nb\n    c\\rd\\x1b"


def test_long_text_is_cut() -> None:
    assert make_printable("abcdef", 6) == "abcdef"
    assert make_printable("abcdefg", 6) == "abcde…"
    assert make_printable("\x1b" * 9, 6) == "\\x1b\\…"
    assert len(make_printable("\x1b" * 1_000_000, 100)) == 100


@given(ANY_TEXT, st.booleans())
def test_any_text_becomes_printable(text: str, lines: bool) -> None:
    shown = make_printable(text, lines=lines)
    kept = shown.replace("\n", "") if lines else shown
    assert all(c.isprintable() for c in kept)
    assert not {unicodedata.category(c) for c in kept} & SPECIAL
    assert make_printable(shown, lines=lines) == shown, "it may pass through more than once"
    shown.encode()
    run = 0
    for char in shown:
        run = run + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        assert run <= MAX_MARKS


@given(ANY_TEXT, st.integers(1, 20))
def test_a_limit_holds(text: str, limit: int) -> None:
    assert len(make_printable(text, limit)) <= limit
