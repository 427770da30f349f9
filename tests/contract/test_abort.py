"""A plan that cannot be carried out: claimed, verified like any work, paid by its publisher."""

import pytest

from walrusd.chain.layouts import events
from walrusd.chain.layouts.objects import AbortClaim
from walrusd.core.dealing import compute_seat_segments
from walrusd.core.lifecycle import ChallengeKind, EndReason, SubmissionState
from walrusd.core.protocol import compute_deal_seed
from walrusd.units import address_bytes

from .market import CONTRIBUTORS, TERMS, TIP, Bazaar, required, terms_with
from .work import Work
from .world import aborts, address, digest

FIRST = address(CONTRIBUTORS[0])


def paid(submission):
    return {c.owner: c.amount for c in submission.credits}


def claimed(segment=2, forged=(), count=1, **kwargs):
    """Return a market and submissions that are opened and claim that ``segment`` cannot end."""
    m = Bazaar()
    submissions = m.training(count, **kwargs)
    for submission in submissions:
        m.commit_abort(submission, segment, forged=forged)
    m.draw()
    for submission in submissions:
        m.seat(submission)
        m.open(submission)
    return m, submissions


def accept(m, submission):
    m.attest_all(submission)
    m.draw_audit(submission, selected=False)
    m.settle(submission)


def test_a_claim_takes_the_place_of_a_commitment():
    m = Bazaar()
    submission, other = m.training(2)
    m.commit_abort(submission, 2)
    assert submission.state == SubmissionState.COMMITTED
    assert submission.abort == AbortClaim(segment=2, step=5, code=1)
    work, commitment = m.works[submission.id], submission.commitment
    assert (submission.ctx, commitment.trace_root) == (work.ctx, work.tree.root)
    assert (commitment.update_root, commitment.scheme_root, commitment.scheme_rows) == (b"", b"", 0)
    assert (commitment.cost_commitment, commitment.file_digest) == (b"", b"")
    assert commitment.file_blob == 0
    told = m.last(events.AbortCommitted)
    assert (told.segment, told.step, told.code) == (2, 5, 1)
    assert (told.trace_root, told.ctx, told.at_ms) == (work.tree.root, work.ctx, m.now)
    assert m.task.committed == 1
    with aborts("submission.EWrongState"):
        m.commit(submission)
    m.commit(other)
    with aborts("submission.EWrongState"):
        m.commit_abort(other)


def test_claims_that_are_refused():
    m = Bazaar()
    (submission,) = m.joined(1)
    m.works[submission.id] = None
    with aborts("task.EWrongPhase"):
        m.commit_abort(submission)
    m.advance(TERMS.join_ms)
    m.close_joining()
    with aborts("submission.ENotContributor"):
        m.commit_abort(submission, sender="stranger")
    with aborts("submission.EBadDigest"):
        m.commit_abort(submission, trace_root=bytes(31))
    for segment in (0, 7, 2**64 - 1):
        with aborts("submission.EBadAbort"):
            m.commit_abort(submission, claims=segment)
    work = Work(m.task, submission, abort=2)
    whole = Work(m.task, submission)
    for changes in (
        {"leaf_zero_path": []},
        {"leaf_zero_path": work.tree.path(1)},
        {"trace_root": digest("another root")},
        {"trace_root": whole.tree.root, "leaf_zero_path": whole.tree.path(0)},
    ):
        with aborts("submission.EBadLeafZero"):
            m.commit_abort(submission, **changes)


def test_only_the_segments_up_to_the_end_are_dealt():
    m, (submission,) = claimed(segment=2)
    seed = compute_deal_seed(m.task.beacon, address_bytes(submission.id))
    dealt = [compute_seat_segments(seed, 2, seat, 2) for seat in range(3)]
    assert dealt[0][0] == 2
    assert {segment for seat in dealt for segment in seat} == {1, 2}
    for seat, segments in enumerate(dealt):
        for position, segment in enumerate(segments):
            m.attest(submission, seat, position)
            assert m.last(events.SegmentAttested).segment == segment
    assert submission.state == SubmissionState.ATTESTED


