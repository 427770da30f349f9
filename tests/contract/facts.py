"""The facts that the tables of ``core`` decide by, read from the objects of a ``World``."""

from walrusd.core.cranks import DisputeFacts, SubmissionFacts, TaskFacts, compute_resolvable_ms
from walrusd.core.duties import SubmissionStanding, TaskStanding
from walrusd.core.lifecycle import SubmissionState
from walrusd.devnet.contract.audit import is_audit_pending
from walrusd.devnet.contract.dispute import compute_majority, have_all_revealed


def find_task_facts(task):
    terms = task.terms
    return TaskFacts(
        phase=task.phase,
        phase_ms=task.phase_ms,
        ends_by_ms=task.ends_by_ms,
        joined=len(task.entries),
        committed=task.committed,
        max_submissions=terms.max_submissions,
        join_ms=terms.join_ms,
        train_ms=terms.train_ms,
        open_ms=terms.open_ms,
        grace_ms=terms.grace_ms,
        verify_ms=terms.verify_ms,
        jury_commit_ms=terms.jury_commit_ms,
        jury_reveal_ms=terms.jury_reveal_ms,
    )


def find_task_standing(task):
    unspent = task.funds + task.bond + task.tips
    return TaskStanding(task.phase, task.accepted.bit_count(), task.terms.k_min, unspent)


def find_dispute_facts(task, submission):
    dispute = submission.dispute
    if submission.state != SubmissionState.DISPUTED:
        return None
    has_majority = compute_majority(dispute, task.terms.jury) != b""
    return DisputeFacts(dispute.phase, dispute.phase_ms, have_all_revealed(dispute), has_majority)


def find_submission_facts(world, task, submission):
    opening, pool = submission.opening, world.objects[submission.pool]
    return SubmissionFacts(
        state=submission.state,
        window_ms=submission.window_ms,
        dispute=find_dispute_facts(task, submission),
        has_lot=submission.lot is not None,
        is_lot_free=int(pool.lot, 16) == 0,
        was_complete=opening is not None and opening.was_complete,
        audit_pending=is_audited(submission) and is_audit_pending(task, submission),
        is_abort=submission.abort is not None,
    )


def is_audited(submission):
    return submission.state == SubmissionState.AUDITED


def find_standing(world, task, submission):
    facts, now = find_submission_facts(world, task, submission), world.now
    dispute = facts.dispute
    resolvable_ms = dispute and compute_resolvable_ms(find_task_facts(task), dispute, now)
    return SubmissionStanding(
        state=submission.state,
        task_phase=task.phase,
        dispute_phase=dispute and dispute.phase,
        is_vote_over=bool(dispute) and now >= dispute.phase_ms + task.terms.jury_commit_ms,
        may_tell=resolvable_ms is not None and dispute.has_majority and now >= resolvable_ms,
        is_opened=submission.opening is not None,
        may_deliver_update=not facts.is_abort and not facts.audit_pending,
    )
