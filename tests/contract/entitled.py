"""What may be called when: the tables of ``core`` allow every call that the contract accepts."""

from walrusd.chain.layouts.objects import KeyRequest, Submission, Task
from walrusd.core.cranks import Crank, compute_submission_crank, compute_task_crank
from walrusd.core.duties import (
    Duty,
    Party,
    list_request_duties,
    list_submission_duties,
    list_task_duties,
)

from .facts import (
    find_standing,
    find_submission_facts,
    find_task_facts,
    find_task_standing,
)

CRANKS = {
    "task::close_joining": Crank.CLOSE_JOINING,
    "task::close_training": Crank.CLOSE_TRAINING,
    "committee::draw_committee": Crank.DRAW_COMMITTEE,
    "committee::seat_committee": Crank.SEAT_COMMITTEE,
    "committee::replace": Crank.REPLACE,
    "settlement::reopen": Crank.REOPEN,
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
    "submission::deliver": (Party.SEAT, Duty.DELIVER_WORK),
    "settlement::deliver_update": (Party.CONTRIBUTOR, Duty.DELIVER_UPDATE),
    "attestation::attest": (Party.SEAT, Duty.EXAMINE),
    "attestation::report": (Party.SEAT, Duty.EXAMINE),
    "jury::deliver_juror": (Party.JUROR, Duty.SUMMON),
    "jury::jury_commit": (Party.JUROR, Duty.VOTE),
    "jury::jury_reveal": (Party.JUROR, Duty.REVEAL),
}
REQUEST_ACTS = {
    "dataset::grant_key": (Party.DATA_OWNER, Duty.ANSWER),
    "dataset::grant_key_alone": (Party.DATA_OWNER, Duty.ANSWER),
    "dataset::deny_key": (Party.DATA_OWNER, Duty.ANSWER),
}
MAY_WAIT = {
    ("node", "ELotPending"),
    ("node", "ETooFewSeats"),
    ("node", "EPoolBusy"),
}
"""Why a draw that is due may be refused: the pool has no lot for it now, and nothing changes."""


def check_entitled(world, target, given):
    """Check that a call which succeeds was due; ``given`` are the objects as they were before."""
    by_type = {type(each): each for each in given}
    submission, request = by_type.get(Submission), by_type.get(KeyRequest)
    task = by_type.get(Task) or (submission and world.objects[submission.task])
    if target in CRANKS:
        due = list_cranks(world, task, submission)
        assert CRANKS[target] in due, f"{target} worked, due was {due}"
    for acts, duties in (
        (TASK_ACTS, lambda party: list_task_duties(party, find_task_standing(task))),
        (SUBMISSION_ACTS, lambda party: list_duties(world, party, task, submission)),
        (REQUEST_ACTS, lambda party: list_request_duties(party, request.state)),
    ):
        if target in acts:
            party, duty = acts[target]
            assert duty in duties(party), f"{target} worked, due was {duties(party)}"


def find_due(world, task, submission):
    """Return the crank that is due on a task, or on a submission, if any."""
    now, facts = world.now, find_task_facts(task)
    if submission is None:
        return compute_task_crank(facts, now)
    return compute_submission_crank(facts, find_submission_facts(world, task, submission), now)


def list_cranks(world, task, submission):
    """Return the cranks that may be turned on a task or a submission now."""
    due = {find_due(world, task, submission)}
    if submission is None:
        return due
    # Settling ends an audit that nobody began; until then one may begin it, however late.
    is_pending = find_submission_facts(world, task, submission).audit_pending
    due |= {Crank.AUDIT} if is_pending else set()
    # Whatever waits for seats may be drawn as long as it is not settled.
    due |= {Crank.DRAW_COMMITTEE, Crank.DRAW_JURY} if Crank.SETTLE in due else set()
    # A juror that knows what the majority's value hides need not wait.
    is_told = Duty.TELL in list_duties(world, Party.JUROR, task, submission)
    return due | ({Crank.RESOLVE} if is_told else set())


def list_duties(world, party, task, submission):
    """Return what a party has to do about a submission now."""
    return list_submission_duties(party, find_standing(world, task, submission))
