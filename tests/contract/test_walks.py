"""Random histories: the invariants hold at every step, and every history ends."""

import copy
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from walrusd.core.lifecycle import (
    TERMINAL,
    CaseKind,
    CaseOutcome,
    DisputePhase,
    EndReason,
    SubmissionState,
)

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
    "cancel",
    "commit",
    "close_training",
    "draw",
    "seat",
    "open",
    "deliver",
    "show",
    "reopen",
    "attest",
    "attest_everything",
    "report",
    "report_everything",
    "replace",
    "draw_audit",
    "audit",
    "deliver_update",
    "accuse",
    "accuse_file",
    "draw_jury",
    "seat_jury",
    "brief",
    "jury_commit",
    "jury_reveal",
    "resolve",
    "settle",
    "claim",
    "reclaim",
    "record_aggregate",
    "leave",
    "abandon",
    "wait_long",
)
add_rules()

TestAnybody = AnybodyMachine.TestCase
TestAnybody.settings = settings(
    max_examples=15,
    stateful_step_count=60,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

ELSEWHERE = {
    # Reasons of tasks alone.
    EndReason.NOBODY_JOINED,
    EndReason.CANCELLED,
    EndReason.POOL_BUSY,
    # Four juries without a majority: ``test_ways_out``.
    EndReason.NO_MAJORITY,
}
HOW_WALKS_GO = {
    "ended ACCEPTED",
    "ended REJECTED",
    "ended LAPSED",
    "ended UNDECIDED",
    "ended VOID",
    "ended ABORTED",
    "did commit_abort",
    "did report",
    "did replace",
    "did reopen",
    "did draw_audit",
    "did audit",
    "did accuse",
    "did accuse_file",
    "did jury_commit",
    "did jury_reveal",
    "did resolve",
    "did settle",
    "did seat_jury",
    "did claim",
    "saw CaseDropped",
    *(f"resolved {outcome.name}" for outcome in CaseOutcome),
    *(f"because {reason.name}" for reason in EndReason if reason not in ELSEWHERE),
}


def walks(seed):
    """Walk mostly forward, with detours; yield the walk after every step."""
    chance = random.Random(seed)
    walk = Walk(verifiers=chance.choice((12, 13, 18)))
    for _ in range(90):
        is_usual = chance.random() < 0.7
        name = "go_on" if is_usual else chance.choice(OPERATIONS[:-1])
        getattr(walk, name)(chance.randrange(NUMBERS))
        yield walk


def take(seed):
    """Walk, let strangers finish, and return what was counted."""
    *_, walk = walks(seed)
    walk.finish()
    return walk.counts


def end_every_new_shape(seeds):
    """Let strangers end a copy of every situation that is not like one before; return them all."""
    seen = set()
    for seed in seeds:
        for walk in walks(seed):
            if not set(walk.shapes()) <= seen:
                seen |= set(walk.shapes())
                copy.deepcopy(walk).finish()
    return seen


def test_a_few_walks_end():
    for seed in range(4):
        take(seed)


def test_strangers_end_what_a_few_walks_reach():
    assert len(end_every_new_shape(range(2))) > 5


@pytest.mark.slow
def test_strangers_end_whatever_the_walks_reach():
    seen = end_every_new_shape(range(60))
    under_way = {state.name for state in SubmissionState if state not in TERMINAL}
    assert {shape[0] for shape in seen} == under_way
    disputes = [shape[5] for shape in seen if shape[5]]
    assert {kind for kind, *_ in disputes} == set(CaseKind)
    assert {phase for _kind, phase, *_ in disputes} == set(DisputePhase)
    assert {resumed for *_, resumed in disputes} == {
        SubmissionState.OPENED,
        SubmissionState.ATTESTED,
        SubmissionState.AUDITED,
    }


@pytest.mark.slow
def test_walks_reach_every_end():
    counts = sum((take(seed) for seed in range(60)), Counter())
    missing = HOW_WALKS_GO - set(counts)
    assert not missing, f"no walk {sorted(missing)}"
