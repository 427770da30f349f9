"""Accusations that are false, that come from friends, or that come again."""

import pytest

from tests.scenarios.known_losses import known_loss
from tests.support.scenario.scenario import Scenario


def begin(s: Scenario, *, forged=(), withheld: bool | str = False, **terms):
    """Open a task for one contributor, whose work is opened to its committee."""
    s.open_task(**{"max_submissions": 1, **terms})
    work = s.join("contributor")
    s.close_joining()
    s.commit(work, forged=forged)
    s.draw()
    s.open(work, withheld=withheld)
    return work


def accept(s: Scenario, work) -> None:
    """Let honest work come to its end."""
    s.attest(work)
    s.draw_audit(work)
    s.settle(work)
    assert s.state(work) == "accepted"
    s.finish()


def test_a_false_accusation_costs_its_seat_the_case_and_the_place(scenario: Scenario) -> None:
    s = scenario
    work = begin(s)
    slanderer, successor = s.committee(work)[0], s.substitutes(work)[0]
    s.accuse(work, "segment", by=slanderer)
    assert s.judge(work) == "refuted"
    assert s.state(work) == "opened"
    assert s.committee(work)[0] == successor
    with s.expect_refused("attestation.ENotSeated"):
        s.accuse(work, "update", by=slanderer)
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")
    assert s.gain(slanderer) == -s.price("accusation")
    assert s.gain(successor) == s.price("seat fee")
    assert s.pot("burned") == s.price("accusation") - s.price("case")


def test_a_seat_that_has_attested_accuses_falsely(scenario: Scenario) -> None:
    """It keeps its place, as its work is done, but it does not accuse again."""
    s = scenario
    work = begin(s)
    s.attest(work)
    slanderer = s.committee(work)[1]
    s.accuse(work, "rows", 3, by=slanderer)
    assert s.judge(work) == "refuted"
    assert s.state(work) == "attested"
    with s.expect_refused("jury.EAlreadyAccused"):
        s.accuse(work, "cost", by=slanderer)
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")
    assert s.gain(slanderer) == s.price("seat fee") - s.price("accusation")


@pytest.mark.parametrize("what", ["segment", "update", "rows", "cost", "opening"])
def test_outsiders_accuse_nothing_that_they_cannot_read(scenario: Scenario, what) -> None:
    s = scenario
    work = begin(s, forged="everything")
    outsider = next(
        f"verifier {n}"
        for n in range(18)
        if f"verifier {n}" not in s.committee(work) + s.substitutes(work)
    )
    for who in (outsider, s.substitutes(work)[0], "stranger", "contributor"):
        with s.expect_refused("attestation.ENotSeated"):
            s.accuse(work, what, by=who)
    assert s.state(work) == "opened"


def test_two_people_accuse_the_same_work(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, forged="everything")
    first, second, _third = s.committee(work)
    s.accuse(work, "segment", by=first)
    with s.expect_refused("submission.EWrongState"):
        s.accuse(work, "segment", by=second)
    assert s.judge(work) == "confirmed"
    with s.expect_refused("submission.EWrongState"):
        s.accuse(work, "segment", by=second)
    s.finish()
    assert s.gain(first) == s.price("accuser") + s.price("seat fee")
    assert s.gain(second) == s.price("seat fee")
    assert s.gain("contributor") == -s.price("stake")


# --- the friend of a forger -----------------------------------------------------------------------


def test_a_friend_accuses_before_anybody_else(scenario: Scenario) -> None:
    """It has no seat, so it finds nothing to accuse; the opening is asked for again, then lost."""
    s = scenario
    work = begin(s, forged="everything", withheld=True)
    with s.expect_refused("attestation.ENotSeated"):
        s.accuse(work, "cost", by="friend")
    s.report(work)
    assert s.state(work) == "seated"
    s.open(work, withheld=True)
    s.report(work)
    assert s.state(work) == "disputed"
    assert s.judge(work) == "confirmed"
    assert (s.state(work), s.reason(work)) == ("rejected", "never_opened")
    s.finish()
    assert s.gain("contributor") == -s.price("stake")
    assert s.gain("friend") == 0


