"""No two public functions or classes have one name, unless they mean the same."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

NAMED_ELSEWHERE = (
    "walrusd/chain/layouts/",  # the contract's structs
    "walrusd/devnet/contract/",  # the contract's functions
)
"""Folders whose names are given by what they mirror."""

_ARITHMETIC = "one operation in two arithmetics, or by another way to the same bits"
_SUI = "one thing of Sui, seen by a client and by the devnet, which states Sui's rules by itself"
_PROGRAM = "the same in each program: walrusd, walrusctl, the training process"

SAME = {
    "Attended": _ARITHMETIC,
    "attend": _ARITHMETIC,
    "attend_backward": _ARITHMETIC,
    "causal_attention": _ARITHMETIC,
    "causal_attention_backward": _ARITHMETIC,
    "conv2d": _ARITHMETIC,
    "conv2d_backward": _ARITHMETIC,
    "cross_entropy": _ARITHMETIC,
    "cut_patches": _ARITHMETIC,
    "fold": _ARITHMETIC,
    "fold_each": _ARITHMETIC,
    "fold_rows": _ARITHMETIC,
    "mm": _ARITHMETIC,
    "paste_patches": _ARITHMETIC,
    "product": _ARITHMETIC,
    "quantise": _ARITHMETIC,
    "relu_backward": _ARITHMETIC,
    "sum_rows": _ARITHMETIC,
    "Coin": _SUI,
    "GasUsed": _SUI,
    "ObjectRef": _SUI,
    "Owner": _SUI,
    "OwnerKind": _SUI,
    "Reader": _SUI,
    "UpgradeCap": _SUI,
    "compute_transaction_digest": _SUI,
    "normalize_type": _SUI,
    "fail": _PROGRAM,
    "main": _PROGRAM,
    "say": _PROGRAM,
    "BadRequest": "google.rpc's message, named so on the wire, and our error of that meaning",
    "Faults": "what a test lets go wrong in one of the devnet's services",
}
"""Names that several modules give to one meaning."""


_OUTCOME = re.compile(r"^\s*class _?Outcomes?\b", re.MULTILINE)


def _is_command(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Return whether click calls this function by the name of a command."""
    calls = [d.func for d in node.decorator_list if isinstance(d, ast.Call)]
    return any(isinstance(f, ast.Attribute) and f.attr in {"command", "group"} for f in calls)


def _list_names() -> Iterator[tuple[str, str]]:
    """Return the public names at the top of modules, each with its module."""
    for top in ("walrusd", "walrusctl"):
        for path in sorted((ROOT / top).rglob("*.py")):
            module = path.relative_to(ROOT).as_posix()
            if module.startswith(NAMED_ELSEWHERE):
                continue
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
                if (
                    isinstance(node, kinds)
                    and not node.name.startswith("_")
                    and not _is_command(node)
                ):
                    yield node.name, module


def test_one_name_means_one_thing() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for name, module in _list_names():
        found[name].add(module)
    several = {name: sorted(modules) for name, modules in found.items() if len(modules) > 1}
    assert {name: modules for name, modules in several.items() if name not in SAME} == {}
    assert sorted(several) == sorted(SAME)


def test_no_type_is_called_outcome() -> None:
    """The name says nothing: of a transaction, an answer, a transcript, …?"""
    for top in ("walrusd", "walrusctl", "tests"):
        for path in sorted((ROOT / top).rglob("*.py")):
            if "node_modules" not in path.parts:
                found = _OUTCOME.search(path.read_text(encoding="utf-8"))
                assert found is None, path
