"""What is changed, and what is left alone."""

import ast

import pytest

from tests.mutants.mutant import changes_anything, list_mutants
from tests.mutants.source import Source


def change(text, operator=None):
    """Return what every change, or those of one operator, make of a module of one line."""
    source = Source("walrusd/core/x.py", text.encode())
    return [m.after for m in list_mutants(source) if operator in {None, m.operator}]


@pytest.mark.parametrize(
    ("text", "operator", "changed"),
    [
        ("a < b", "comparison", ["a <= b", "a >= b"]),
        ("a not  in b", "comparison", ["a in b"]),
        ("0 <= a < b", "comparison", ["0 < a < b", "0 > a < b", "0 <= a <= b", "0 <= a >= b"]),
        ("(a) + (b)", "arithmetic", ["(a) - (b)"]),
        ("a += b", "arithmetic", ["a -= b"]),
        ("a - 1 // b", "rounding", ["a - (-(-(1) // (b)))"]),
        ("a or b", "logic", ["a and b"]),
        ("a and b", "operand", ["True and b", "a and True"]),
        ("a or b", "operand", ["False or b", "a or False"]),
        ("not a", "sign", ["(a)"]),
        ("b if a else c", "condition", ["b if True else c", "b if False else c"]),
        ("[a for a in b if c]", "condition", ["[a for a in b if True]", "[a for a in b if False]"]),
        ("while a: b()", "condition", ["while False: b()"]),
        ("a = 3", "constant", ["a = (3 + 1)", "a = (3 - 1)"]),
        ("a = True", "constant", ["a = False"]),
        ("a()", "statement", ["pass"]),
        ("a.b = c", "statement", ["pass"]),
        ("a[b] = c", "statement", ["pass"]),
        ("a = c", "statement", []),
        ("for a in b: break", "statement", ["for a in b: continue"]),
        ("for a in b: c()", "loop", ["for a in (): c()"]),
        ("def a(): return b", "result", ["def a(): return None"]),
        ("def a(): return None", "result", []),
        ("a(b, c=d, e=f)", "argument", ["a(b, e=f)", "a(b, c=d)"]),
        ("a(c=d)", "argument", ["a()"]),
        ("min(a, b)", "opposite", ["max(a, b)"]),
        ("a[b:c]", "bound", ["a[:c]", "a[b:]"]),
        ("a[b:]", "bound", ["a[:]"]),
    ],
)
def test_an_operator_makes_one_small_change(text, operator, changed):
    assert change(text, operator) == changed


def test_a_handler_loses_one_of_its_exceptions():
    text = "try: a()\nexcept (b, c): d()"
    assert change(text, "exception") == ["except (c): d()", "except (b): d()"]


@pytest.mark.parametrize(
    "text",
    [
        "import a",
        "from a import b",
        '"""2 < 3"""',
        "assert 2 < a",
        "log.info('%s', a < 2)",
        "a: Literal[1]",
        "def a(b: Literal[1]) -> Literal[2]: pass",
        "@a(b=2)\nclass C: pass",
        "a = 'text' + b",
        "a = b / 'name'",
        "a = f'{b + 1}'",
        "class A:\n    def __repr__(self): return b + 1",
        "if TYPE_CHECKING: a()",
    ],
)
def test_texts_types_logs_and_assertions_are_left_alone(text):
    assert change(text) == []


def test_a_raise_is_dropped_but_not_its_words():
    assert change("raise A(f'{b + 1}', hint='c')") == ["pass"]
    assert change("raise A('b', until=1)", "argument") == ["raise A('b')"]


def test_every_change_is_one_of_bytes_at_a_place():
    text = "é = ('ü', a <\n    b)  # <\nif é: c(d=1)\n"
    source = Source("walrusd/core/x.py", text.encode())
    mutants = list(list_mutants(source))
    for mutant in mutants:
        changed = mutant.apply(source.data).decode()
        ast.parse(changed)
        assert changed != text
        assert changed.startswith("é = ('ü', a")
        assert mutant.make_diff(source.data).count("\n-") == 1
    assert mutants[0].after == "é = ('ü', a <="
    assert {(m.line, m.operator) for m in mutants} >= {(1, "comparison"), (3, "condition")}


def test_what_compiles_to_the_same_is_no_mutant():
    source = Source("walrusd/core/x.py", b"if True: a = 2 - 0\n")
    found = {m.after: changes_anything(m, source.data) for m in list_mutants(source)}
    assert found["if True: a = 2 + 0"] is False
    assert found["if True: a = (2 + 1) - 0"] is True


def test_what_does_not_compile_is_no_mutant():
    source = Source("walrusd/core/x.py", b"for a in b:\n    break\nelse:\n    c()\n")
    mutant = next(m for m in list_mutants(source) if m.operator == "loop")
    assert changes_anything(mutant, source.data)
    broken = mutant.__class__(**{**vars(mutant), "text": "("})
    assert not changes_anything(broken, source.data)
