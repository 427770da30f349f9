"""Nothing ends by a dispute's failure: every kind of case, in every state, and every way out of it.

A case that comes to nothing, by silence, absence, disagreement or dismissal, leaves the submission
where it was, its window longer by exactly the time that the case took; or where the rules say. No
coin is made or lost on the way (``World`` counts them after every call), and the submission can
still be accepted afterwards.
"""

from typing import NamedTuple

import pytest

from walrusd.chain.layouts.events import CaseDropped, CaseResolved
from walrusd.core.lifecycle import (
    CaseKind,
    CaseOutcome,
    DisputePhase,
    EndReason,
    SubmissionState,
)

from .early import terms_with
from .market import ABSENT, FAULT, SOUND, TERMS, Bazaar
from .work import Replay
from .world import aborts, digest

OPENED, ATTESTED = SubmissionState.OPENED, SubmissionState.ATTESTED
AUDITED, SEATED = SubmissionState.AUDITED, SubmissionState.SEATED
BEFORE = 1_234
"""How long the submission's window was running when the case began."""


class Case(NamedTuple):
    """What is asked, where the submission is then, and who asks."""

    kind: CaseKind
    state: SubmissionState
    by: str
    """``seat``, ``cash`` or ``nobody``."""


KINDS = [CaseKind.SEGMENT, CaseKind.UPDATE, CaseKind.ROWS, CaseKind.COST, CaseKind.FILE]
CASES = [
    *(Case(kind, state, "seat") for kind in KINDS for state in (OPENED, ATTESTED, AUDITED)),
    *(Case(CaseKind.OPENING, state, "seat") for state in (OPENED, ATTESTED, AUDITED)),
    *(Case(CaseKind.FILE, state, "cash") for state in (OPENED, ATTESTED, AUDITED)),
    Case(CaseKind.SEGMENT, AUDITED, "nobody"),
    Case(CaseKind.ABSENCE, OPENED, "nobody"),
]


def name_case(case):
    return f"{case.kind.name}-{case.state.name}-{case.by}"


QUICK = {
    Case(CaseKind.SEGMENT, OPENED, "seat"),
    Case(CaseKind.UPDATE, ATTESTED, "seat"),
    Case(CaseKind.ROWS, AUDITED, "seat"),
    Case(CaseKind.FILE, OPENED, "cash"),
    Case(CaseKind.SEGMENT, AUDITED, "nobody"),
    Case(CaseKind.ABSENCE, OPENED, "nobody"),
}
"""One of each state and of each who asks; the others take a minute together."""

every_case = pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[] if case in QUICK else pytest.mark.slow) for case in CASES],
    ids=name_case,
)


