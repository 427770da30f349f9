"""The tests themselves: folders named after rooms, doubles that exist once, codes of errors."""

import ast
from collections import defaultdict
from pathlib import Path

import walrusd.errors

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"

OTHERS = {
    "adversaries": "daemons with one malicious part, which the demonstration runs as well",
    "attacks": "plays of the whole market, which docs/attacks.md lists",
    "bench": "make bench",
    "contract": "the executable specification, of the Move package as of its twin",
    "demo": "make demo",
    "docs": "the pages",
    "golden": "runs that every implementation must reproduce",
    "interop": "other people's clients against the devnet",
    "mutants": "make mutants",
    "project": "pyproject, Makefile, workflows, stubs, wheel",
    "scenarios": "plays of one submission, in every implementation of the contract",
    "structure": "rules of the whole program",
    "support": "what several folders use",
    "typings": "stubs for mypy",
    "vectors": "files that every implementation must reproduce",
}
"""Folders that are named after no room, and why."""

ELSEWHERE = {
    "app": "engine/test_starting.py",
    "compose": "engine/test_starting.py",
    "units": "settings/test_load.py",
    "__main__": "cli/test_command.py",
}
"""Modules at the top of the program that have no test module beside the rooms' folders."""

BESIDE = {"power_cuts": "files.py again, on a disk that drops what was not synced"}
"""Test modules beside the folders that are named after no module, and why."""

NAMESAKES = {
    "Bench": "of work before a verifier, and of a mutant",
    "Change": "to a disk, and to a syntax tree",
    "Node": "Node.js, and full nodes of Sui",
    "Stage": "the scenarios', and that of attacks in one process",
    "World": "the specification's, and a market in one process",
}
"""Classes of ``support`` whose names others have too; no test uses both."""

SENTENCES = {
    "tests/attacks/": "the contract's abort is named in the sentence alone",
    "tests/chain/": "what a node said is quoted",
    "tests/devnet_market/": "what a process said at its end is quoted",
    "tests/market/test_limits.py": "sizes, rounded for people",
    "tests/runtime/test_child.py": "how a child ended is in the sentence",
    "tests/services/test_inputs.py": "what a person wrote wrong is in the sentence",
    "tests/services/test_money.py": "a task file's mistakes, each by its sentence",
    "tests/state/": "one code for whatever is wrong with the files of a daemon",
    "tests/storage/": "what an endpoint said is quoted",
    "tests/training/": "one code for whatever is wrong with a plan, rows or weights",
}
"""Modules and folders that compare sentences of typed errors, and why.

Others compare codes, with ``tests/support/refusals.py``.
"""


def read_modules() -> dict[str, ast.Module]:
    """Return every module of the tests by its path."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(TESTS.rglob("*.py"))
        if "node_modules" not in path.parts and "typings" not in path.parts
    }


MODULES = read_modules()


def has_modules(folder: Path) -> bool:
    return folder.is_dir() and any(folder.rglob("*.py"))


def test_folders_are_named_after_rooms_or_have_a_reason() -> None:
    rooms = {path.name for path in (ROOT / "walrusd").iterdir() if path.is_dir()} | {"walrusctl"}
    rooms.discard("__pycache__")
    folders = {p.name for p in TESTS.iterdir() if p.name != "node_modules" and has_modules(p)}
    assert folders - rooms == OTHERS.keys() & folders
    assert rooms - folders == set()


def test_modules_beside_the_rooms_have_tests_beside_the_folders() -> None:
    modules = {path.stem for path in (ROOT / "walrusd").glob("*.py")} - {"__init__"}
    tested = {path.stem.removeprefix("test_") for path in TESTS.glob("test_*.py")}
    assert tested - modules == BESIDE.keys()
    assert modules - tested == ELSEWHERE.keys()
    assert all((TESTS / place).exists() for place in ELSEWHERE.values())


def test_what_tests_share_has_a_name_of_its_own() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for name, tree in MODULES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)
    shared = {
        name
        for name, modules in places.items()
        if len(modules) > 1 and any(module.startswith("tests/support/") for module in modules)
    }
    assert shared == NAMESAKES.keys()


def compares_a_sentence(node: ast.AST) -> bool:
    """Return whether ``pytest.raises(SomeError, match=…)`` is about an error of ours."""
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func).startswith("pytest.raises")
        and any(keyword.arg == "match" for keyword in node.keywords)
        and any(
            isinstance(part, ast.Name) and hasattr(walrusd.errors, part.id)
            for argument in node.args
            for part in ast.walk(argument)
        )
    )


def find_reason(module: str) -> str | None:
    return next((place for place in SENTENCES if module.startswith(place)), None)


def test_errors_of_ours_are_compared_by_their_codes() -> None:
    found = {
        name
        for name, tree in MODULES.items()
        if any(compares_a_sentence(node) for node in ast.walk(tree))
    }
    assert {name for name in found if find_reason(name) is None} == set()
    assert {find_reason(name) for name in found} == SENTENCES.keys(), "a reason is not needed"
