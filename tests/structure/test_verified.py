"""What has been verified has a type that says so, and only the function that verifies makes it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MAKERS = {
    "VerifiedAggregate": "walrusd/market/aggregate.py: verify",
    "VerifiedContract": "walrusd/market/contract_check.py: _verify",
    "VerifiedFile": "walrusd/crypto/vfile/checks.py: verify_file",
    "VerifiedOpening": "walrusd/core/opening.py: verify_opening",
    "VerifiedPackage": "walrusd/chain/packages/bytecode.py: verify_package",
    "VerifiedPlan": "walrusd/market/verified.py: verify_plan",
}
"""The one function that makes each of these types."""


def _find_makers() -> dict[str, set[str]]:
    """Return the types with the prefix, and the functions that call each, tests included."""
    defined: set[str] = set()
    made: dict[str, set[str]] = {}
    for top in ("walrusd", "walrusctl", "tests"):
        for path in sorted((ROOT / top).rglob("*.py")):
            if "node_modules" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and node.name.startswith("Verified"):
                    defined.add(node.name)
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                for call in (part for part in ast.walk(node) if isinstance(part, ast.Call)):
                    name = ast.unparse(call.func).rpartition(".")[2]
                    if name.startswith("Verified"):
                        where = f"{path.relative_to(ROOT).as_posix()}: {node.name}"
                        made.setdefault(name, set()).add(where)
    assert defined == made.keys()
    return made


MADE = _find_makers()


@pytest.mark.parametrize("name", sorted(MADE))
def test_only_the_function_that_verifies_makes_a_verified_type(name: str) -> None:
    assert MADE[name] == {MAKERS[name]}