def test_a_friend_on_the_committee_accuses_an_absent_opening(scenario: Scenario) -> None:
    """Its jury finds what everybody finds, that the opening is absent, however it accuses."""
    s = scenario
    work = begin(s, forged="everything", withheld=True)
    s.accuse(work, "cost", by=0)
    assert s.judge(work) == "absent"
    assert s.state(work) == "seated"
    s.open(work, withheld=True)
    s.accuse(work, "cost", by=0)
    assert s.judge(work) == "absent"
    assert (s.state(work), s.reason(work)) == ("rejected", "never_opened")
    s.finish()
    assert s.gain("contributor") == -s.price("stake")


@pytest.mark.parametrize("withheld", ["blob", "garbage"])
def test_a_friend_accuses_and_its_juries_cannot_decide(scenario: Scenario, withheld) -> None:
    """Enough of both juries abstain; then the submission is where it was, and ends as it must."""
    s = scenario
    work = begin(s, forged="everything", withheld=withheld)
    friend = s.committee(work)[0]
    s.accuse(work, "cost", by=friend)
    assert s.judge(work, "abstain") == "redrawn"
    assert s.judge(work, "abstain") == "dismissed"
    assert s.state(work) == "opened"
    assert friend not in s.committee(work)
    s.accuse(work, "opening", by=1)
    if withheld == "garbage":
        assert s.judge(work) == "confirmed"
    else:
        assert s.judge(work) == "absent"
        s.open(work, withheld=withheld)
        s.report(work)
        assert s.judge(work) == "confirmed"
    assert s.state(work) == "rejected"
    s.finish()
    assert s.gain("contributor") == -s.price("stake")
    assert s.gain(friend) in (0, s.price("juror fee"))  # off the committee, it may be a juror


def test_an_outsider_delays_by_accusing_the_file(scenario: Scenario) -> None:
    """Everybody can judge the file, so it costs the friend its bond, and three try at most."""
    s = scenario
    work = begin(s, forged="everything", withheld=True)
    for friend in ("friend", "second friend", "third friend"):
        s.accuse(work, "file", by=friend)
        assert s.judge(work) == "refuted"
        assert s.state(work) == "opened"
        with s.expect_refused("jury.EAlreadyAccused"):
            s.accuse(work, "file", by=friend)
    with s.expect_refused("jury.ETooManyUnproved"):
        s.accuse(work, "file", by="fourth friend")
    for _ in range(2):
        s.report(work)
        if s.state(work) == "seated":
            s.open(work, withheld=True)
    assert s.judge(work) == "confirmed"
    s.finish()
    assert s.gain("contributor") == -s.price("stake")
    assert all(s.gain(who) == -s.price("accusation") for who in ("friend", "third friend"))


def test_a_friend_takes_little_of_the_stake(scenario: Scenario) -> None:
    """Five fees at most, whoever accuses: the rest is burned."""
    s = scenario
    work = begin(s, forged="everything", stake="5 SUI")
    friend, honest, _ = s.committee(work)
    s.accuse(work, "segment", by=friend)
    with s.expect_refused("submission.EWrongState"):
        s.accuse(work, "segment", by=honest)
    assert s.judge(work) == "confirmed"
    s.finish()
    ring = s.gain("contributor") + s.gain(friend)
    assert ring == -s.price("stake") + 6 * s.price("seat fee")
    assert s.price("accuser") == 5 * s.price("seat fee") < s.price("stake") // 5


def test_a_friend_proves_the_file_wrong(scenario: Scenario) -> None:
    """An outsider that is right gets as little."""
    s = scenario
    s.open_task(max_submissions=1)
    work = s.join("contributor")
    s.close_joining()
    s.commit(work, wrong={"file"})
    s.draw()
    s.open(work)
    s.accuse(work, "file", by="friend")
    assert s.judge(work) == "confirmed"
    s.finish()
    ring = s.gain("contributor") + s.gain("friend")
    assert ring == -s.price("stake") + s.price("accuser")


def test_a_friend_accuses_an_abort_that_is_forged(scenario: Scenario) -> None:
    s = scenario
    s.open_task(max_submissions=1)
    work = s.join("contributor")
    s.close_joining()
    s.commit_abort(work, segment=2, forged=True)
    s.draw()
    s.open(work)
    with s.expect_refused("jury.EUnsupportedKind"):
        s.accuse(work, "cost", by=0)
    s.accuse(work, "segment", 2)
    friend = s.accuser(work)
    assert s.judge(work) == "confirmed"
    s.finish()
    assert s.gain("contributor") == -s.price("stake")
    assert s.gain(friend) == s.price("accuser") + s.price("seat fee")


# --- accusers that come again ---------------------------------------------------------------------


