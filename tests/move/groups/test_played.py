"""What the tests of the specification do, done in a real Move VM with the real group.

sui-sandbox has wheels for x86-64 Linux only: elsewhere these skip.
"""

import json
import os
import subprocess
import sys

import pytest

from tests.move import oracle
from tests.move.builder import HERE
from tests.support.guards import PLAY_S
from walrusd.core.aborts import ABORTS
from walrusd.devnet.contract import FUNCTIONS

pytest.importorskip("sui_sandbox", reason="SUI-SANDBOX IS MISSING: no test is played in a VM")

ROOT = HERE.parents[1]
FOREIGN = {"merkle.EBadPath", "merkle.EBadIndex"}
"""Of a function for other contracts; the vectors have it."""
DRAWING = {"node.ELotPending", "node.ETooFewSeats", "node.EPoolBusy"}
"""Of functions that draw, for which this VM has no randomness; histories reach them."""


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    from . import played  # noqa: PLC0415 - it changes what tests do only where it is a plugin

    file = tmp_path_factory.mktemp("played") / "found.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-p", played.__name__, "-m", "not slow", str(ROOT / "tests" / "contract")]
    environment = {**os.environ, played.FILE: str(file)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, timeout=PLAY_S, capture_output=True, check=False
    )
    assert file.exists(), done.stdout[-3_000:].decode()
    return json.loads(file.read_text())


@pytest.mark.slow
def test_every_call_ends_alike_in_the_vm(played):
    assert played["differences"] == []
    assert played["compared"] > 500


@pytest.mark.slow
def test_the_calls_reach_every_entry_point(played):
    functions = {f"{f.module}::{f.name}" for f in FUNCTIONS}
    pure = {"terms::new_terms"}  # used in the arguments of others
    assert functions - set(played["functions"]) == oracle.RANDOM | pure


@pytest.mark.slow
def test_the_calls_reach_every_abort(played):
    every = {f"{abort.module}.{abort.name}" for abort in ABORTS.values()}
    assert every - FOREIGN - DRAWING - set(played["aborts"]) == set()
