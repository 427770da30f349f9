"""States are compared in the core alone, whose tables say what is due; others ask it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from walrusd.core import lifecycle

ROOT = Path(__file__).resolve().parents[2] / "walrusd"

STATES = {"TaskPhase", "SubmissionState", "DisputePhase", "SeatStatus", "RequestState"}
HOMES = ("core", "chain/layouts", "devnet")
"""The tables; the layouts that mirror the contract; the contract's twin, which enforces them."""


def _find_comparisons(tree: ast.Module) -> Iterator[str]:
    """Return comparisons and cases that name a state."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare | ast.match_case):
            for part in ast.walk(node if isinstance(node, ast.Compare) else node.pattern):
                if isinstance(part, ast.Attribute) and ast.unparse(part.value) in STATES:
                    yield ast.unparse(part)


def test_only_the_core_compares_states() -> None:
    assert vars(lifecycle).keys() >= STATES
    found = {
        path.relative_to(ROOT).as_posix(): set(
            _find_comparisons(ast.parse(path.read_text(encoding="utf-8")))
        )
        for path in sorted(ROOT.rglob("*.py"))
        if not path.relative_to(ROOT).as_posix().startswith(HOMES)
    }
    # It says in words how a submission ended for us, and decides nothing.
    assert found.pop("market/payouts.py")
    assert {name: states for name, states in found.items() if states} == {}
