"""Lays out output for people: a table if it fits the width, else records.

Ids are copied, so no layout breaks a word or leaves out a column. A line with a word wider than the
screen is left to the terminal, which wraps it without a line break.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

from walrusd.text import make_printable

GAP = 2
NARROWEST_PROSE = 24
"""The least width of a wrapped column of prose."""
UNLIMITED = 1 << 20
"""The width of a pipe or a file, which has none."""
_LABEL = "bold"


class PrintableConsole(Console):
    """A console that makes all text printable.

    Our own styles are not affected: they are added when a segment is written.
    """

    def render(
        self, renderable: object, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as rich does, and make every piece of text printable."""
        for segment in super().render(renderable, options):  # type: ignore[arg-type]  # any object, as rich checks itself
            if segment.control:
                yield segment
            else:
                yield Segment(make_printable(segment.text, lines=True), segment.style)


@dataclass(frozen=True)
class Column:
    """A column's heading and kind. Numbers are right-aligned; prose may be wrapped."""

    heading: str
    is_number: bool = False
    is_prose: bool = False


class Listing:
    """Rows of the same columns: a table if it fits, else records."""

    def __init__(
        self, columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str | None = None
    ) -> None:
        """Take rows whose cells are one line of printable text each."""
        self._columns = columns
        self._rows = rows
        self._title = title

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield line by line."""
        if self._title is not None:
            yield _line(Text(self._title, "italic"))
        if not self._columns:
            return
        widths = compute_widths(self._columns, self._rows, options.max_width)
        if widths is None:
            for number, row in enumerate(self._rows):
                if number:
                    yield _line(Text())
                pairs = [
                    (f"{c.heading}:", cell) for c, cell in zip(self._columns, row, strict=True)
                ]
                yield Record(pairs)
            return
        yield _line(self._join([c.heading for c in self._columns], widths, _LABEL))
        for row in self._rows:
            cells = [wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
            for number in range(max(map(len, cells))):
                parts = [cell[number] if number < len(cell) else "" for cell in cells]
                yield _line(self._join(parts, widths, ""))

    def _join(self, parts: Sequence[str], widths: Sequence[int], style: str) -> Text:
        shown = []
        for column, part, width in zip(self._columns, parts, widths, strict=True):
            space = " " * (width - cell_len(part))
            shown.append(space + part if column.is_number else part + space)
        return Text((" " * GAP).join(shown).rstrip(), style)


class Record:
    """One record: a label and a value per line. A value may have several lines."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs = pairs

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield line by line."""
        indent = max((cell_len(label) for label, _ in self._pairs), default=0) + GAP
        for label, value in self._pairs:
            start = Text(label, _LABEL)
            if longest_word(value) > options.max_width - indent:
                # A long id has more room below its label.
                yield _line(start)
                yield from _indented(wrap(value, options.max_width - GAP), GAP)
                continue
            first, *rest = wrap(value, options.max_width - indent)
            start.append(" " * (indent - cell_len(label)) + first, "not bold")
            yield _line(start)
            yield from _indented(rest, indent)


def compute_widths(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int
) -> list[int] | None:
    """Return the width of each column, or None if not even the narrowest table fits."""
    natural, least = [], []
    for number, column in enumerate(columns):
        cells = [column.heading, *(row[number] for row in rows)]
        natural.append(max(map(cell_len, cells)))
        narrow = max(min(natural[-1], NARROWEST_PROSE), *map(longest_word, cells))
        least.append(narrow if column.is_prose else natural[-1])
    spare = width - sum(least) - GAP * (len(columns) - 1)
    if spare < 0:
        return None
    widths = least
    for number, wanted in enumerate(natural):
        more = min(spare, wanted - widths[number])
        widths[number] += more
        spare -= more
    return widths


def longest_word(text: str) -> int:
    """Return the width of the widest word, which is never broken."""
    return max(map(cell_len, text.split()), default=0)


def wrap(text: str, width: int) -> list[str]:
    """Break a text between words into lines of a width; its own line breaks are kept."""
    found: list[str] = []
    for paragraph in text.split("\n"):
        if cell_len(paragraph) <= width:
            found.append(paragraph)
            continue
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and cell_len(longer) > width:
                found.append(line)
                longer = word
            line = longer
        found.append(line)
    return found


def _indented(lines: Sequence[str], indent: int) -> Iterator[Text]:
    for line in lines:
        yield _line(Text(" " * indent + line))


def _line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ignore"
    return text