def test_the_same_people_accuse_until_a_jury_is_theirs(scenario: Scenario) -> None:
    """A ring that holds the whole committee has one try a seat; each one that fails is its loss."""
    s = scenario
    work = begin(s)
    ring = s.committee(work)
    for what, member in zip(("cost", "update"), ring, strict=False):
        s.accuse(work, what, by=member)
        assert s.judge(work) == "refuted"
        with s.expect_refused("attestation.ENotSeated"):
            s.accuse(work, "rows", by=member)
    accept(s, work)
    assert s.gain("contributor") == s.price("reward")
    assert [s.gain(member) for member in ring[:2]] == 2 * [-s.price("accusation")]


@known_loss("ring-refuses-places")
def test_refuted_accusers_use_up_a_place_but_no_stake_of_others(scenario: Scenario) -> None:
    """Whoever is seated after them is of the ring, too: then nobody has been found at fault."""
    s = scenario
    work = begin(s)
    ring = []
    while s.state(work) == "opened":
        ring.append(s.committee(work)[0])
        s.accuse(work, "cost", by=0)
        assert s.judge(work) == "refuted"
    assert (s.state(work), s.reason(work)) == ("undecided", "too_few_seats")
    s.finish()
    assert s.gain("contributor") == 0  # instead: s.price("reward")
    assert len(ring) == 3
    assert all(s.gain(member) == -s.price("accusation") for member in ring)
    assert s.gain("publisher") == -2 * s.price("tip") - 2 * s.price("tip")


def test_a_seat_accuses_again_after_an_opening_that_was_absent(scenario: Scenario) -> None:
    s = scenario
    work = begin(s, forged="everything", withheld=True)
    s.accuse(work, "segment", by=2)
    assert s.judge(work) == "absent"
    s.open(work)
    s.accuse(work, "segment", by=2)
    assert s.judge(work) == "confirmed"
    s.finish()
    assert s.gain("contributor") == -s.price("stake")


@pytest.mark.parametrize("by", ["a seat", "cash"])
def test_a_dismissal_bars_only_whoever_accused(scenario: Scenario, by) -> None:
    """Two juries that cannot decide cost it nothing, and give it no second try."""
    s = scenario
    work = begin(s, forged="everything")
    s.attest(work)
    name = s.committee(work)[0] if by == "a seat" else "stranger"
    s.accuse(work, "file", by=name)
    assert s.judge(work, "abstain") == "redrawn"
    assert s.judge(work, "abstain") == "dismissed"
    assert s.state(work) == "attested"
    with s.expect_refused("jury.EAlreadyAccused"):
        s.accuse(work, "file", by=name)
    s.accuse(work, "segment", by=1)
    assert s.judge(work) == "confirmed"
    s.finish()
    assert s.gain("stranger") == 0
    assert s.gain("contributor") == -s.price("stake")


def test_a_ring_on_cash_has_three_tries_and_pays_for_each(scenario: Scenario) -> None:
    """Dismissals count, too: nobody keeps work before juries for ever."""
    s = scenario
    work = begin(s)
    s.attest(work)
    for number in range(3):
        s.accuse(work, "file", by=f"ring {number}")
        if number == 1:
            assert s.judge(work, "abstain") == "redrawn"
            assert s.judge(work, "abstain") == "dismissed"
        else:
            assert s.judge(work) == "refuted"
    with s.expect_refused("jury.ETooManyUnproved"):
        s.accuse(work, "file", by="ring 3")
    s.draw_audit(work)
    s.settle(work)
    s.finish()
    assert s.gain("contributor") == s.price("reward")
    lost = [-s.gain(f"ring {number}") for number in range(3)]
    assert lost == [s.price("accusation"), 0, s.price("accusation")]


def test_a_case_takes_no_time_from_whom_it_is_about(scenario: Scenario) -> None:
    """The window is longer by exactly what the case took."""
    s = scenario
    work = begin(s, verify=60)
    s.advance(50)
    s.accuse(work, "file")
    s.advance(1_000)  # nobody draws the jury
    s.convene(work)
    s.vote(work)
    s.advance(5)
    s.reveal(work)
    s.resolve(work)
    s.advance_to("verify", work, early=0.001)
    with s.expect_refused("committee.ETooEarly"):
        s.replace(work)
    s.advance_to("verify", work)
    s.replace(work)
    s.finish()
    assert s.pot("burned") >= 3 * s.price("seat silence")
