"""The stubs say what the installed libraries have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.guards import GUARD_S

STUBS = Path(__file__).resolve().parents[1] / "typings"
LIBRARIES = sorted({path.name.removesuffix(".pyi") for path in STUBS.iterdir()})


def compare(
    directory: Path, *libraries: str, stubs: Path = STUBS
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "--ignore-missing-stub", *libraries],
        cwd=directory,  # mypy puts its cache there
        env={**os.environ, "MYPYPATH": str(stubs)},
        capture_output=True,
        text=True,
        timeout=GUARD_S,
        check=False,
    )


def test_every_name_of_a_stub_is_in_its_library(tmp_path: Path) -> None:
    done = compare(tmp_path, *LIBRARIES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_stub_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "phe.pyi").write_text(
        "class PaillierPublicKey:\n    def __init__(self) -> None: ...\n"
    )
    assert compare(tmp_path, "phe", stubs=tmp_path).returncode == 1


@pytest.mark.parametrize("library", LIBRARIES)
def test_stubs_are_short(library: str) -> None:
    paths = [*STUBS.glob(f"{library}.pyi"), *STUBS.glob(f"{library}/*.pyi")]
    assert sum(len(path.read_text().splitlines()) for path in paths) < 120
