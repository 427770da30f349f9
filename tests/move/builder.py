"""Runs the Move compiler and VM (WASM, under Node) on the package, always in a child process.

A test in that VM has no instruction limit and a panic poisons it, so each run has a process of its
own and a time limit that kills it.
"""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.guards import PLAY_S
from tests.support.node import NO_NODE, find_node

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "walrusd" / "move"
BYTECODE = PACKAGE / "bytecode" / "package.json"
SHIM = HERE / "shim"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RESULT = re.compile(r"\[ (PASS|FAIL|TIMEOUT) +\] \w+::(\w+::\w+)")


def run_builder(command: str, package: Path = PACKAGE, *extras: Path) -> dict[str, Any]:
    """Return the builder's answer. Skips where Node is missing; fails where its packages are."""
    node = find_node()
    if node is None:
        pytest.skip(NO_NODE)
    done = subprocess.run(
        [node, str(HERE / "build.mjs"), command, str(package), *map(str, extras)],
        capture_output=True,
        text=True,
        timeout=PLAY_S,
        check=False,
    )
    if not done.stdout:
        raise AssertionError(f"the builder failed (`make test` installs it):\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@dataclass(frozen=True)
class UnitTests:
    """What a run of Move unit tests reported."""

    passed: bool
    results: Mapping[str, str]
    output: str


def run_unit_tests(*files: Path) -> UnitTests:
    """Run the unit tests in ``files``, or in the files of a folder, against the package."""
    answer = run_builder("test", PACKAGE, *files)
    output = _COLOUR.sub("", f"{answer['output']}{answer['error']}")
    results = {name: status for status, name in _RESULT.findall(output)}
    return UnitTests(answer["passed"], results, output)
