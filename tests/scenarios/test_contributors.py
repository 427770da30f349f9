"""Contributors that forge, are late, stay away, or claim what is not so."""

from tests.support.scenario.scenario import Scenario


def begin(s: Scenario, who: str = "cheat", **terms):
    """Open a task for one contributor, who joins; training has begun."""
    s.open_task(**{"max_submissions": 1, **terms})
    work = s.join(who)
    s.close_joining()
    return work


def test_a_forger_is_caught_by_whoever_replays(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    s.commit(work, forged={3})
    s.draw()
    s.open(work)
    s.accuse(work, "segment", 3)
    accuser = s.accuser(work)
    assert accuser in s.committee(work)
    assert s.judge(work) == "confirmed"
    assert (s.state(work), s.reason(work)) == ("rejected", "challenge_confirmed")
    jury = s.jury(work)
    s.finish()
    stake, fees = s.price("stake"), 3 * s.price("seat fee") + s.price("case")
    assert s.gain("cheat") == -stake
    assert s.gain(accuser) == s.price("seat fee") + s.price("accuser")
    assert all(s.gain(juror) == s.price("juror fee") for juror in jury)
    assert s.pot("burned") == stake - fees - s.price("accuser")


def test_every_wrong_part_is_a_fault(scenario: Scenario) -> None:
    s = scenario
    parts = "update", "rows", "cost", "file"
    s.open_task(max_submissions=4)
    works = {part: s.join(f"wrong {part}") for part in parts}
    s.close_joining()
    for part, work in works.items():
        s.commit(work, wrong={part})
    s.draw()
    for part, work in works.items():
        s.open(work)
        s.accuse(work, part)
        assert s.judge(work) == "confirmed"
    s.finish()
    assert all(s.gain(work.who) == -s.price("stake") for work in works.values())
    assert s.gain("accuser") == s.price("accuser")  # of the file, as an outsider


def test_never_opening_costs_the_stake(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    s.commit(work)
    s.draw()
    s.advance_to("grace", work, early=0.001)
    with s.expect_refused("settlement.ETooEarly"):
        s.settle(work)
    s.advance_to("grace", work)
    s.settle(work)
    assert (s.state(work), s.reason(work)) == ("rejected", "never_opened")
    s.finish()
    assert s.gain("cheat") == -s.price("stake") == -s.pot("burned")


def test_opening_late_costs_a_part_of_the_stake(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    s.commit(work)
    s.draw()
    s.advance_to("open", work)
    s.advance(s.terms().grace_ms / 1000 / 4)
    s.open(work)
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    s.finish()
    assert s.gain("cheat") == s.price("reward") - s.price("late") // 4
    assert s.pot("burned") == s.price("late") // 4


def test_a_commitment_after_training_has_closed_is_too_late(scenario: Scenario) -> None:
    s = scenario
    s.open_task(max_submissions=2)
    late, honest = s.join("late"), s.join("honest")
    s.close_joining()
    s.commit(honest)
    s.advance_to("train")
    with s.expect_refused("task.ETooEarly"):
        s.draw()
    s.advance_to("grace")
    s.draw()
    with s.expect_refused("EWrongPhase"):
        s.commit(late)
    s.settle(late)
    assert (s.state(late), s.reason(late)) == ("lapsed", "no_commit")
    s.open(honest)
    s.attest(honest)
    s.draw_audit(honest)
    s.settle(honest)
    s.finish()
    assert s.gain("late") == -s.price("lapse") == -s.pot("burned")
    assert s.gain("honest") == s.price("reward")


def test_a_commitment_in_the_grace_costs_a_part_of_the_late_fee(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, "late")
    s.advance_to("train")
    s.advance(s.terms().grace_ms / 1000 / 2)
    s.commit(work)
    s.draw()
    s.open(work)
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    s.finish()
    assert s.gain("late") == s.price("reward") - s.price("late") // 2


def test_a_plan_that_cannot_be_carried_out_is_paid_by_its_publisher(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, "honest")
    s.commit_abort(work, segment=3)
    s.draw()
    s.open(work)
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    assert (s.state(work), s.reason(work)) == ("aborted", "plan_aborted")
    s.finish()
    earned = s.price("reward") * 3 // 6
    assert s.gain("honest") == earned
    assert s.gain("publisher") == -earned - 3 * s.price("seat fee") - 6 * s.price("tip")


def test_a_plan_that_works_is_not_said_to_be_impossible(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    s.commit_abort(work, segment=2, forged=True)
    s.draw()
    s.open(work)
    s.accuse(work, "segment", 2)
    assert s.judge(work) == "confirmed"
    s.finish()
    assert s.gain("cheat") == -s.price("stake")


def test_nobody_claims_twice(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, "honest")
    s.commit(work)
    s.draw()
    s.open(work)
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    with s.expect_refused("settlement.EAlreadyEnded"):
        s.settle(work)
    assert s.claim("honest", work) == s.price("reward") + s.price("stake")
    with s.expect_refused("settlement.ENothingToClaim"):
        s.claim("honest", work)
    with s.expect_refused("settlement.ENothingToClaim"):
        s.claim("stranger", work)
    s.finish()
    assert s.gain("honest") == s.price("reward")


def test_what_is_not_the_contributors_is_refused(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, "honest")
    with s.expect_refused("submission.ENotContributor"):
        s.commit(work, by="stranger")
    s.commit(work)
    with s.expect_refused("submission.EWrongState"):
        s.commit(work)
    s.draw()
    with s.expect_refused("submission.ENotContributor"):
        s.open(work, by="stranger")
    with s.expect_refused("submission.EWrongState"):
        s.accuse(work, "cost")
    s.open(work)
    with s.expect_refused("submission.EWrongState"):
        s.open(work)
    with s.expect_refused("jury.EConflict"):
        s.accuse(work, "file", by="honest")
    s.attest(work)
    s.draw_audit(work)
    with s.expect_refused("envelope.EBadEnvelopeProof"):
        s.deliver_update(work, by="stranger")
