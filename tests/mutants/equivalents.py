"""Mutants that need not be noticed, each with the reason: ``equivalents.toml``.

An entry names a file, a line of it as it stands (spaces aside), and the same line when it is
changed. ``becomes = "*"`` stands for every change of the line. An entry that fits no mutant of the
tree is an error: the code has changed, and the reason may no longer hold. So is one whose line
stands twice in its file: the reason may hold for one place only.
"""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutant import Mutant, list_mutants
from tests.mutants.source import Source

ANY = "*"


@dataclass(frozen=True)
class Equivalent:
    """A change that makes no difference that a test should notice."""

    file: str
    line: str
    becomes: str
    reason: str

    def fits(self, mutant: Mutant) -> bool:
        """Return whether ``mutant`` is this change."""
        return (self.file, self.line) == (mutant.file, mutant.before) and (
            self.becomes in {mutant.after, ANY}
        )


def read_equivalents(path: Path) -> list[Equivalent]:
    """Return the entries of a file.

    Raises:
        ValueError: if an entry gives no reason.
    """
    entries = tomllib.loads(path.read_text("utf-8")).get("equivalent", [])
    found = [Equivalent(**entry) for entry in entries]
    for entry in found:
        if len(entry.reason.split()) < 4:
            raise ValueError(f"{entry.file}: {entry.line!r} gives no reason")
    return found


def find_stale(entries: Iterable[Equivalent], root: Path) -> list[Equivalent]:
    """Return the entries that fit no mutant of the tree, or mutants of several lines."""
    stale = []
    mutants: dict[str, Sequence[Mutant]] = {}
    for entry in entries:
        if entry.file not in mutants:
            exists = (root / entry.file).is_file()
            source = Source.read(root, entry.file) if exists else None
            mutants[entry.file] = list(list_mutants(source)) if source else []
        if len({mutant.line for mutant in mutants[entry.file] if entry.fits(mutant)}) != 1:
            stale.append(entry)
    return stale
