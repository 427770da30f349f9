"""What docstrings owe a caller: they exist, name the errors of a body, and explain shapes."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from walrusd import errors

ROOT = Path(__file__).resolve().parents[2] / "walrusd"
ROOMS = ("core", "crypto", "training")

ERRORS = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, errors.WalrusdError)
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name in {"__init__", "__post_init__"}


def _public(
    body: list[ast.stmt], owner: str = "", outer: str = ""
) -> Iterator[tuple[str, Function | ast.ClassDef, str]]:
    """Yield each public function and class with its name and the docstring that documents it.

    A class's docstring documents its construction too.
    """
    for node in body:
        if isinstance(node, ast.ClassDef) and _is_public(node.name):
            own = ast.get_docstring(node) or ""
            yield owner + node.name, node, own
            yield from _public(node.body, f"{owner}{node.name}.", own)
        elif isinstance(node, Function) and _is_public(node.name):
            own = ast.get_docstring(node) or ""
            yield owner + node.name, node, own + outer if node.name.startswith("__") else own


def _is_overload(node: Function | ast.ClassDef) -> bool:
    return any("overload" in ast.unparse(each) for each in node.decorator_list)


def _raised(node: ast.AST) -> set[str]:
    """Return the names of the typed errors that a function raises itself, not in inner ones."""
    found = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(child, ast.Raise) and child.exc is not None:
            error = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
            name = error.attr if isinstance(error, ast.Attribute) else ast.unparse(error)
            # ``raise fields.refuse(…)`` raises what ``Fields.refuse`` returns.
            found |= {"PlanRefused"} if name == "refuse" else {name} & ERRORS.keys()
        found |= _raised(child)
    return found


def _names_it(docstring: str, error: str) -> bool:
    """Return whether a docstring says that ``error``, or a base of it, is raised."""
    _before, found, after = docstring.partition("Raises")
    bases = {kind.__name__ for kind in ERRORS[error].__mro__} & ERRORS.keys()
    return bool(found) and any(name in after for name in bases)


def _everything() -> Iterator[tuple[str, Function | ast.ClassDef, str]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            where = path.relative_to(ROOT).as_posix()
            for name, node, docstring in _public(ast.parse(path.read_text("utf-8")).body):
                yield f"{where}:{node.lineno} {name}", node, docstring


def test_everything_public_has_a_docstring() -> None:
    bare = [where for where, node, docstring in _everything() if not docstring and _owes(node)]
    assert not bare, "\n".join(["without a docstring:", *bare])


def _owes(node: Function | ast.ClassDef) -> bool:
    return not node.name.startswith("__") and not _is_overload(node)


def test_docstrings_name_the_typed_errors_of_their_body() -> None:
    silent = [
        f"{where}: {error}"
        for where, node, docstring in _everything()
        if not isinstance(node, ast.ClassDef)
        for error in sorted(_raised(node))
        if not _names_it(docstring, error)
    ]
    assert not silent, "\n".join(["``Raises`` lacks:", *silent])


SHAPED = ("operators", "q8r", "layers", "native", "run", "dispute")
"""The rooms of training whose lines carry shapes, such as ``# (b, h, t, d)``."""


def test_the_letters_of_shapes_are_explained_once() -> None:
    operators = ast.parse((ROOT / "training" / "operators" / "__init__.py").read_text("utf-8"))
    lines = re.findall(r"^    (\w(?:, \w)*)  ", ast.get_docstring(operators) or "", re.MULTILINE)
    explained = {letter for line in lines for letter in line.split(", ")}
    assert {"b", "h", "t", "d"} <= explained
    for room in SHAPED:
        for path in sorted((ROOT / "training" / room).rglob("*.py")):
            for shape in re.findall(r"# (\(.*\))", path.read_text("utf-8")):
                unknown = set(re.findall(r"(?<!\w)[a-zA-Z](?!\w)", shape)) - explained
                assert not unknown, f"{path}: {shape} has letters without an explanation"


def test_the_check_sees_what_is_missing() -> None:
    source = '''
class Box:
    """A box."""

    def __init__(self):
        raise MalformedPoint("in the constructor")

    def open(self, fields):
        """Open it. Raises MalformedData if it is shut."""
        if fields:
            raise fields.refuse("key", "something")
        raise MalformedPoint("a kind of MalformedData")
'''
    found = {name: (node, text) for name, node, text in _public(ast.parse(source).body)}
    assert _raised(found["Box.__init__"][0]) == {"MalformedPoint"}
    assert not _names_it(found["Box.__init__"][1], "MalformedPoint")
    assert _raised(found["Box.open"][0]) == {"MalformedPoint", "PlanRefused"}
    assert _names_it(found["Box.open"][1], "MalformedPoint")
    assert not _names_it(found["Box.open"][1], "PlanRefused")
