"""The net has no holes: the differential catches every seeded change of a rule."""

import functools
from functools import partial

import pytest

from walrusd.devnet.move_env import ContractDefectError

from .histories import stubbed_group, write_history
from .mutants import MUTANTS, Mutant, apply
from .replays import replay

SEEDS = range(200)
"""The histories of the quick suite."""

ENOUGH = 8
"""Histories a mutant changes that are replayed: some only lose a step and stay true."""

BROKEN = (
    AssertionError,
    ContractDefectError,
    LookupError,
    OverflowError,
    StopIteration,
    ValueError,
)
"""What a rule that is badly broken raises, or makes of the walkers who count on it."""

QUICK = ("training ends late", "windows stay", "seating is free", "any seat", "any leaf zero")


@functools.cache
def true_history(seed: int) -> str:
    return write_history(seed)


def changed_histories(mutant: Mutant, folder, enough: int) -> dict[str, str]:
    """Write the first histories that the mutant tells differently."""
    contract = apply(mutant, folder)
    found: dict[str, str] = {}
    for seed in SEEDS:
        try:
            text = write_history(seed, contract)
        except BROKEN:
            continue  # it broke so badly that there is nothing to replay
        if text != true_history(seed):
            name = f"mutant_{MUTANTS.index(mutant)}_{seed}"
            found[name] = text.replace(f"walrusd::history_{seed};", f"walrusd::{name};")
        if len(found) == enough:
            break
    return found


def check_caught(mutants, tmp_path, monkeypatch, enough=ENOUGH):
    monkeypatch.syspath_prepend(tmp_path)
    with stubbed_group():
        changed = {mutant: changed_histories(mutant, tmp_path, enough) for mutant in mutants}
    unchanged = [mutant.name for mutant, texts in changed.items() if not texts]
    assert not unchanged, "no history shows the change"
    texts = {name: text for histories in changed.values() for name, text in histories.items()}
    report = replay((name, partial(texts.get, name)) for name in texts)
    missed = [
        mutant.name
        for mutant, histories in changed.items()
        if not any(report.has_failed(f"{name}::") for name in histories)
    ]
    assert not missed, "the Move VM agrees with a changed rule"


@pytest.mark.timeout(600)
def test_the_differential_catches_changed_rules(tmp_path, monkeypatch):
    check_caught([m for m in MUTANTS if m.name in QUICK], tmp_path, monkeypatch, enough=3)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("part", range(4))
def test_the_differential_catches_every_changed_rule(part, tmp_path, monkeypatch):
    check_caught(MUTANTS[part::4], tmp_path, monkeypatch)


def test_there_are_enough_mutants():
    assert len({m.name for m in MUTANTS}) == len(MUTANTS) >= 20
    assert set(QUICK) < {m.name for m in MUTANTS}