class OpenCase:
    """A market in which a case has just begun, and what was before."""

    def __init__(self, case, **changes):
        self.case, self.m = case, Bazaar()
        (self.s,) = self.m.opened(1, terms=terms_with(**changes))
        self.go_to_state()
        self.m.advance(BEFORE)
        self.window_ms, self.attempt = self.s.window_ms, self.s.attempt
        self.began_ms = self.m.now
        self.begin()
        assert self.s.state == SubmissionState.DISPUTED
        assert self.s.dispute.resume_state == case.state

    @property
    def is_audit(self):
        return self.case.by == "nobody" and self.case.kind == CaseKind.SEGMENT

    def go_to_state(self):
        m, s = self.m, self.s
        if self.case.kind == CaseKind.ABSENCE:
            m.report_all(s)
            m.show(s)
        if self.case.state != OPENED:
            m.attest_all(s)
        if self.case.state == AUDITED:
            m.draw_audit(s, selected=self.is_audit)
        assert s.state == self.case.state

    def begin(self):
        m, s, case = self.m, self.s, self.case
        if case.kind == CaseKind.ABSENCE:
            m.report_all(s)
        elif self.is_audit:
            m.audit(s)
        elif case.by == "cash":
            m.accuse_file(s)
        else:
            m.accuse(s, case.kind)

    @property
    def truth(self):
        """What an honest jury says about this work, which is sound."""
        if self.case.kind == CaseKind.SEGMENT:
            return self.m.works[self.s.id].honest[self.s.dispute.index]
        return SOUND

    def fail_twice(self, fail):
        """Let two juries fail, and check that the second one is another."""
        first = self.s.dispute.challenge
        fail(self)
        assert self.m.last(CaseResolved).outcome == CaseOutcome.REDRAWN
        assert (self.s.dispute.phase, self.s.dispute.round) == (DisputePhase.WAITING, 1)
        assert self.s.dispute.challenge != first
        fail(self)
        assert self.m.last(CaseResolved).outcome == CaseOutcome.DISMISSED

    def check_resumed(self, gave_on=()):
        """Check that the submission is where it was, and that nothing remains of the case."""
        m, s = self.m, self.s
        assert (s.dispute, s.bond, s.lot) == (None, 0, None)
        waits = [at for at, seat in enumerate(s.committee) if not seat.envelope]
        assert waits == list(gave_on)
        if gave_on:
            assert (s.state, s.window_ms) == (SEATED, m.now)
            m.show(s)
        else:
            later = m.now - self.began_ms
            expected = m.now if self.is_audit else self.window_ms + later
            assert (s.state, s.window_ms) == (self.case.state, expected)
        assert s.attempt == self.attempt
        self.check_accepted()

    def check_accepted(self):
        """Check that the work can be accepted as if there had been no case."""
        m, s = self.m, self.s
        if s.state == OPENED:
            m.attest_all(s)
        if s.state == ATTESTED:
            m.draw_audit(s, selected=False)
        if m.lot(s).is_selected and s.audit_round < 2:
            m.audit(s)
            m.judge(s, m.works[s.id].honest[s.dispute.index])
        m.deliver_update(s)
        assert s.state == SubmissionState.ACCEPTED
        assert all(seat.duties == 0 for seat in m.pool.seats)
        assert m.pool.booked == 0

    @property
    def given_on(self):
        """Which places the case called in question, if it comes to nothing."""
        if self.case.kind == CaseKind.ABSENCE:
            return (0, 1)
        return (0,) if self.case.by == "seat" and self.case.state == OPENED else ()

    def check_ended(self, state, reason):
        m, s = self.m, self.s
        assert (s.state, s.reason) == (state, reason)
        assert all(seat.duties == 0 for seat in m.pool.seats)
        assert (m.pool.booked, int(m.pool.lot, 16), s.bond) == (0, 0, 0)


# --- juries that do not decide ------------------------------------------------------------------


def nobody_commits(play):
    m, s = play.m, play.s
    m.convene(s)
    m.advance(TERMS.jury_commit_ms)
    m.resolve(s)


def nobody_reveals(play):
    m, s = play.m, play.s
    m.convene(s)
    for juror in range(len(s.dispute.jurors)):
        m.jury_commit(s, juror, play.truth)
    m.advance(TERMS.jury_reveal_ms)
    m.resolve(s)


