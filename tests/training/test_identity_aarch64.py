"""The golden runs on another processor: arm64 Python, torch and OpenBLAS under qemu.

``tests/training/aarch64/prepare.sh`` builds what this needs; without it the tests are skipped, and
say so. The torch in there is another version than the one beside it, on purpose.
"""

import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.golden.plans import MODELS
from tests.golden.run import compare

ROOT = Path(__file__).parents[2]
EMULATOR = "qemu-aarch64-static"
COMPILER = "aarch64-linux-gnu-gcc"
VARIABLE = "WALRUSD_AARCH64_ROOT"
SUFFIX = ".cpython-{}-aarch64-linux-gnu.so"

SELFTEST = """
import logging
logging.basicConfig()
from walrusd.training.native import library
from walrusd.training.selftest.selftest import selftest
assert library.get_library() is not None
selftest()
print(library.find_kernel("norm") is not None)
"""


@dataclass(frozen=True)
class Machine:
    """An arm64 Python under an emulator, and the directory it imports walrusd from."""

    emulator: str
    root: Path
    packages: Path = ROOT

    def run(self, *arguments: str, kernels: bool = False) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self.emulator, str(self.root / "usr/bin/python3"), *arguments],
            env={
                "QEMU_LD_PREFIX": str(self.root),
                "PYTHONPATH": f"{self.packages}:{self.root / 'site'}:{ROOT}",
                "PYTHONDONTWRITEBYTECODE": "1",
                "OMP_NUM_THREADS": "1",
                "WALRUSD_NATIVE": "1" if kernels else "0",
            },
            cwd=self.packages,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done


@pytest.fixture
def machine() -> Machine:
    emulator = shutil.which(EMULATOR)
    if emulator is None:
        pytest.skip(f"NOT RUN ON AARCH64: {EMULATOR} is not installed (package qemu-user-static)")
    root = Path(os.environ.get(VARIABLE, ROOT / "build" / "aarch64"))
    if not (root / "site" / "torch").is_dir():
        pytest.skip(f"NOT RUN ON AARCH64: run tests/training/aarch64/prepare.sh, or set {VARIABLE}")
    return Machine(emulator, root)


def compile_kernels(machine: Machine, directory: Path, *more: str) -> Machine:
    """Return a machine with a copy of walrusd whose kernels are compiled for it."""
    compiler = shutil.which(COMPILER)
    if compiler is None:
        pytest.skip(f"NO KERNELS ON AARCH64: {COMPILER} is not installed")
    shutil.copytree(
        ROOT / "walrusd", directory / "walrusd", ignore=shutil.ignore_patterns("*.so", "*.pyc")
    )
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    (extension,) = tools["setuptools"]["ext-modules"]
    python = (machine.root / "usr/bin/python3").resolve().name.removeprefix("python")
    library = Path(*extension["name"].split("."))
    output = f"{library}{SUFFIX.format(python.replace('.', ''))}"
    flags = ["-shared", "-fPIC", *extension["extra-compile-args"], *more]
    subprocess.run(
        [compiler, *flags, *extension["sources"], "-o", output], cwd=directory, check=True
    )
    return Machine(machine.emulator, machine.root, directory)


def check_run(model: str, done: subprocess.CompletedProcess[str]) -> None:
    found = json.loads(done.stdout)
    assert len(found["leaves"]) == 17
    assert compare(model, found) == []


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_whole_runs_are_the_same_on_aarch64(model, machine):
    check_run(model, machine.run("-m", "tests.golden.run", model))


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_whole_runs_are_the_same_with_kernels_for_aarch64(model, machine, tmp_path):
    arm = compile_kernels(machine, tmp_path)
    done = arm.run("-m", "tests.golden.run", model, kernels=True)
    assert "kernels" not in done.stderr, "they were to be used"
    check_run(model, done)


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("-ffp-contract=fast",)], ids=["as built", "fused"])
def test_the_selftest_finds_out_kernels_with_fused_multiply_adds(
    flags: Sequence[str], machine, tmp_path
):
    """Every arm64 processor has the instruction, and compilers use it unless told not to."""
    done = compile_kernels(machine, tmp_path, *flags).run("-c", SELFTEST, kernels=True)
    assert done.stdout.strip() == str(not flags)
    assert ("norm" in done.stderr) == bool(flags)
