"""The stages notice what differs, and a refusal is the same on all of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.move.mutants import Mutant, apply
from tests.scenarios import (
    test_audits,
    test_contributors,
    test_juries,
    test_sybils,
)
from tests.support.scenario.devnet_stage import open_devnet
from tests.support.scenario.move_stage import open_move, replay_together
from tests.support.scenario.plugin import require_vm
from tests.support.scenario.scenario import Scenario
from tests.support.scenario.stage import Specification, open_specification
from walrusd.devnet.move.aborts import MoveAbort

Play = Callable[[Scenario], None]


def lapse(s: Scenario) -> None:
    """Expect nothing of the money: only a comparison sees it."""
    s.open_task(max_submissions=1)
    work = s.join("idle")
    s.close_joining()
    s.advance_to("grace")
    s.draw()
    s.settle(work)
    s.finish()


def accuse(s: Scenario) -> None:
    work = test_contributors.begin(s)
    s.commit(work, forged="everything")
    s.draw()
    s.open(work)
    s.accuse(work, "segment")
    s.judge(work)
    s.finish()


def attest_twice(s: Scenario) -> None:
    work = test_contributors.begin(s)
    s.commit(work)
    s.draw()
    s.open(work)
    s.attest(work, 0)
    s.attest(work, 0)


RULES = {
    rule.name: rule
    for rule in (
        Mutant("a lapse is free", "payment", "keeping=task.terms.lapse_penalty", "keeping=0"),
        Mutant("accusers take more", "constants", "ACCUSER_FEES = 5", "ACCUSER_FEES = 6"),
        Mutant(
            "a second vote",
            "attestation",
            "require(voter.attested & (1 << position) == 0",
            "require(True",
        ),
        Mutant("claims pay too much", "settlement", "new_coin(amount)", "new_coin(amount + 1)"),
        Mutant("silence is cheap", "constants", "SILENCE_FEES = 10", "SILENCE_FEES = 9"),
        Mutant(
            "verdicts spare no audit",
            "outcome",
            "submission.audit_round = MAX_SAMPLES",
            "submission.audit_round = 0",
        ),
        Mutant(
            "new seats are drawn",
            "fitness",
            "            and seat.active_from_ms <= opened_ms\n",
            "",
        ),
    )
}
"""Changed rules, as one would get them wrong."""

CHANGED = {
    "a lapse is free": lapse,
    "accusers take more": accuse,
    "a second vote": attest_twice,
}
"""Plays that expect nothing themselves, by the rule whose change a comparison notices."""


@pytest.fixture
def change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], type[Specification]]:
    """Return what changes the rule of a name."""
    monkeypatch.syspath_prepend(tmp_path)
    return lambda name: apply(RULES[name], tmp_path)


@pytest.mark.parametrize(("name", "play"), CHANGED.items())
def test_the_devnet_notices_a_changed_rule(change, name: str, play: Play) -> None:
    with open_devnet(rules=change(name)) as stage:

        def perform() -> None:
            play(Scenario(stage))
            stage.compare()

        with pytest.raises(AssertionError):
            perform()


def test_the_move_vm_notices_changed_rules(change) -> None:
    require_vm()
    recorded = []
    for name, play in CHANGED.items():
        with open_move(rules=change(name)) as stage:
            play(Scenario(stage))
        recorded.append(stage)
    replay_together({stage.module: stage.write() for stage in recorded})
    for stage in recorded:
        with pytest.raises(AssertionError, match="the Move VM differs"):
            stage.compare()


@pytest.mark.parametrize(
    ("name", "play"),
    [
        ("accusers take more", test_contributors.test_a_forger_is_caught_by_whoever_replays),
        ("claims pay too much", test_contributors.test_nobody_claims_twice),
        ("verdicts spare no audit", test_audits.test_honest_work_passes_its_audit),
        ("silence is cheap", test_juries.test_silent_jurors_lose_ten_fees),
        (
            "new seats are drawn",
            test_sybils.test_seats_made_between_the_opening_and_a_jury_are_not_in_it,
        ),
    ],
)
def test_plays_and_invariants_notice_a_changed_rule(change, name: str, play: Play) -> None:
    with open_specification(rules=change(name)) as stage:
        played = Scenario(stage)
        with pytest.raises((AssertionError, MoveAbort)):
            play(played)


@pytest.mark.parametrize("play", CHANGED.values())
def test_plays_that_expect_nothing_agree_with_the_true_rules(play: Play) -> None:
    with open_specification() as stage:
        if play is attest_twice:
            with pytest.raises(MoveAbort):
                play(Scenario(stage))
        else:
            play(Scenario(stage))


def test_a_refusal_is_the_same_everywhere(scenario: Scenario) -> None:
    s = scenario
    s.open_task()
    for code in ("ETooEarly", "task.ETooEarly"):
        with s.expect_refused(code):
            s.close_joining()


def is_expected(s: Scenario, code: str) -> None:
    with s.expect_refused(code):
        s.close_joining()


def test_an_expected_refusal_must_come_and_be_this_one(scenario: Scenario) -> None:
    s = scenario
    s.open_task(max_submissions=1)
    with pytest.raises(
        AssertionError, match=r"expected ETooLate, was refused with task\.ETooEarly"
    ):
        is_expected(s, "ETooLate")
    with pytest.raises(AssertionError, match="expected settlement"):
        is_expected(s, "settlement.ETooEarly")
    s.join("alice")
    with pytest.raises(AssertionError, match="but it was allowed"):
        is_expected(s, "ETooEarly")


def test_time_passes_where_a_play_says_so(scenario: Scenario) -> None:
    s = scenario
    began = s.now
    s.open_task(join=10)
    s.advance(2.5)
    s.advance_to("join", early=0.5)
    assert s.now == pytest.approx(began + 9.5)
    s.advance_to("join")
    assert s.now == pytest.approx(began + 10)
    with pytest.raises(LookupError, match="lunch"):
        s.advance_to("lunch", s.task)
    s.advance(1)
    with pytest.raises(AssertionError, match="was over 1000 ms ago"):
        s.advance_to("join")


def test_a_crank_is_turned_when_it_is_due(scenario: Scenario) -> None:
    s = scenario
    s.open_task(max_submissions=1)
    s.join("alice")
    assert s.crank() == "close_joining"
    assert s.crank() == ""
    s.advance_to("grace")
    assert s.crank() == "close_training"
    assert s.state(s.task) == "opening"
