"""Which lines each test executes: recorded once, kept while the files concerned are the same.

A recording holds for a test module while the module is the same, its helpers are (``tests/support``
and what lies beside it), and the modules of the program that it executed.
"""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tests.mutants.rooms import SUITES


def digest_file(path: Path) -> str:
    """Return a digest of a file, empty if there is none."""
    if not path.is_file():
        return ""
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()


@cache
def _digest_helpers_in(folders: tuple[Path, ...]) -> str:
    helpers = {p for folder in folders for p in folder.glob("*.py")}
    digests = [digest_file(p) for p in sorted(helpers) if not p.name.startswith("test_")]
    return hashlib.blake2b("".join(digests).encode(), digest_size=8).hexdigest()


def digest_helpers(root: Path, module: str) -> str:
    """Return a digest of what the tests of a module share with others."""
    tests = root / "tests"
    shared = (tests, tests / "support", tests / "support" / "market")
    return _digest_helpers_in((*shared, (root / module).parent))


def path_of(folder: Path, root: Path, module: str) -> Path:
    """Return where the recording of a test module is, as the module is now."""
    name = module.replace("/", "-").removesuffix(".py")
    return folder / f"{name}-{digest_file(root / module)}.json"


def list_test_modules(root: Path) -> list[str]:
    """Return the test modules of the suites that must notice mutants."""
    found = {p for suite in SUITES for p in (root / "tests" / suite).rglob("test_*.py")}
    return sorted(str(p.relative_to(root)) for p in found)


def read_recording(folder: Path, root: Path, module: str) -> dict[str, Any] | None:
    """Return what is recorded of a test module; None if that is nothing, or no longer so."""
    path = path_of(folder, root, module)
    if not path.is_file():
        return None
    recorded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    same = recorded["helpers"] == digest_helpers(root, module) and all(
        digest == digest_file(root / file) for file, digest in recorded["files"].items()
    )
    return recorded if same else None


def write_nothing(folder: Path, root: Path, module: str) -> None:
    """Record that no test of a module is run."""
    nothing = {"module": module, "helpers": digest_helpers(root, module), "files": {}, "tests": {}}
    path_of(folder, root, module).write_text(json.dumps(nothing), "utf-8")


def read_recordings(
    folder: Path, root: Path, modules: Iterable[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the recordings that hold, and the modules that have none."""
    found, missing = [], []
    for module in modules:
        recorded = read_recording(folder, root, module)
        if recorded is None:
            missing.append(module)
        else:
            found.append(recorded)
    return found, missing