def test_an_abort_claim_has_no_cost_to_open():
    m = Bazaar()
    (submission,) = m.training(1)
    m.commit_abort(submission)
    m.draw()
    m.seat(submission)
    for changes in ({"cost": 0}, {"cost": 1}, {"blinding": bytes(32)}):
        with aborts("submission.EBadCost"):
            m.open(submission, **changes)
    with aborts("submission.EBadEnvelopes"):
        m.open(submission, envelopes=[], cost=1)
    m.open(submission)
    assert submission.opening.cost is None
    assert m.last(events.SubmissionOpened).cost is None


def test_a_confirmed_claim_is_paid_by_the_publishers_bond():
    m, (submission,) = claimed(segment=1)
    accept(m, submission)
    assert (submission.state, submission.reason) == (
        SubmissionState.ABORTED,
        EndReason.PLAN_ABORTED,
    )
    earned = TERMS.reward // TERMS.segments
    assert m.task.bond == TERMS.publisher_bond - earned
    assert paid(submission) == {
        address("crank"): 3 * TIP,
        FIRST: TERMS.stake + earned,
        **{seat.verifier: TERMS.verifier_fee for seat in submission.committee},
    }
    ended = m.last(events.SubmissionEnded)
    assert (ended.payout, ended.burned) == (TERMS.stake + earned, 0)
    assert (m.task.accepted, m.task.accepted_weight, m.task.ended) == (0, 0, 1)
    spent = earned + 3 * TERMS.verifier_fee + 5 * TIP
    assert m.reclaim() == required(TERMS) - spent


def test_what_the_bond_does_not_reach_comes_from_the_escrow():
    m, submissions = claimed(segment=6, count=2)
    accept(m, submissions[0])
    # The whole reward is due; the bond holds a fifth of it.
    assert m.task.bond == 0
    assert paid(submissions[0])[FIRST] == TERMS.stake + TERMS.reward
    accept(m, submissions[1])
    assert paid(submissions[1])[address(CONTRIBUTORS[1])] == TERMS.stake + TERMS.reward
    spent = 2 * (TERMS.reward + 3 * TERMS.verifier_fee + 3 * TIP) + 2 * TIP
    assert m.reclaim() == required(TERMS) - spent


def test_the_reward_of_a_part_is_rounded_down():
    m, (submission,) = claimed(segment=2, terms=terms_with(reward=10**16 - 1))
    accept(m, submission)
    assert paid(submission)[FIRST] == TERMS.stake + (10**16 - 1) * 2 // 6


def test_an_audit_of_a_claim_looks_at_its_segments():
    m, (submission,) = claimed(segment=2, terms=terms_with(audit_bps=10_000))
    m.attest_all(submission)
    m.draw_audit(submission)
    m.audit(submission)
    assert submission.dispute.index in (1, 2)
    m.judge(submission, m.works[submission.id].honest[submission.dispute.index])
    m.settle(submission)
    assert submission.state == SubmissionState.ABORTED


def test_a_false_claim_is_slashed():
    m, (submission,) = claimed(segment=2, forged={2})
    m.challenge(submission, 2)
    m.judge(submission, m.works[submission.id].honest[2])
    assert (submission.state, submission.reason) == (
        SubmissionState.REJECTED,
        EndReason.CHALLENGE_CONFIRMED,
    )
    assert m.task.bond == TERMS.publisher_bond


@pytest.mark.parametrize(
    "kind", [ChallengeKind.UPDATE, ChallengeKind.ROWS, ChallengeKind.COST, ChallengeKind.FILE]
)
def test_a_claim_has_no_update_and_no_file_to_be_accused_of(kind):
    m, (submission,) = claimed()
    with aborts("jury.EUnsupportedKind"):
        m.accuse(submission, kind)


def test_a_claim_beyond_its_own_end_has_no_segment():
    m, (submission,) = claimed(segment=2)
    leaf = {"leaf": m.works[submission.id].leaves[2], "path": m.works[submission.id].tree.path(2)}
    for index in (0, 3, 6):
        with aborts("jury.EBadIndex"):
            m.accuse(submission, ChallengeKind.SEGMENT, index, place=0, **leaf)
