"""What a mutant does: one small change of one expression or statement.

The operators are those of the literature (comparison, arithmetic, logic, constant, statement), and
four that fit this program: rounding, dropped arguments, dropped bounds and dropped exceptions. They
change bytes where ``ast`` says that a node is; all else of the module stays as it was.
"""

import ast
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.mutants.source import Source

COMPARISONS = {
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
ARITHMETIC = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "//"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "//"),
    ast.Pow: ("**", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
}
OPPOSITES = {"min": "max", "max": "min", "any": "all", "all": "any"}
PROSE = {"hint", "message", "reason", "sentence", "label", "help"}
"""Arguments that are texts for people."""


class Change(NamedTuple):
    """One change: the bytes from ``start`` to ``end`` become ``text``."""

    operator: str
    start: int
    end: int
    text: str


def find_changes(source: Source) -> Iterator[Change]:
    """Yield every change of a module, in the order of its text."""
    for node in source.walk():
        for operator in OPERATORS:
            yield from operator(source, node)


def _replace(source: Source, name: str, node: ast.AST, text: str) -> Change:
    return Change(name, *source.span(node), text)


def _between(
    source: Source, name: str, sign: tuple[str, str], left: ast.AST, right: ast.AST
) -> Iterator[Change]:
    """Replace the sign between two operands; parentheses and line breaks may stand there too."""
    start, end = source.span(left)[1], source.span(right)[0]
    pattern = r"\s+".join(re.escape(word) for word in sign[0].split()).encode()
    found = re.search(pattern, source.data[start:end])
    if found:
        yield Change(name, start + found.start(), start + found.end(), sign[1])


def change_comparison(source: Source, node: ast.AST) -> Iterator[Change]:
    """``<`` becomes ``<=`` or ``>=``, ``==`` becomes ``!=``, and so on."""
    if isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
        for operator, left, right in zip(node.ops, operands, operands[1:], strict=False):
            sign, others = COMPARISONS[type(operator)]
            for other in others:
                yield from _between(source, "comparison", (sign, other), left, right)


def change_arithmetic(source: Source, node: ast.AST) -> Iterator[Change]:
    """``+`` becomes ``-``, and so on; a quotient is rounded up."""
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        if _is_text(node.left) or _is_text(node.right):
            return  # a text or a path is joined
        sign = ARITHMETIC[type(node.op)]
        yield from _between(source, "arithmetic", sign, node.left, node.right)
        if isinstance(node.op, ast.FloorDiv):
            left, right = source.text(node.left), source.text(node.right)
            yield _replace(source, "rounding", node, f"(-(-({left}) // ({right})))")
    elif isinstance(node, ast.AugAssign) and type(node.op) in ARITHMETIC:
        sign = ARITHMETIC[type(node.op)]
        changed = (f"{sign[0]}=", f"{sign[1]}=")
        yield from _between(source, "arithmetic", changed, node.target, node.value)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def change_logic(source: Source, node: ast.AST) -> Iterator[Change]:
    """``and`` becomes ``or``, an operand is dropped, ``not`` is dropped."""
    if isinstance(node, ast.BoolOp):
        sign = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from _between(source, "logic", sign, left, right)
        neutral = str(isinstance(node.op, ast.And))
        for value in node.values:
            yield _replace(source, "operand", value, neutral)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield _replace(source, "sign", node, f"({source.text(node.operand)})")


def change_condition(source: Source, node: ast.AST) -> Iterator[Change]:
    """A condition always holds, or never."""
    if isinstance(node, ast.comprehension):
        tests, values = node.ifs, ("True", "False")
    elif isinstance(node, ast.If | ast.IfExp):
        tests, values = [node.test], ("True", "False")
    elif isinstance(node, ast.While) and not isinstance(node.test, ast.Constant):
        tests, values = [node.test], ("False",)
    else:
        return
    for test in tests:
        if not any(isinstance(part, ast.NamedExpr) for part in ast.walk(test)):
            for value in values:
                yield _replace(source, "condition", test, value)


def change_constant(source: Source, node: ast.AST) -> Iterator[Change]:
    """A number becomes one more or one less; ``True`` becomes ``False``."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield _replace(source, "constant", node, str(not node.value))
        elif isinstance(node.value, int | float):
            for step in ("+ 1", "- 1"):
                yield _replace(source, "constant", node, f"({source.text(node)} {step})")


def change_statement(source: Source, node: ast.AST) -> Iterator[Change]:
    """A statement that has an effect is left out; ``break`` and ``continue`` change places."""
    match node:
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Delete() | ast.Raise():
            yield _replace(source, "statement", node, "pass")
        case ast.AugAssign() | ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield _replace(source, "statement", node, "pass")
        case ast.Break():
            yield _replace(source, "statement", node, "continue")
        case ast.Continue():
            yield _replace(source, "statement", node, "break")
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield _replace(source, "result", value, "None")
        case ast.For(iter=iterated):
            yield _replace(source, "loop", iterated, "()")


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def change_call(source: Source, node: ast.AST) -> Iterator[Change]:
    """A named argument is left out, so that its default holds; ``min`` becomes ``max``."""
    if isinstance(node, ast.Call):
        for argument in node.keywords:
            if argument.arg and argument.arg not in PROSE:
                yield from _without(source, "argument", argument)
        if isinstance(node.func, ast.Name) and node.func.id in OPPOSITES:
            yield _replace(source, "opposite", node.func, OPPOSITES[node.func.id])


def change_bound(source: Source, node: ast.AST) -> Iterator[Change]:
    """A slice loses one of its bounds."""
    if isinstance(node, ast.Slice):
        for bound in (node.lower, node.upper):
            if bound is not None:
                yield _replace(source, "bound", bound, "")


def change_exceptions(source: Source, node: ast.AST) -> Iterator[Change]:
    """A handler of several exceptions loses one of them."""
    if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Tuple):
        for exception in node.type.elts:
            yield from _without(source, "exception", exception)


def _without(source: Source, name: str, element: ast.AST) -> Iterator[Change]:
    """Take an element of a list in parentheses away, with the comma beside it."""
    start, end = source.span(element)
    after = re.match(rb"\s*,\s*", source.data[end:])
    before = re.search(rb",\s*\Z", source.data[:start])
    if after:
        yield Change(name, start, end + after.end(), "")
    elif before:
        yield Change(name, before.start(), end, "")
    elif source.data[start - 1 : start] == b"(":
        yield Change(name, start, end, "")


OPERATORS: tuple[Callable[[Source, ast.AST], Iterator[Change]], ...] = (
    change_comparison,
    change_arithmetic,
    change_logic,
    change_condition,
    change_constant,
    change_statement,
    change_call,
    change_bound,
    change_exceptions,
)
