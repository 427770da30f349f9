"""The net has no holes: the differential catches every seeded change of a rule."""

import functools
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from walrusd.devnet.move.aborts import ContractDefectError

from .groups.stub import stubbed_group
from .histories import write_history
from .mutants import MUTANTS, Mutant, apply
from .replays import replay

SEEDS = range(1_000)
"""The histories of the quick suite, and after them the first of the slow one."""

ROUNDS = (3, 12, 60, 300)
"""How many histories that a mutant changes are replayed at a time, until one catches it.

Not every one can: a history may only lose a step, and stay true.
"""

BROKEN = (
    AssertionError,
    ContractDefectError,
    LookupError,
    OverflowError,
    StopIteration,
    ValueError,
)
"""What a rule that is badly broken raises, or makes of the walkers who count on it."""

QUICK = (
    "joins are late",
    "windows stay",
    "seating is free",
)


@functools.cache
def true_history(seed: int) -> str:
    return write_history(seed)


def changed_histories(mutant: Mutant, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and text of the histories that the mutant tells differently."""
    contract = apply(mutant, folder)
    for seed in SEEDS:
        try:
            text = write_history(seed, contract)
        except BROKEN:
            continue  # it broke so badly that there is nothing to replay
        if text != true_history(seed):
            name = f"mutant_{MUTANTS.index(mutant)}_{seed}"
            yield name, text.replace(f"walrusd::history_{seed};", f"walrusd::{name};")


def check_caught(mutants: Sequence[Mutant], folder: Path) -> None:
    missed = {mutant.name: changed_histories(mutant, folder) for mutant in mutants}
    for count in ROUNDS:
        with stubbed_group():
            taken = {name: dict(islice(texts, count)) for name, texts in missed.items()}
        texts = {name: text for each in taken.values() for name, text in each.items()}
        report = replay((name, partial(texts.get, name)) for name in texts)
        for mutant, histories in taken.items():
            if any(report.has_failed(f"{name}::") for name in histories):
                del missed[mutant]
        if not missed:
            return
    pytest.fail(f"the Move VM agrees with a changed rule: {', '.join(missed)}")


def test_the_differential_catches_changed_rules(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    check_caught([m for m in MUTANTS if m.name in QUICK], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_the_differential_catches_every_changed_rule(part, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    check_caught(MUTANTS[part::4], tmp_path)


def test_there_are_enough_mutants():
    assert len({m.name for m in MUTANTS}) == len(MUTANTS) >= 20
    assert set(QUICK) < {m.name for m in MUTANTS}
