"""Dead, hostile and unfit seats, squatters, wrong declarations, and values that are copied."""

import pytest

from tests.scenarios.known_losses import known_loss
from tests.scenarios.test_accusers import accept, begin
from tests.support.scenario.scenario import Scenario
from tests.support.scenario.stage import SEATS

EVERYBODY = [f"verifier {n}" for n in range(SEATS)]
DEAD = 1_000


def register_dead(s: Scenario, count: int, **declared) -> list[str]:
    dead = [f"dead {number}" for number in range(count)]
    for who in dead:
        s.register_seat(who, **declared)
    return dead


# --- seats that nobody can use --------------------------------------------------------------------


@pytest.mark.parametrize(
    "unfit",
    [
        {"min_fee": 10**9},
        {"rate": 1},
        {"memory": 1},
        {"max_penalty": 250_000_000},
    ],
)
def test_unfit_seats_are_not_drawn_and_do_not_stop_fit_ones(scenario: Scenario, unfit) -> None:
    """They would stop a task only as more than a third of the pool, all of it at their stake."""
    s = scenario
    dead = register_dead(s, 9, **unfit)
    s.advance(1)
    work = begin(s)
    drawn = s.committee(work) + s.substitutes(work)
    assert not set(dead) & set(drawn)
    s.accuse(work, "cost")
    assert s.judge(work) == "refuted"
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")
    s.register_seat("one too many", **unfit)
    with s.expect_refused("terms.ETooFewFit"):
        s.open_task()


def test_seats_made_between_the_opening_and_a_jury_are_not_in_it(scenario: Scenario) -> None:
    """However many: the lot falls on who was there before the task."""
    s = scenario
    work = begin(s)
    s.accuse(work, "cost")
    s.advance(1)
    ring = [f"ring {n}" for n in range(30)]
    for member in ring:
        s.register_seat(member)
    s.advance(1)
    s.convene(work)
    assert not set(ring) & set(s.jury(work))
    s.vote(work)
    s.reveal(work)
    s.resolve(work)
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")


def test_nothing_between_list_and_seating_changes_whom_the_lot_falls_on(
    scenario: Scenario,
) -> None:
    """Seats on the list declare, leave and are topped up; new ones come; all for nothing."""
    s = scenario
    work = begin(s)
    s.accuse(work, "cost")
    assert s.crank(work) == "draw_jury"
    for who in EVERYBODY[:9]:
        s.declare_seat(who, min_fee=10**9, rate=1, memory=1)
    for who in EVERYBODY[9:]:
        s.leave_seat(who)
    s.register_seat("newcomer")
    s.advance(1)
    assert s.crank(work) == "seat_jury"
    assert len(s.jury(work)) == 8
    assert set(s.jury(work)) <= set(EVERYBODY) - set(s.committee(work) + s.substitutes(work))
    s.deliver(work)
    s.vote(work)
    s.reveal(work)
    s.resolve(work)
    assert s.outcome(work) == "refuted"
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")


def test_one_lot_at_a_time_so_that_no_list_is_stale(scenario: Scenario) -> None:
    """Who has a drawn lot cannot keep others waiting: anybody seats it."""
    s = scenario
    s.open_task(max_submissions=2)
    first, second = s.join("alice"), s.join("bob")
    s.close_joining()
    s.commit(first)
    s.commit(second)
    assert s.crank() == "close_training"
    assert s.crank(first) == "draw_committee"
    assert s.crank(second) == ""  # the pool's lot is taken
    with s.expect_refused("node.ELotPending"):
        s.world.draw(s._work(second))
    assert s.crank(first) == "seat_committee"
    assert s.crank(second) == "draw_committee"
    assert s.crank(second) == "seat_committee"
    assert {s.state(first), s.state(second)} == {"seated"}
    s.finish()


