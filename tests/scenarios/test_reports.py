"""Seats that report what they can read, and accuse an opening that is good."""

from tests.support.scenario.scenario import Scenario


def test_a_needless_report_costs_the_publisher_a_jury(scenario: Scenario) -> None:
    s = scenario
    s.open_task(max_submissions=1, jury=3)
    work = s.join("alice")
    s.close_joining()
    s.commit(work)
    s.draw()
    s.open(work)
    griefer = s.committee(work)[0]
    s.report(work, griefer)
    assert s.state(work) == "seated"
    with s.expect_refused("EWrongState"):
        s.attest(work, griefer)
    s.open(work)
    with s.expect_refused("EAlreadyReported"):
        s.report(work, griefer)
    with s.expect_refused("ENotReported"):
        s.accuse(work, "opening", by="stranger")
    s.accuse(work, "opening", by=griefer, says="fault")
    assert s.accuser(work) == griefer
    assert s.judge(work) == "refuted"
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    s.finish()
    assert s.gain("alice") == s.price("reward")
    assert s.gain(griefer) == s.price("seat fee") * s.committee(work).count(griefer)
    costs = 3 * s.price("seat fee") + 3 * s.price("juror fee") + 5 * s.price("tip")
    assert s.gain("publisher") == -s.price("reward") - costs