def too_few_reveal(play):
    m, s = play.m, play.s
    m.convene(s)
    m.vote(s, [play.truth] * (TERMS.jury // 2) + [None] * (8 - TERMS.jury // 2))
    m.resolve(s)


def they_disagree(play):
    m, s = play.m, play.s
    m.convene(s)
    lies = [Replay(digest("lie", n), digest("state", n)) for n in range(8)]
    m.vote(s, lies)
    m.resolve(s)


def nobody_tells(play):
    """The jury agrees on a value, but no juror says what it hides."""
    m, s = play.m, play.s
    m.convene(s)
    m.vote(s, [play.truth] * 8)
    m.advance(2 * TERMS.jury_reveal_ms)
    m.resolve(s)


def they_say_no_word(play):
    """The jury agrees on what means nothing; of a segment, that it is sound, unreplayed."""
    m, s = play.m, play.s
    m.convene(s)
    value = SOUND if s.dispute.kind == CaseKind.SEGMENT else Replay(b"\7" * 32, bytes(32))
    m.vote(s, [value] * 8)
    m.resolve(s, value)


FAILURES = [
    nobody_tells,
    *(
        pytest.param(fail, marks=pytest.mark.slow)
        for fail in (
            nobody_commits,
            nobody_reveals,
            too_few_reveal,
            they_disagree,
            they_say_no_word,
        )
    ),
]


@pytest.mark.parametrize("fail", FAILURES)
@every_case
def test_a_case_that_two_juries_do_not_decide_is_dismissed(case, fail):
    play = OpenCase(case)
    play.fail_twice(fail)
    s = play.s
    if play.is_audit:
        # Another sample is drawn; if two juries fail again, no fault is known.
        assert (s.state, s.audit_round, s.window_ms) == (AUDITED, 1, play.m.now)
        play.m.audit(s)
        play.fail_twice(fail)
        play.check_ended(SubmissionState.UNDECIDED, EndReason.NO_MAJORITY)
        assert s.credits[-1].amount > 0
        return
    # Nobody paid but jurors who were silent; the accuser may not accuse again.
    assert s.unproved == (case.by == "cash")
    assert len(s.accusers) == 1
    play.check_resumed(play.given_on)


@every_case
def test_a_second_jury_may_decide_what_the_first_did_not(case):
    play = OpenCase(case)
    nobody_commits(play)
    play.m.judge(play.s, play.truth)
    assert play.m.last(CaseResolved).outcome == CaseOutcome.REFUTED
    play.check_resumed(play.given_on)


@every_case
def test_an_audit_that_failed_once_is_decided_by_another_sample(case):
    if case.by != "nobody" or case.kind != CaseKind.SEGMENT:
        return
    play = OpenCase(case)
    play.fail_twice(nobody_commits)
    play.m.audit(play.s)
    play.m.judge(play.s, play.truth)
    play.check_accepted()


# --- juries that never sit ----------------------------------------------------------------------


@every_case
def test_a_case_waits_for_seats_with_the_clocks_stopped(case):
    play = OpenCase(case)
    play.m.advance(10**7)
    play.m.judge(play.s, play.truth)
    play.check_resumed(play.given_on)


@pytest.mark.parametrize("drawn_before", [False, True])
@every_case
def test_what_never_gets_a_jury_is_dismissed_and_an_audit_gives_the_stake_back(case, drawn_before):
    play = OpenCase(case)
    m, s = play.m, play.s
    if drawn_before:
        nobody_commits(play)
    m.advance(m.task.ends_by_ms - m.now - 1)
    with aborts("settlement.EDisputed"):
        m.settle(s)
    m.advance(1)
    m.settle(s)
    if play.is_audit:
        play.check_ended(SubmissionState.UNDECIDED, EndReason.STALLED)
        assert m.claim(s, "contributor 0") == TERMS.stake - s.late_fee
        return
    play.check_resumed(play.given_on)
    if case.by == "cash":
        assert m.claim(s, "accuser") == m.given["accuser"]


def test_when_time_is_up_nobody_accuses_and_silence_is_free():
    """A seat that must not attest what it cannot accuse either loses nothing."""
    play = OpenCase(Case(CaseKind.SEGMENT, OPENED, "seat"))
    m, s = play.m, play.s
    m.advance(m.task.ends_by_ms - m.now)
    m.settle(s)
    m.deliver_all(s)
    for accuse in (lambda: m.accuse(s, CaseKind.OPENING, place=2), lambda: m.accuse_file(s)):
        with aborts("jury.ETooLate"):
            accuse()
    stakes = m.pool.stakes
    m.advance(TERMS.verify_ms)
    m.replace(s)
    assert (s.state, m.pool.stakes) == (SubmissionState.UNDECIDED, stakes)


@pytest.mark.parametrize("briefed", [0, 7])
@every_case
def test_jurors_without_a_key_drop_the_case_and_the_work_is_opened_again(case, briefed):
    play = OpenCase(case)
    m, s = play.m, play.s
    m.summon(s)
    for juror in range(briefed):
        m.deliver_juror(s, juror)
    fee_before, stakes = s.late_fee, m.pool.stakes
    m.advance(TERMS.open_ms + TERMS.grace_ms)
    m.reopen(s)
    assert m.last(CaseDropped).submission == s.id
    # Every seat of the committee held the key.
    assert stakes - m.pool.stakes == TERMS.committee * 10 * TERMS.verifier_fee
    assert (s.bond, s.dispute) == (0, None)
    if play.attempt == 2:
        play.check_ended(SubmissionState.REJECTED, EndReason.NEVER_OPENED)
        return
    assert (s.state, s.attempt, s.opening) == (SEATED, 2, None)
    assert s.late_fee == fee_before + TERMS.late_fee
    # Nothing that was reached is lost, and the accuser may accuse again.
    assert s.accusers == []
    m.show(s)
    assert s.state == case.state
    play.attempt = 2
    play.window_ms = s.window_ms
    m.advance(BEFORE)
    play.began_ms = m.now
    play.begin()
    m.judge(s, play.truth)
    play.check_resumed(play.given_on)


@every_case
def test_jurors_without_a_key_at_the_second_opening_end_it(case):
    if case.kind == CaseKind.ABSENCE:
        return  # it is about the second opening: the test before has it
    play = OpenCase(case)
    m, s = play.m, play.s
    m.summon(s)
    m.advance(TERMS.open_ms + TERMS.grace_ms)
    m.reopen(s)
    m.show(s)
    play.begin()
    m.summon(s)
    m.advance(TERMS.open_ms + TERMS.grace_ms)
    m.reopen(s)
    play.check_ended(SubmissionState.REJECTED, EndReason.NEVER_OPENED)


# --- juries that decide -------------------------------------------------------------------------


@every_case
def test_an_opening_that_a_jury_finds_absent_is_asked_for_again(case):
    play = OpenCase(case)
    m, s = play.m, play.s
    m.judge(s, ABSENT)
    assert m.last(CaseResolved).outcome == CaseOutcome.ABSENT
    if play.attempt == 2:
        play.check_ended(SubmissionState.REJECTED, EndReason.NEVER_OPENED)
        return
    assert (s.state, s.attempt, s.window_ms, s.accusers) == (SEATED, 2, m.now, [])
    m.show(s)
    assert (s.state, s.late_fee) == (case.state, 0)
    play.begin()
    m.judge(s, ABSENT)
    play.check_ended(SubmissionState.REJECTED, EndReason.NEVER_OPENED)


@every_case
def test_only_a_finding_of_fault_takes_the_stake(case):
    play = OpenCase(case)
    m, s = play.m, play.s
    m.judge(s, FAULT)
    reason = EndReason.CHALLENGE_CONFIRMED
    if case.by == "nobody":
        reason = EndReason.AUDIT_CONFIRMED if play.is_audit else EndReason.NEVER_OPENED
    play.check_ended(SubmissionState.REJECTED, reason)
    owed = {credit.owner: credit.amount for credit in s.credits}
    assert m.address("contributor 0") not in owed


@every_case
def test_a_refuted_case_goes_on_where_it_was(case):
    play = OpenCase(case)
    m, s = play.m, play.s
    m.judge(s, play.truth)
    assert m.last(CaseResolved).outcome == CaseOutcome.REFUTED
    play.check_resumed(play.given_on)


@every_case
def test_time_spent_on_a_case_is_given_back_exactly(case):
    """The last moment at which one may act is as far away as when the case began."""
    play = OpenCase(case)
    m, s = play.m, play.s
    m.advance(777)
    m.draw_jury(s)
    m.advance(888)
    m.seat_jury(s)
    m.brief(s)
    m.advance(999)
    m.vote(s, [play.truth] * 8)
    m.resolve(s, play.truth)
    play.check_resumed(play.given_on)