def test_a_slot_that_has_another_seat_now_is_passed_over(scenario: Scenario) -> None:
    """A list may be months old: who holds a slot of it since does not inherit the duty."""
    s = scenario
    for who in EVERYBODY[:4]:
        s.register_seat(f"spare of {who}")
    s.advance(1)
    for who in EVERYBODY[:2]:
        s.leave_seat(who)
    s.advance_to("unbonding", EVERYBODY[1], early=1)
    for who in [*EVERYBODY[2:], *(f"spare of {w}" for w in EVERYBODY[:4])]:
        s.renew_seat(who)
    work = begin(s)
    s.accuse(work, "cost")
    assert s.crank(work) == "draw_jury"
    s.advance_to("unbonding", EVERYBODY[1])
    for who in EVERYBODY[:2]:
        s.release_seat(who)
        s.register_seat(f"heir of {who}")
    assert s.crank(work) == "seat_jury"
    assert not any(who.startswith("heir") for who in s.jury(work))
    s.finish()


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["specification"], indirect=True)
def test_a_thousand_dead_seats_neither_close_the_pool_nor_take_part(scenario: Scenario) -> None:
    """Each burns the fee, again at each renewal, and its slot is used again when it is gone."""
    s = scenario
    dead = register_dead(s, DEAD)
    last = [f"last {n}" for n in range(1_024 - SEATS - DEAD)]
    for who in last:
        s.register_seat(who)
    with s.expect_refused("node.EPoolFull"):
        s.register_seat("newcomer")
    for who in EVERYBODY:
        s.advance(60)
        s.renew_seat(who)
    s.advance_to("renewal", dead[-1])
    for who in [*dead, *last]:
        s.evict_seat(who)
    work = begin(s)
    accept(s, work)
    s.advance_to("unbonding", last[-1])
    for who in [*dead, *last]:
        s.release_seat(who)
        assert s.gain(who) == -s.price("registration")
    s.register_seat("newcomer")
    assert s.gain("contributor") == s.price("reward")


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["specification"], indirect=True)
def test_five_hundred_dead_seats_do_not_free_a_forger(scenario: Scenario) -> None:
    """They are registered between its opening and its accusation, and would be live and fit."""
    s = scenario
    work = begin(s, forged="everything")
    s.advance(1)
    register_dead(s, 500)
    s.advance(1)
    s.accuse(work, "segment")
    assert s.judge(work) == "confirmed"
    s.finish()
    assert s.gain("contributor") == -s.price("stake")


# --- what seats say that they can do --------------------------------------------------------------


def test_a_seat_that_says_it_can_do_more_than_it_can_pays_for_it_alone(
    scenario: Scenario,
) -> None:
    """It is drawn, silent, and replaced: no contributor and no publisher loses anything."""
    s = scenario
    work = begin(s, substitutes=3)
    boaster = s.committee(work)[0]
    s.attest(work, 1)
    s.attest(work, 2)
    s.advance_to("verify", work)
    s.replace(work)
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")
    assert s.gain(boaster) == -s.price("seat silence")


def test_seats_that_say_less_than_they_can_keep_work_from_themselves_only(
    scenario: Scenario,
) -> None:
    """A ring that makes itself unfit to own other lots leaves the others to be drawn."""
    s = scenario
    for who in EVERYBODY[:2]:
        s.declare_seat(who, rate=1)
    work = begin(s)
    assert not set(EVERYBODY[:2]) & set(s.committee(work) + s.substitutes(work))
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")


def test_a_ring_that_makes_itself_unfit_while_others_work_does_not_own_the_next_lot(
    scenario: Scenario,
) -> None:
    """Declarations change after the task was opened, up and down: what counts is the draw's time.

    Too few for a committee and a jury, and the draw waits; nobody is judged by whom the ring chose.
    """
    s = scenario
    s.open_task(max_submissions=1)
    work = s.join("alice")
    s.close_joining()
    s.commit(work)
    for who in EVERYBODY[3:]:
        s.declare_seat(who, rate=1)
    with s.expect_refused("node.ETooFewSeats"):
        s.draw()
    for who in EVERYBODY[3:]:
        s.declare_seat(who, rate=10**6)
    s.draw(s.task)
    s.open(work)
    accept(s, work)
    assert s.gain("alice") == s.price("reward")


@pytest.mark.parametrize(
    "terms",
    [
        {"verify": 1, "segment_work": 10**6},
        {"jury_commit": 1, "segment_work": 50_000},
        {"segments_per_seat": 6, "verify": 5, "segment_work": 10**5},
        {"segment_work": 2**50},
    ],
)
def test_no_terms_ask_for_work_that_does_not_fit_its_window(scenario: Scenario, terms) -> None:
    """At what the seats have declared, with all of their duties at once, in half of the window."""
    s = scenario
    with s.expect_refused("terms.ETooFewFit"):
        s.open_task(**terms)
    assert s.gain("publisher") == 0


def test_slow_seats_are_not_drawn_where_only_fast_ones_fit(scenario: Scenario) -> None:
    s = scenario
    slow = EVERYBODY[:2]
    for who in slow:
        s.declare_seat(who, rate=20_000)
    work = begin(s, segment_work=10_000)
    assert not set(slow) & set(s.committee(work) + s.substitutes(work))
    s.accuse(work, "cost")
    s.convene(work)
    assert not set(slow) & set(s.jury(work))
    s.finish()


