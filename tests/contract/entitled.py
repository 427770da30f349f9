"""What may be called when: the tables of ``core`` allow every call that the contract accepts."""

from walrusd.chain.layouts.objects import KeyRequest, Submission, Task
from walrusd.core.cranks import Crank, compute_submission_crank, compute_task_crank
from walrusd.core.duties import (
    Duty,
    Party,
    SubmissionStanding,
    TaskStanding,
    list_request_duties,
    list_submission_duties,
    list_task_duties,
)
from walrusd.market.case import submission_facts, task_facts

CRANKS = {
    "task::close_joining": Crank.CLOSE_JOINING,
    "task::draw": Crank.DRAW,
    "committee::seat": Crank.SEAT,
    "committee::replace": Crank.REPLACE,
    "audit::draw_audit": Crank.DRAW_AUDIT,
    "audit::audit": Crank.AUDIT,
    "settlement::settle": Crank.SETTLE,
    "jury::draw_jury": Crank.DRAW_JURY,
    "jury::seat_jury": Crank.SEAT_JURY,
    "jury::resolve": Crank.RESOLVE,
}
TASK_ACTS = {
    "submission::join": (Party.CONTRIBUTOR, Duty.JOIN),
    "task::record_aggregate": (Party.PUBLISHER, Duty.AGGREGATE),
    "task::reclaim": (Party.PUBLISHER, Duty.RECLAIM),
}
SUBMISSION_ACTS = {
    "submission::commit": (Party.CONTRIBUTOR, Duty.COMMIT),
    "submission::commit_abort": (Party.CONTRIBUTOR, Duty.COMMIT),
    "submission::open": (Party.CONTRIBUTOR, Duty.OPEN),
    "attestation::attest": (Party.SEAT, Duty.EXAMINE),
    "attestation::report": (Party.SEAT, Duty.EXAMINE),
    "jury::jury_commit": (Party.JUROR, Duty.VOTE),
    "jury::jury_reveal": (Party.JUROR, Duty.REVEAL),
    "jury::accuser_reveal": (Party.ACCUSER, Duty.REVEAL),
}
REQUEST_ACTS = {
    "dataset::grant_key": (Party.DATA_OWNER, Duty.ANSWER),
    "dataset::deny_key": (Party.DATA_OWNER, Duty.ANSWER),
}


def check_entitled(world, target, given):
    """Check that a call which succeeds was due; ``given`` are the objects as they were before."""
    by_type = {type(each): each for each in given}
    submission, request = by_type.get(Submission), by_type.get(KeyRequest)
    task = by_type.get(Task) or (submission and world.objects[submission.task])
    if target in CRANKS:
        due = list_cranks(task, submission, world.now)
        assert CRANKS[target] in due, f"{target} worked, due was {due}"
    for acts, duties in (
        (TASK_ACTS, lambda party: list_task_duties(party, standing_of_task(task))),
        (SUBMISSION_ACTS, lambda party: list_duties(party, task, submission, world.now)),
        (REQUEST_ACTS, lambda party: list_request_duties(party, request.state)),
    ):
        if target in acts:
            party, duty = acts[target]
            assert duty in duties(party), f"{target} worked, due was {duties(party)}"


def list_cranks(task, submission, now):
    if submission is None:
        return {compute_task_crank(task_facts(task), now)}
    facts = submission_facts(task, submission)
    due = {compute_submission_crank(task_facts(task), facts, now)}
    # Settling ends an audit that nobody began; until then one may begin it, however late.
    return due | ({Crank.AUDIT} if facts.audit_pending else set())


def standing_of_task(task):
    unspent = task.pool + task.bond + task.tips
    return TaskStanding(task.phase, task.accepted, task.terms.k_min, unspent)


def list_duties(party, task, submission, now):
    dispute = submission.dispute
    standing = SubmissionStanding(
        submission.state,
        task.phase,
        None if dispute is None else dispute.phase,
        dispute is not None and now >= dispute.phase_ms + task.terms.jury_commit_ms,
    )
    return list_submission_duties(party, standing)
