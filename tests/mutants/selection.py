"""The tests that must notice a mutant, in the order in which they are run.

First those that execute the changed line; then the others of the same modules, because a fixture or
a cached function may have executed it for them. If none does, another process may: those that
execute anything else of its module. What is executed when a module is imported belongs to no test:
those that execute anything of that module must notice it, then all of the room.
Within each group the fastest come first, and each batch of tests is run in a process of its own.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.mutants.mutant import Mutant
from tests.mutants.source import Source

BATCHES_S = (3.0, 20.0)
"""Seconds of tests after which the next batch begins."""

MOST_S = 120.0
"""Seconds of tests that a mutant must survive; the report says how many tests that left out."""


@dataclass
class Selection:
    """Tests of one mutant, and how many more there would have been."""

    batches: list[list[str]]
    left_out: int = 0

    @property
    def count(self) -> int:
        """How many tests there are."""
        return sum(map(len, self.batches))


@dataclass
class Index:
    """Which tests execute what."""

    seconds: dict[str, float] = field(default_factory=dict)
    by_line: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    by_file: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    by_module: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, recorded: Mapping[str, Any]) -> None:
        """Add what is recorded of one test module."""
        for test, found in recorded["tests"].items():
            self.seconds[test] = found["seconds"]
            self.by_module[recorded["module"]].add(test)
            for file, lines in found["lines"].items():
                self.by_file[file].add(test)
                for line in lines:
                    self.by_line[file, line].add(test)

    def select(self, mutant: Mutant, source: Source) -> Selection:
        """Return the tests that must notice ``mutant``; none if none executes its module."""
        statement, inside = find_statement(source, mutant.start)
        groups: list[Iterable[str]]
        if inside:
            lines = {statement, *range(mutant.line, mutant.last + 1)}
            exact = set().union(*(self.by_line.get((mutant.file, line), ()) for line in lines))
            exact = exact or self.by_file.get(mutant.file, set())
            modules = {test.partition("::")[0] for test in exact}
            groups = [exact, set().union(*(self.by_module[module] for module in modules))]
        else:
            room = f"tests/{mutant.room}/"
            nearest = [test for test in self.seconds if test.startswith(room)]
            others = self.by_file.get(mutant.file, set())
            groups = [others & set(nearest), others, nearest]
        return self._order(groups)

    def _order(self, groups: Iterable[Iterable[str]]) -> Selection:
        chosen: dict[str, None] = {}
        for group in groups:
            chosen |= dict.fromkeys(sorted(group, key=lambda test: (self.seconds[test], test)))
        batches: list[list[str]] = [[]]
        total, kept = 0.0, 0
        for test in chosen:
            total += self.seconds[test]
            if total > MOST_S and kept:
                break
            at = len(batches) - 1
            if at < len(BATCHES_S) and total > BATCHES_S[at] and batches[-1]:
                batches.append([])
            batches[-1].append(test)
            kept += 1
        return Selection([batch for batch in batches if batch], len(chosen) - kept)


def find_statement(source: Source, offset: int) -> tuple[int, bool]:
    """Return the line where the statement at ``offset`` begins, and whether a function has it."""
    line, inside = source.line_at(offset), False
    parts: list[ast.AST] = [source.tree]
    while parts:
        node = parts.pop()
        for child in ast.iter_child_nodes(node):
            if not hasattr(child, "lineno"):
                parts.append(child)
                continue
            start, end = source.span(child)
            if start <= offset < end:
                if isinstance(child, ast.stmt):
                    line = child.lineno
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                    body = node.body if isinstance(node.body, list) else [node.body]
                    inside = inside or child in body
                parts.append(child)
    return line, inside
