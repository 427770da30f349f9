"""A module of the program, and the parts of it that may be changed.

Left out: annotations, decorators, imports, docstrings and every other text (nobody should have to
repeat a sentence in a test), log calls, assertions (they state what cannot happen), ``__repr__``
and ``__str__``.
"""

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

_LOGS = {"log", "logger", "_log"}
_FOR_PEOPLE = {"__repr__", "__str__"}


class Source:
    """The bytes of a module and its tree; positions are byte offsets, as those of ``ast`` are."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path, self.data = path, data
        self.tree = ast.parse(data, filename=path)

    @classmethod
    def read(cls, root: Path, path: str) -> "Source":
        """Return the module at ``path``, relative to ``root``."""
        return cls(path, (root / path).read_bytes())

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        for line in self.data.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return where ``node`` begins and ends."""
        return (
            self._line_starts[node.lineno - 1] + node.col_offset,
            self._line_starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def text(self, node: ast.AST) -> str:
        """Return the text of ``node``."""
        start, end = self.span(node)
        return self.data[start:end].decode()

    def line_at(self, offset: int) -> int:
        """Return the number of the line with the byte at ``offset``, counted from 1."""
        return self.data.count(b"\n", 0, offset) + 1

    def walk(self) -> Iterator[ast.AST]:
        """Yield every node that may be changed, in the order of the text."""
        yield from _walk(self.tree)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    if _is_left_out(node):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params", "bases"}:
            continue
        children = value if isinstance(value, list) else [value]
        for child in children:
            if isinstance(child, ast.AST):
                yield from _walk(child)


def _is_left_out(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.JoinedStr():
            return True
        case ast.Expr(value=ast.Constant()):
            return True  # a docstring, or the one of a constant
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
            return name in _LOGS
        case ast.Expr(value=ast.Call() as call):
            return _is_left_out(call)
        case ast.Call(func=ast.Name(id="TypeVar" | "NewType" | "ParamSpec")):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.FunctionDef(name=name):
            return name in _FOR_PEOPLE
    return False
