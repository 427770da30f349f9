"""Reads pages of docs/: what they name in the tree."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
CODE = ROOT / "walrusd"
AT_THE_ROOT = ("walrusd/", "walrusctl/", "tests/", "docs/", "config/", "systemd/")
ROOT_FILES = ("pyproject.toml", "Makefile", "README.md", "CHANGELOG.md", "LICENSE")
_FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)*\.(?:py|move|md|toml|c|h|json|mjs|service)")
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]*[a-z][\w.-]*)+/?|[\w.-]+/")
"""A part after a slash has a letter: ``exact-q20/2`` is no path."""
_SPAN = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def read_prose(page: Path) -> str:
    """Return a page without what stands between fences."""
    return _FENCED.sub("", page.read_text("utf-8"))


def list_spans(text: str) -> list[str]:
    """Return what stands between backticks."""
    return _SPAN.findall(text)


def locate(path: str) -> Path:
    """Return where a path of a page lies; paths begin at walrusd/ unless they say otherwise."""
    is_from_root = path.startswith(AT_THE_ROOT) or path in ROOT_FILES
    return (ROOT if is_from_root else CODE) / path


def list_paths(span: str) -> list[str]:
    """Return the paths that a span names, if any."""
    words = span.partition(": ")[0].split()
    return [word for word in words if _FILE.fullmatch(word) or _PATH.fullmatch(word)]


def list_names(span: str) -> tuple[str, list[str]] | None:
    """Return the file and the names of a span such as ``core/policy.py: decide, BINDING``."""
    path, found, names = span.partition(": ")
    if not found or not _FILE.fullmatch(path):
        return None
    return path, names.split(", ")


@cache
def names_of(path: Path) -> frozenset[str]:
    """Return what a file defines: functions, classes, constants, and members as ``Class.name``."""
    text = path.read_text("utf-8")
    if path.suffix == ".move":
        return frozenset(re.findall(r"(?:fun|struct|const) (\w+)", text))
    return frozenset(_defined(ast.parse(text).body))


def _defined(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield prefix + name
            case ast.ClassDef(name=name):
                yield prefix + name
                yield from _defined(node.body, f"{name}.")
            case ast.Assign(targets=targets):
                yield from (prefix + t.id for t in targets if isinstance(t, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name


def list_headings(text: str) -> list[str]:
    """Return the headings of a text without fences."""
    return _HEADING.findall(text)
