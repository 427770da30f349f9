"""Copies of the working tree under ``build/mutants``: only they are changed.

A copy is made equal to the tree before it is used, whatever an interrupted run has left in it.
"""

import filecmp
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

_LEFT_OUT = {
    *(".git", ".venv", "build", "node_modules", "site"),
    *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"),
}
_DERIVED = {"__pycache__"}


def _list_files(root: Path, *, derived: bool) -> Iterator[Path]:
    """Yield the files of a tree, relative to it."""
    left_out = _LEFT_OUT if derived else _LEFT_OUT | _DERIVED
    folders = [root]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            if path.name in left_out or path.suffix == ".egg-info":
                continue
            if path.is_symlink() or path.is_file():
                yield path.relative_to(root)
            elif path.is_dir():
                folders.append(path)


def make_equal(source: Path, copy: Path, *, derived: bool = False) -> None:
    """Make ``copy`` equal to ``source``; with ``derived``, also take what Python has compiled."""
    copy.mkdir(parents=True, exist_ok=True)
    wanted = set(_list_files(source, derived=derived))
    for path in sorted(wanted):
        here, there = source / path, copy / path
        if not there.is_file() or not filecmp.cmp(here, there, shallow=False):
            there.parent.mkdir(parents=True, exist_ok=True)
            there.unlink(missing_ok=True)
            shutil.copy2(here, there, follow_symlinks=False)
    for path in set(_list_files(copy, derived=False)) - wanted:
        (copy / path).unlink()


def digest_tree(root: Path) -> str:
    """Return a digest of all that a run depends on: names and contents."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(_list_files(root, derived=False)):
        digest.update(str(path).encode() + b"\0")
        digest.update(hashlib.blake2b((root / path).read_bytes()).digest())
    return digest.hexdigest()
