"""The golden runs on another processor: arm64 Python, torch and OpenBLAS under qemu.

``tests/training/aarch64/prepare.sh`` builds what this needs; without it the test is skipped, and
says so. The torch in there is another version than the one beside it, on purpose.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.golden.plans import MODELS
from tests.golden.run import compare

ROOT = Path(__file__).parents[2]
EMULATOR = "qemu-aarch64-static"
VARIABLE = "WALRUSD_AARCH64_ROOT"


def find_python() -> tuple[str, Path]:
    """Return the emulator and the root file system, or skip the test."""
    emulator = shutil.which(EMULATOR)
    if emulator is None:
        pytest.skip(f"NOT RUN ON AARCH64: {EMULATOR} is not installed (package qemu-user-static)")
    root = Path(os.environ.get(VARIABLE, ROOT / "build" / "aarch64"))
    if not (root / "site" / "torch").is_dir():
        pytest.skip(f"NOT RUN ON AARCH64: run tests/training/aarch64/prepare.sh, or set {VARIABLE}")
    return emulator, root


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("model", MODELS)
def test_whole_runs_are_the_same_on_aarch64(model):
    emulator, root = find_python()
    done = subprocess.run(
        [emulator, str(root / "usr/bin/python3"), "-m", "tests.golden.run", model],
        env={
            "QEMU_LD_PREFIX": str(root),
            "PYTHONPATH": f"{root / 'site'}:{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            # The kernels of this checkout are compiled for the processor of the host.
            "WALRUSD_NATIVE": "0",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["leaves"]) == 17
    assert compare(model, found) == []
