"""Nobody cheats: everybody gets what was agreed, to the Mist."""

from tests.support.scenario.scenario import Scenario


def test_honest_work_is_paid(scenario: Scenario) -> None:
    s = scenario
    task = s.open_task(max_submissions=3)
    works = [s.join(who) for who in ("alice", "bob", "carol")]
    s.close_joining()
    for work in works:
        s.commit(work)
    s.draw()
    for work in works:
        s.open(work)
        s.attest(work)
        s.draw_audit(work)
        s.settle(work)
        assert (s.state(work), s.reason(work)) == ("accepted", "attested")
        assert s.owed(work.who) == s.price("reward") + s.price("stake")
    s.aggregate()
    assert s.state(task) == "aggregated"
    fees = [who for work in works for who in s.committee(work)]
    s.finish()
    assert [s.gain(who) for who in ("alice", "bob", "carol")] == 3 * [s.price("reward")]
    for verifier in set(fees):
        assert s.gain(verifier) == fees.count(verifier) * s.price("seat fee")
    assert s.pot("burned") == 0
