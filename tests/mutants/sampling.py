"""Which mutants a run tries: the same for the same tree and seed."""

import random
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.equivalents import Equivalent
from tests.mutants.mutant import Mutant, changes_anything, list_mutants
from tests.mutants.source import Source


def read_room(root: Path, room: str) -> list[Source]:
    """Return the modules of a room."""
    paths = sorted((root / "walrusd" / room).rglob("*.py"))
    return [Source.read(root, str(path.relative_to(root))) for path in paths]


def draw(
    sources: Sequence[Source], count: int, seed: str, equivalents: Sequence[Equivalent] = ()
) -> list[Mutant]:
    """Return up to ``count`` mutants, each of another line: every line is as likely as another.

    A larger ``count`` adds mutants to those of a smaller one. What changes nothing, or is known to
    make no difference, is passed over.
    """
    generator = random.Random(seed)
    by_line: dict[tuple[str, int], list[Mutant]] = {}
    texts = {source.path: source.data for source in sources}
    for source in sources:
        for mutant in list_mutants(source):
            by_line.setdefault((mutant.file, mutant.line), []).append(mutant)
    lines = sorted(by_line)
    generator.shuffle(lines)
    drawn: list[Mutant] = []
    for line in lines:
        if len(drawn) == count:
            break
        mutants = by_line[line]
        generator.shuffle(mutants)
        for mutant in mutants:
            known = any(entry.fits(mutant) for entry in equivalents)
            if not known and changes_anything(mutant, texts[mutant.file]):
                drawn.append(mutant)
                break
    return drawn
