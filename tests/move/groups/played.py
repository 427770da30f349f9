"""Plays the tests of the specification again, and each of their calls in a real Move VM.

    python -m pytest -p tests.move.groups.played tests/contract

The state before a call is the specification's, so a call is compared wherever a test has brought
the world, by whatever means: in any state, with objects of earlier versions, with forged ones. What
was compared, and what differs, is written as JSON to the file that ``WALRUSD_PLAYED`` names.
"""

import json
import os
import tempfile
from collections import Counter
from pathlib import Path

from tests.contract import early, market
from tests.contract.world import digest
from tests.move import oracle
from tests.move.recorder import Recording, Step
from walrusd.core.aborts import ABORTS
from walrusd.devnet.move.context import Coin

FILE = "WALRUSD_PLAYED"
ALIKE = 3
"""How many calls of a function with the same end are compared."""


class Played(Recording):
    """Records for transactions of which coins are inputs, as on a network."""

    @staticmethod
    def _make_coin(context, coin):
        return Coin("0x" + digest("coin", context.digest).hex(), coin.balance)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        WORLDS.append(self.steps)


class PlayedEarlyBazaar(Played, early.EarlyBazaar):
    """People until work is committed."""


class PlayedBazaar(Played, market.Bazaar):
    """People to the end."""


WORLDS: list[list[Step]] = []
RECORDING = {early.EarlyBazaar: PlayedEarlyBazaar, market.Bazaar: PlayedBazaar}


def pytest_collection_modifyitems(items):
    """Let every test act in worlds that are recorded."""
    for module in {item.module for item in items}:
        for name, value in vars(module).items():
            if isinstance(value, type) and value in RECORDING:
                setattr(module, name, RECORDING[value])


def pytest_sessionfinish():
    """Compare the calls, those that differ in function or end first."""
    modules, seen, differences = oracle.build_modules(), Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        for step in (step for steps in WORLDS for step in steps):
            kind = step.target, step.abort
            if step.target in oracle.RANDOM or seen[kind] == ALIKE:
                continue
            seen[kind] += 1
            try:
                oracle.check_transition(step, Path(folder), modules)
            except AssertionError as e:
                differences.append(f"{step.target} {step.abort}: {e}"[:1_000])
    aborts = [ABORTS[abort] for _, abort in seen if abort in ABORTS]
    found = {
        "compared": seen.total(),
        "functions": sorted({target for target, abort in seen if abort is None}),
        "aborts": sorted({f"{abort.module}.{abort.name}" for abort in aborts}),
        "differences": differences,
    }
    Path(os.environ[FILE]).write_text(json.dumps(found, indent=1))
