"""One mutant: a module with one change, and how it is named, compared and shown."""

import difflib
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.mutants.operators import Change, find_changes
from tests.mutants.source import Source


@dataclass(frozen=True)
class Mutant:
    """A module with one change. ``line`` is where it begins, ``last`` where it ends."""

    file: str
    line: int
    last: int
    operator: str
    start: int
    end: int
    text: str
    before: str
    after: str

    @property
    def room(self) -> str:
        """The folder of the program that it is in."""
        return self.file.split("/")[1]

    @property
    def name(self) -> str:
        """What tells it from every other mutant of the same tree."""
        return f"{self.file}:{self.line} {self.operator} {self.start}-{self.end} {self.text!r}"

    def apply(self, data: bytes) -> bytes:
        """Return the bytes of the changed module."""
        return data[: self.start] + self.text.encode() + data[self.end :]

    def make_diff(self, data: bytes) -> str:
        """Return the change as a unified diff with two lines around it."""
        old, new = data.decode().splitlines(), self.apply(data).decode().splitlines()
        return "\n".join(difflib.unified_diff(old, new, self.file, self.file, n=2, lineterm=""))


def list_mutants(source: Source) -> Iterator[Mutant]:
    """Yield every mutant of a module, in the order of its text."""
    for change in find_changes(source):
        yield _make_mutant(source, change)


def changes_anything(mutant: Mutant, data: bytes) -> bool:
    """Return whether a module still compiles when it is changed, and to something else."""
    try:
        changed = _compile(mutant.file, mutant.apply(data))
    except SyntaxError:
        return False
    return bool(changed != _compile(mutant.file, data))


def _make_mutant(source: Source, change: Change) -> Mutant:
    line, last = source.line_at(change.start), source.line_at(max(change.start, change.end - 1))
    begin = source.data.rfind(b"\n", 0, change.start) + 1
    end = source.data.find(b"\n", change.end)
    end = len(source.data) if end < 0 else end
    before = source.data[begin:end].decode()
    after = (
        source.data[begin : change.start] + change.text.encode() + source.data[change.end : end]
    ).decode()
    return Mutant(
        file=source.path,
        line=line,
        last=last,
        before=" ".join(before.split()),
        after=" ".join(after.split()),
        **change._asdict(),
    )


def _compile(path: str, data: bytes) -> Any:
    return _strip(compile(data, path, "exec", dont_inherit=True, optimize=0))


def _strip(code: types.CodeType) -> Any:
    """Return what a code object does, without where it stands."""
    constants = tuple(
        _strip(constant) if isinstance(constant, types.CodeType) else (type(constant), constant)
        for constant in code.co_consts
    )
    return code.co_name, code.co_code, code.co_names, code.co_varnames, repr(constants)
