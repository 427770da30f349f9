"""Verifiers that are silent, that leave, that are bribed, or of whom there are too few."""

from tests.scenarios.test_accusers import accept, begin
from tests.support.scenario.scenario import Scenario
from tests.support.scenario.stage import SEATS

EVERYBODY = [f"verifier {n}" for n in range(SEATS)]


def test_a_silent_seat_pays_and_its_substitute_works(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    drawn, substitute = s.committee(work), s.substitutes(work)[0]
    s.attest(work, 0)
    s.attest(work, 2)
    with s.expect_refused("committee.ETooEarly"):
        s.replace(work)
    s.advance_to("verify", work)
    s.replace(work)
    assert s.committee(work) == [drawn[0], substitute, drawn[2]]
    s.attest(work, substitute)
    s.draw_audit(work)
    s.settle(work)
    s.finish()
    assert s.gain(drawn[1]) == -s.price("seat silence")
    assert s.gain(substitute) == s.price("seat fee")
    assert s.gain("contributor") == s.price("reward")


def test_substitutes_that_are_silent_too_leave_it_undecided(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, substitutes=1)
    s.attest(work, 0)
    s.attest(work, 1)
    for _ in range(2):
        s.advance_to("verify", work)
        s.replace(work)
    assert (s.state(work), s.reason(work)) == ("undecided", "not_fully_attested")
    s.finish()
    assert s.gain("contributor") == 0
    assert s.pot("burned") == 2 * s.price("seat silence")


def test_nobody_tells_in_time_who_will_be_away(scenario: Scenario) -> None:
    """Two rounds of substitutes are asked, no more, so that the end does not wait for ever."""
    s = scenario
    work = begin(s, substitutes=4)
    s.attest(work, 0)
    s.attest(work, 1)
    for _ in range(3):
        assert s.state(work) == "opened"
        s.advance_to("verify", work)
        s.replace(work)
    assert (s.state(work), s.reason(work)) == ("undecided", "not_fully_attested")
    s.finish()
    assert s.pot("burned") == 3 * s.price("seat silence")


def test_a_seat_that_is_silent_twice_is_evicted(scenario: Scenario) -> None:
    s = scenario
    s.open_task(max_submissions=2)
    works = [s.join("alice"), s.join("bob")]
    s.close_joining()
    for work in works:
        s.commit(work)
    s.draw()
    silent = []
    for work in works:
        s.open(work)
        silent += s.committee(work)
        s.advance_to("verify", work)
        s.replace(work)
    twice = [who for who in set(silent) if silent.count(who) == 2]
    once = [who for who in set(silent) if silent.count(who) == 1]
    with s.expect_refused("node.ENotEvictable"):
        s.evict_seat(once[0])
    for who in twice:
        s.evict_seat(who)
        with s.expect_refused("node.EAlreadyExiting"):
            s.evict_seat(who)
        assert s.gain(who) == -2 * s.price("seat silence")
    s.finish()


def test_a_seat_that_works_again_is_not_evicted(scenario: Scenario) -> None:
    """A duty that is done makes good for the one before."""
    s = scenario
    lazy = ""
    for number in range(20):
        terms = {"committee": 12, "segments_per_seat": 1, "substitutes": 1, "jury": 1}
        s.open_task(max_submissions=1, publisher=f"publisher {number}", stake="1 SUI", **terms)
        work = s.join("alice")
        s.close_joining()
        s.commit(work)
        s.draw()
        s.open(work)
        is_back = lazy in s.committee(work)
        if not lazy:
            lazy = s.committee(work)[0]
            for seat in s.committee(work)[1:]:
                s.attest(work, seat)
            s.advance_to("verify", work)
            s.replace(work)
        s.attest(work)
        s.draw_audit(work)
        s.settle(work)
        s.finish()
        if is_back:
            break
    assert is_back
    with s.expect_refused("node.ENotEvictable"):
        s.evict_seat(lazy)


def test_a_seat_that_is_not_renewed_is_evicted_and_its_stake_is_its_own(
    scenario: Scenario,
) -> None:
    s = scenario
    for who in EVERYBODY[1:]:
        s.renew_seat(who)
    s.advance_to("renewal", "verifier 0", early=0.001)
    with s.expect_refused("node.ENotEvictable"):
        s.evict_seat("verifier 0")
    s.advance_to("renewal", "verifier 0")
    s.evict_seat("verifier 0")
    s.advance_to("unbonding", "verifier 0", early=0.001)
    with s.expect_refused("node.EStillBonded"):
        s.release_seat("verifier 0")
    s.advance_to("unbonding", "verifier 0")
    s.release_seat("verifier 0")
    assert (s.gain("verifier 0"), s.seat_stake("verifier 0")) == (0, 0)
    assert s.gain("verifier 1") == -s.price("registration")
    s.register_seat("newcomer")
    s.register_seat("verifier 0")
    assert s.gain("verifier 0") == -s.price("registration")


def test_penalties_are_made_good(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    silent = s.committee(work)[0]
    s.advance_to("verify", work)
    s.replace(work)
    with s.expect_refused("node.EWrongStake"):
        s.top_up_seat(silent, s.price("seat silence") + 1)
    s.top_up_seat(silent)
    assert s.seat_stake(silent) == s.price("deposit")
    assert s.gain(silent) == -s.price("seat silence")
    s.finish()


def test_leaving_takes_its_time_and_a_seat_in_use_stays(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, verify=7 * 86_400)
    busy, (idle, *_) = (
        s.committee(work)[0],
        set(EVERYBODY) - set(s.committee(work) + s.substitutes(work)),
    )
    for who in (busy, idle):
        with s.expect_refused("node.ENotExiting"):
            s.withdraw_seat(who)
        s.leave_seat(who)
        with s.expect_refused("node.EAlreadyExiting"):
            s.leave_seat(who)
    s.advance_to("unbonding", idle, early=0.001)
    with s.expect_refused("node.EStillBonded"):
        s.withdraw_seat(idle)
    s.advance_to("unbonding", idle)
    s.withdraw_seat(idle)
    for leave in (s.withdraw_seat, s.release_seat):
        with s.expect_refused("node.ESeatInUse"):
            leave(busy)
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    s.withdraw_seat(busy)
    assert (s.gain(idle), s.seat_stake(idle)) == (0, 0)
    assert s.gain(busy) == 0
    s.claim(busy)
    assert s.gain(busy) == s.price("seat fee")


def test_a_seat_costs_what_the_pool_says(scenario: Scenario) -> None:
    s = scenario
    with s.expect_refused("node.EWrongStake"):
        s.register_seat("newcomer", stake=1)
    with s.expect_refused("node.EWrongStake"):
        s.register_seat("newcomer", stake=s.price("deposit") + 1)
    for wrong in ({"min_fee": 2**64 - 1}, {"max_penalty": 1}, {"rate": 0}, {"memory": 0}):
        with s.expect_refused("node.EBadDeclaration"):
            s.register_seat("newcomer", **wrong)
    s.register_seat("newcomer")
    assert s.gain("newcomer") == -s.price("registration")
    assert s.money("newcomer") < s.money("stranger")


# --- what one stake answers for -------------------------------------------------------------------


def test_one_stake_answers_for_two_forgeries_each_time(scenario: Scenario) -> None:
    """A bribed seat that sits on two of them pays for both."""
    s = scenario
    s.open_task(max_submissions=2, committee=3, segments_per_seat=2)
    works = [s.join("first"), s.join("second")]
    s.close_joining()
    for work in works:
        s.commit(work, forged="everything")
    s.draw()
    for work in works:
        s.open(work)
        s.attest(work)
        s.draw_audit(work, selected=True)
        s.audit(work)
        segment = s.audited(work)
        seats = s.committee(work)
        guilty = [who for at, who in enumerate(seats) if segment in s.dealt(work, at)]
        before = {who: s.seat_stake(who) for who in seats}
        assert s.judge(work) == "confirmed"
        lost = {who: before[who] - s.seat_stake(who) for who in seats}
        assert guilty
        assert all(lost[who] == (s.price("seat stake") if who in guilty else 0) for who in seats)
    s.finish()


def test_a_stake_that_was_fined_backs_fewer_duties(scenario: Scenario) -> None:
    """So what is left always answers for the work that a seat has at once."""
    s = scenario
    s.open_task(max_submissions=1, committee=1, segments_per_seat=6)
    work = s.join("forger")
    s.close_joining()
    s.commit(work, forged="everything")
    s.draw()
    (bribed,) = s.committee(work)
    s.open(work)
    s.attest(work)
    s.draw_audit(work, selected=True)
    s.audit(work)
    assert s.judge(work) == "confirmed"
    s.finish()
    seat = s._seat_of(bribed)
    pool = s.world.pool.params
    assert seat.stake < pool.stake
    backed = seat.stake // (pool.stake // pool.duties)
    assert backed == pool.duties - 1


def test_a_silent_substitute_and_a_lost_case_fit_the_share_of_one_duty(scenario: Scenario) -> None:
    """Everything that one duty may cost is less than what backs it."""
    s = scenario
    work = begin(s)
    unlucky = s.committee(work)[0]
    share = s.price("deposit") // 16
    s.accuse(work, "cost", by=0)
    assert s.judge(work) == "refuted"
    accept(s, work)
    assert s.price("deposit") - s.seat_stake(unlucky) == s.price("accusation") <= share


# --- pools that are exhausted, or thin ------------------------------------------------------------


def test_a_pool_that_is_exhausted_takes_no_task(scenario: Scenario) -> None:
    s = scenario
    for who in EVERYBODY[2:]:
        s.leave_seat(who)
    with s.expect_refused("terms.ETooFewFit"):
        s.open_task(max_submissions=1)
    assert s.gain("publisher") == 0


def test_seats_that_leave_while_all_join_void_the_task_before_training(scenario: Scenario) -> None:
    """Nobody has trained, and all get their stakes back, and something for their gas."""
    s = scenario
    task = s.open_task(max_submissions=3)
    works = [s.join(who) for who in ("alice", "bob", "carol")]
    for who in EVERYBODY[15:]:
        s.leave_seat(who)
    s.advance(1)
    s.register_seat("made for it")
    s.close_joining()
    assert s.state(task) == "void"
    s.finish()
    assert {s.reason(work) for work in works} == {"task_void"}
    assert all(s.gain(work.who) == s.price("cancel") for work in works)


def test_a_draw_waits_for_seats_and_costs_nobody_anything(scenario: Scenario) -> None:
    """They leave after training; then no clock runs, and who registers for it is not drawn."""
    s = scenario
    s.open_task(max_submissions=1)
    work = s.join("alice")
    s.close_joining()
    s.commit(work)
    for who in EVERYBODY[4:]:
        s.leave_seat(who)
    with s.expect_refused("node.ETooFewSeats"):
        s.draw()
    s.advance(1)
    s.register_seat("made for it")
    s.advance_to("life", early=1)
    with s.expect_refused("node.ETooFewSeats"):
        s.crank(work)
    with s.expect_refused("settlement.ETooEarly"):
        s.settle(work)
    assert s.state(work) == "committed"
    s.finish()
    assert (s.state(work), s.reason(work)) == ("void", "stalled")
    assert s.gain("alice") == s.price("cancel")


def test_seats_that_leave_do_not_keep_a_reward_from_attested_work(scenario: Scenario) -> None:
    """A thin pool, an accuser, and no jury: the case is dismissed at last, not the work."""
    s = scenario
    work = begin(s)
    s.attest(work)
    accuser = s.committee(work)[0]
    for who in set(EVERYBODY) - set(s.committee(work) + s.substitutes(work)):
        s.leave_seat(who)
    s.accuse(work, "cost", by=accuser)
    with s.expect_refused("node.ETooFewSeats"):
        s.convene(work)
    with s.expect_refused("settlement.EDisputed"):
        s.settle(work)
    s.advance_to("life")
    s.settle(work)
    assert s.state(work) == "attested"
    s.draw_audit(work)
    s.settle(work)
    assert s.state(work) == "accepted"
    s.finish()
    assert s.gain("contributor") == s.price("reward")


def test_an_audit_without_a_jury_gives_the_stake_back_and_no_reward(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, forged="everything")
    s.attest(work)
    s.draw_audit(work, selected=True)
    s.audit(work)
    for who in set(EVERYBODY) - set(s.committee(work) + s.substitutes(work)):
        s.leave_seat(who)
    s.finish()
    assert (s.state(work), s.reason(work)) == ("undecided", "stalled")
    assert s.gain("contributor") == 0


def test_tasks_book_at_most_half_of_the_pool(scenario: Scenario) -> None:
    """So whoever fills it with tasks of its own does not choose who is left for others."""
    s = scenario
    tasks = []
    for number in range(8):
        tasks.append(s.open_task(publisher=f"publisher {number}", max_submissions=2))
        for who in ("alice", "bob"):
            s.join(who)
        s.close_joining()
    states = [s.state(task) for task in tasks]
    booked = states.count("training") * 2 * (3 + 2 + 8)
    assert "void" in states
    assert 2 * booked <= SEATS * 16 < 2 * (booked + 2 * 13)
    for task in tasks:
        s.finish(task)
