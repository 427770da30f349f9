"""One hash per model, whatever the machine's libraries choose to do: threads, instruction sets.

Every cell is a process of its own, since torch, MKL and oneDNN read their variables at start.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden.plans import MODELS
from tests.golden.run import read_golden
from tests.support.guards import PLAY_S
from walrusd.training.run.threads import WAITING

ROOT = Path(__file__).parents[2]

TORCH_ALONE = {"WALRUSD_NATIVE": "0"}
"""Where the compiled kernels are on, products do not reach MKL, and little reaches ATen."""

CELLS = {
    "default": {},
    "two-threads": {"threads": "2"},
    "compiled-aten-default": {"ATEN_CPU_CAPABILITY": "default"},
    "torch-alone": TORCH_ALONE,
    "torch-alone-two-threads": TORCH_ALONE | {"threads": "2"},
    "aten-default": TORCH_ALONE | {"ATEN_CPU_CAPABILITY": "default"},
    "aten-avx2": TORCH_ALONE | {"ATEN_CPU_CAPABILITY": "avx2"},
    "aten-avx512": TORCH_ALONE | {"ATEN_CPU_CAPABILITY": "avx512"},
    "onednn-sse41": TORCH_ALONE | {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "onednn-avx2": TORCH_ALONE | {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "onednn-avx512": TORCH_ALONE | {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "cbwr-compatible": TORCH_ALONE | {"MKL_CBWR": "COMPATIBLE"},
    "cbwr-avx2": TORCH_ALONE | {"MKL_CBWR": "AVX2"},
    "cbwr-avx512": TORCH_ALONE | {"MKL_CBWR": "AVX512"},
    "mkl-sse42": TORCH_ALONE | {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    "mkl-avx2": TORCH_ALONE | {"MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "all-low-two-threads": TORCH_ALONE
    | {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "threads": "2",
    },
}
QUICK = ("two-threads", "all-low-two-threads", "aten-avx2")


def run_cell(cell: str, *options: str) -> dict[str, dict[str, object]]:
    """Run the golden models in the environment of ``cell``; return what each one printed."""
    changes = dict(CELLS[cell])
    threads = changes.pop("threads", "1")
    clean = {name: value for name, value in os.environ.items() if name not in ALL_VARIABLES}
    done = subprocess.run(
        [sys.executable, "-m", "tests.golden.run", *MODELS, "--threads", threads, *options],
        env={**clean, **WAITING, **changes, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": threads},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PLAY_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["model"]: one for one in found}


ALL_VARIABLES = {name for changes in CELLS.values() for name in changes}


def check_cell(cell: str, *options: str) -> None:
    found = run_cell(cell, *options)
    assert found.keys() == MODELS.keys()
    for model, hashes in found.items():
        golden = read_golden(model)
        count = len(hashes["leaves"])
        assert hashes["state_root_0"] == golden["state_root_0"], (model, cell)
        assert hashes["states"] == golden["states"][:count], (model, cell)
        assert hashes["leaves"] == golden["leaves"][:count], (model, cell)


@pytest.mark.parametrize("cell", QUICK)
def test_short_runs_are_the_same_in_another_environment(cell):
    check_cell(cell, "--segments", "1")


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_whole_runs_are_the_same_in_every_environment(cell):
    check_cell(cell)
