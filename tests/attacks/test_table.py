"""The table of attacks is whole, its tests exist, and the document is made of it."""

import ast
from pathlib import Path

import pytest

from tests.attacks.attack import Attack
from tests.attacks.document import DOCUMENT, ROOT, put_tables
from tests.attacks.table import ATTACKS


def find_function(path: Path, name: str) -> str | None:
    """Return the source of a test function in Python or Move; None if it is not there."""
    text = path.read_text("utf-8")
    if path.suffix == ".move":
        _, found, after = text.partition(f"fun {name}(")
        return found + after if found else None
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            return "\n".join(text.splitlines()[start - 1 : node.end_lineno])
    return None


def test_there_are_enough_attacks() -> None:
    assert len(ATTACKS) >= 35


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=lambda attack: attack.name)
def test_every_attack_is_played_by_the_test_it_names(attack: Attack) -> None:
    file, _, function = attack.test.partition("::")
    source = find_function(ROOT / file, function)
    assert source is not None, f"{attack.test} does not exist"
    if attack.end is not None:
        assert f'"{attack.name}"' in source, f"{attack.test} has no {attack.name}"
    else:
        assert attack.outcome, "an attack that is on no submission says how it ends"


def test_the_document_is_made_of_the_table() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert text == put_tables(text), "run: python -m tests.attacks.document"
