"""Random histories: the invariants hold at every step, and every history ends."""

import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from walrusd.core.lifecycle import ChallengeOutcome

from .walk import Walk

NUMBERS = 3 * 6**3
NUMBER = st.integers(0, NUMBERS - 1)


class AnybodyMachine(RuleBasedStateMachine):
    """``watch`` checks the invariants after every successful call, ``World`` the supply."""

    def __init__(self):
        super().__init__()
        self.walk = Walk()

    def teardown(self):
        self.walk.finish()


def add_rules():
    def make(name):
        def step(self, n):
            getattr(self.walk, name)(n)

        step.__name__ = name
        return rule(n=NUMBER)(step)

    for name in OPERATIONS:
        setattr(AnybodyMachine, name, make(name))
    # Twice more, so that histories get somewhere.
    AnybodyMachine.go_on_2 = make("go_on")
    AnybodyMachine.go_on_3 = make("go_on")


OPERATIONS = (
    "go_on",
    "advance",
    "join",
    "close_joining",
    "commit",
    "draw",
    "seat",
    "open",
    "attest",
    "attest_everything",
    "challenge",
    "draw_jury",
    "seat_jury",
    "jury_commit",
    "jury_reveal",
    "accuser_reveal",
    "resolve",
    "settle",
    "claim",
    "reclaim",
    "record_aggregate",
    "leave",
    "wait_long",
)
add_rules()

TestAnybody = AnybodyMachine.TestCase
TestAnybody.settings = settings(
    max_examples=15,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

HOW_WALKS_GO = {
    "ended ACCEPTED",
    "ended REJECTED",
    "ended LAPSED",
    "ended UNDECIDED",
    "ended VOID",
    "did challenge",
    "did jury_commit",
    "did jury_reveal",
    "did accuser_reveal",
    "did resolve",
    "did settle",
    "did seat_jury",
    "did claim",
    *(f"resolved {outcome.name}" for outcome in ChallengeOutcome),
}


def take(seed):
    """Walk mostly forward, with detours, and return what was counted."""
    chance = random.Random(seed)
    walk = Walk(verifiers=chance.choice((1, 4, 9, 12)))
    for _ in range(90):
        is_usual = chance.random() < 0.7
        name = "go_on" if is_usual else chance.choice(OPERATIONS[:-1])
        getattr(walk, name)(chance.randrange(NUMBERS))
    walk.finish()
    return walk.counts


def test_a_few_walks_end():
    for seed in range(4):
        take(seed)


@pytest.mark.slow
def test_walks_reach_every_end():
    counts = sum((take(seed) for seed in range(60)), Counter())
    missing = HOW_WALKS_GO - set(counts)
    assert not missing, f"no walk {sorted(missing)}"