# --- squatters ------------------------------------------------------------------------------------


def test_a_squatter_on_places_pays_for_each(scenario: Scenario) -> None:
    """It joins to keep others out, and never works."""
    s = scenario
    s.open_task(max_submissions=4)
    squatters = [s.join(f"squatter {n}") for n in range(3)]
    honest = s.join("honest")
    with s.expect_refused("submission.EFull"):
        s.join("late")
    s.close_joining()
    s.commit(honest)
    s.advance_to("grace")
    s.draw()
    s.open(honest)
    s.attest(honest)
    s.draw_audit(honest)
    s.settle(honest)
    s.finish()
    assert s.gain("honest") == s.price("reward")
    assert all(s.gain(work.who) == -s.price("lapse") for work in squatters)


@known_loss("booked-for-nothing")
def test_a_squatter_books_half_of_the_pool_and_lets_it_lapse(scenario: Scenario) -> None:
    """Nobody who came to it works for nothing, but others must wait or take another pool."""
    s = scenario
    squats = []
    for number in range(11):
        squats.append(s.open_task(publisher="squatter", max_submissions=1, lapse_penalty=0))
        s.join(f"sybil {number}")
        s.close_joining()
    honest = s.open_task(publisher="honest", max_submissions=1)
    work = s.join("alice")
    s.close_joining()
    assert s.state(honest) == "void"  # instead: "training", or at the squatter's cost
    s.finish(honest)
    assert (s.gain("alice"), s.reason(work)) == (s.price("cancel", honest), "task_void")
    for task in squats:
        s.finish(task)
    lost = -s.gain("squatter") - sum(s.gain(f"sybil {n}") for n in range(11))
    assert lost == 11 * 3 * s.price("tip")  # which it may earn itself


# --- values that are copied -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["segment", "cost", "file"])
def test_what_one_round_reveals_is_worth_nothing_in_the_next(scenario: Scenario, kind) -> None:
    """A lazy juror that commits to the digest of the round before is of no majority."""
    s = scenario
    work = begin(s)
    s.accuse(work, kind)
    s.convene(work)
    jury = s.jury(work)
    for juror in jury[:2]:
        s.vote(work, by=juror)
    s.advance_to("jury_commit", work)
    s.reveal(work)
    found = s._work(work)
    copied = {juror.value for juror in found.dispute.jurors if juror.value}
    s.resolve(work)
    assert s.outcome(work) == "redrawn"
    s.convene(work)
    s.vote(work)
    s.reveal(work)
    again = {juror.value for juror in found.dispute.jurors}
    assert len(copied) == len(again) == 1
    assert not copied & again
    s.resolve(work)
    assert s.outcome(work) == "refuted"
    accept(s, work)


def test_what_one_juror_reveals_comes_too_late_for_another(scenario: Scenario) -> None:
    """Nobody commits while others reveal, and a commitment is bound to its juror."""
    s = scenario
    work = begin(s)
    s.accuse(work, "cost")
    s.convene(work)
    jury = s.jury(work)
    for juror in jury[:6]:
        s.vote(work, by=juror)
    with s.expect_refused("jury.ENoDispute"):
        s.reveal(work, by=jury[0])
    s.advance_to("jury_commit", work)
    s.reveal(work, by=jury[0])
    with s.expect_refused("jury.ENoDispute"):
        s.vote(work, by=jury[7])
    s.reveal(work, by=jury[1])
    s.finish()
    assert s.gain(jury[7]) == -s.price("juror silence")


def test_a_copied_commitment_opens_to_nothing(scenario: Scenario) -> None:
    """A lazy juror sends another's commitment as its own, and its salt when that is public."""
    s = scenario
    work = begin(s)
    s.accuse(work, "cost")
    s.convene(work)
    found, jury = s._work(work), s.jury(work)
    for juror in jury[:7]:
        s.vote(work, by=juror)
    stolen = found.dispute.jurors[0].commitment
    value = s._said[found.dispute.challenge, jury[0]]
    s.world.jury_commit(found, 7, value, commitment=stolen)
    s.reveal(work)
    with s.expect_refused("jury.EBadReveal"):
        s.world.jury_reveal(found, 7, value)
    s.advance_to("jury_reveal", work)
    s.resolve(work)
    assert s.outcome(work) == "refuted"
    assert s.gain(jury[7]) == 0  # it was an alternate that was not needed
    accept(s, work)
