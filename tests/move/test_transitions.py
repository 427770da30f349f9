"""Single transitions of the specification in a VM with the real group, every byte compared.

sui-sandbox has wheels for x86-64 Linux only: elsewhere these skip.
"""

import random
from collections import Counter

import pytest

from walrusd.devnet.move.signatures import Mode

from . import histories, oracle

pytest.importorskip(
    "sui_sandbox", reason="SUI-SANDBOX IS MISSING: no single transition is compared"
)

QUICK, MANY, CHUNKS = 30, 600, 4
A_WALK = 10
"""Transitions that are taken of one history: few, so that they come from many."""


def collect_steps(count: int, seed: int) -> list[oracle.Step]:
    """Collect recorded calls, as many kinds as there are: by function and by refusal."""
    chance, found = random.Random(seed), []
    seen: Counter[object] = Counter()
    while len(found) < count:
        world = histories.take_walk(seed, world=histories.OracleBazaar).m
        steps = [s for s in world.steps if s.target not in oracle.RANDOM]
        chance.shuffle(steps)
        steps.sort(key=lambda s: seen[s.target, s.abort])
        found += steps[:A_WALK]
        seen.update((s.target, s.abort) for s in steps[:A_WALK])
        seed += 1
    # Rare ones first, each once, then again from the start.
    order: dict[object, int] = Counter()
    ranked = []
    for step in found:
        ranked.append((order[step.target, step.abort], len(ranked), step))
        order[step.target, step.abort] += 1
    return [step for _, _, step in sorted(ranked, key=lambda r: r[:2])][:count]


def check_all(steps, folder) -> Counter[str]:
    modules = oracle.build_modules()
    for step in steps:
        oracle.check_transition(step, folder, modules)
    return Counter(step.target for step in steps)


def test_transitions_agree_to_the_byte(tmp_path):
    assert len(check_all(collect_steps(QUICK, seed=1), tmp_path)) > 10


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_many_transitions_agree_to_the_byte(chunk, tmp_path):
    steps = collect_steps(MANY // CHUNKS, seed=1_000 * (chunk + 1))
    assert len(check_all(steps, tmp_path)) > 20


def test_a_wrong_byte_is_seen(tmp_path):
    step, changed = next(
        (step, given)
        for step in collect_steps(QUICK, seed=2)
        for given in step.inputs
        if step.abort is None and getattr(given, "mode", None) is Mode.MUT
    )
    changed.after = changed.after[:-1] + bytes([changed.after[-1] ^ 1])
    with pytest.raises(AssertionError, match="777"):
        oracle.check_transition(step, tmp_path, oracle.build_modules())
