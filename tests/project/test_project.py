"""pyproject, Makefile and pins: complete, and in agreement with the code."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import walrusd

ROOT = Path(__file__).resolve().parents[2]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
INTERNAL = {"tools", "node-tools", "help"}


def normalize(requirement: str) -> str:
    """Return the name of a requirement as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def test_the_version_stands_in_one_place() -> None:
    assert "version" not in CONFIG["project"]
    assert CONFIG["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "walrusd.__version__"}
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest[1] == walrusd.__version__


def test_every_library_that_is_imported_is_declared() -> None:
    tops: set[str] = set()
    for path in [p for top in ("walrusd", "walrusctl") for p in (ROOT / top).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                tops |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                tops.add(node.module.split(".")[0])
    providers = packages_distributions()
    used = {
        normalize(providers[top][0])
        for top in tops - sys.stdlib_module_names - {"walrusd", "walrusctl"}
    }
    declared = {normalize(name) for name in CONFIG["project"]["dependencies"]}
    assert used == declared


def test_what_is_declared_is_pinned() -> None:
    pinned = {normalize(line) for line in (ROOT / "constraints.txt").read_text().splitlines()}
    extras = CONFIG["project"]["optional-dependencies"].values()
    declared = {*CONFIG["project"]["dependencies"], *(name for extra in extras for name in extra)}
    assert {normalize(name) for name in declared} <= pinned


def test_mypy_ignores_no_library() -> None:
    assert "overrides" not in CONFIG["tool"]["mypy"]


def test_help_and_the_page_for_contributors_list_every_target() -> None:
    targets = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split())
    shown = set(re.findall(r'@echo "make ([\w-]+)', MAKEFILE))
    assert shown == targets - INTERNAL
    page = (ROOT / "docs" / "contributing.md").read_text("utf-8")
    assert set(re.findall(r"^\| `make ([\w-]+)`", page, re.MULTILINE)) == shown
    rules = set(re.findall(r"^([a-z][\w-]*):(?!=)", MAKEFILE, re.MULTILINE))
    assert rules == targets


def test_the_packages_that_decide_have_limits_of_coverage() -> None:
    (limits,) = re.findall(r"^LEAST := (.*)$", MAKEFILE, re.MULTILINE)
    least = {room: int(limit) for room, limit in (pair.split("=") for pair in limits.split())}
    assert min(least[room] for room in ("core", "crypto", "state", "training")) >= 90
    assert min(least.values()) >= 80
    for room in least:
        assert (ROOT / "walrusd" / room).is_dir()
        assert (ROOT / "tests" / room).is_dir()
    assert CONFIG["tool"]["coverage"]["run"]["branch"] is True
