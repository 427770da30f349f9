"""What is still to be done by somebody who lives, and which window ends next.

The demonstration's clock only moves when nobody has a duty left: a slow machine makes nobody late,
and a participant that died keeps nobody waiting for longer than it takes to see that.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from walrusd.chain.layouts import objects as ob
from walrusd.core.cranks import compute_submission_crank, compute_task_crank
from walrusd.core.lifecycle import TERMINAL, DisputePhase, SubmissionState, TaskPhase
from walrusd.market.case import find_majority, submission_facts, task_facts

ANYONE = ""
"""A crank's duty is nobody's in particular."""


@dataclass(frozen=True)
class Duty:
    """Something that the participant ``who`` can still do in time."""

    who: str
    what: str


@dataclass(frozen=True)
class Outlook:
    """What a task waits for: duties of the living, and the ends of the windows open now."""

    duties: tuple[Duty, ...]
    deadlines: tuple[int, ...]

    def next_deadline(self, now_ms: int) -> int | None:
        """Return what the clock may be advanced to, or None while somebody has work to do."""
        ahead = [deadline for deadline in self.deadlines if deadline > now_ms]
        return min(ahead) if ahead and not self.duties else None


def compute_outlook(
    task: ob.Task,
    submissions: Sequence[ob.Submission],
    pool: ob.VerifierPool,
    *,
    contributors: Collection[str],
    alive: Collection[str],
    now_ms: int,
) -> Outlook:
    """Return what the task waits for. ``contributors`` are those that mean to join."""
    duties: list[Duty] = []
    deadlines: list[int] = []
    if (crank := compute_task_crank(task_facts(task), now_ms)) is not None:
        duties.append(Duty(ANYONE, crank.value))
    elif task.phase == TaskPhase.JOINING:
        joined = {entry.contributor for entry in task.entries}
        duties += [Duty(c, "join") for c in contributors if c in alive and c not in joined]
        deadlines.append(task.phase_ms + task.terms.join_ms)
    elif task.phase == TaskPhase.TRAINING:
        deadlines.append(task.phase_ms + task.terms.train_ms + task.terms.grace_ms)
    elif task.phase == TaskPhase.SETTLED and task.accepted.bit_count() >= task.terms.k_min:
        duties += [Duty(task.publisher, "aggregate")] if task.publisher in alive else []
    for submission in submissions:
        found, end = _outlook_of(task, submission, pool, now_ms)
        duties += [duty for duty in found if duty.who in alive or duty.who == ANYONE]
        deadlines += [] if end is None else [end]
    return Outlook(tuple(duties), tuple(deadlines))


def _outlook_of(
    task: ob.Task, sub: ob.Submission, pool: ob.VerifierPool, now_ms: int
) -> tuple[list[Duty], int | None]:
    """Return everybody's duties in one submission, and the end of its window."""
    if sub.state in TERMINAL:
        return [], None
    crank = compute_submission_crank(task_facts(task), submission_facts(task, sub, pool), now_ms)
    if crank is not None:
        return [Duty(ANYONE, crank.value)], None
    terms = task.terms
    if sub.state == SubmissionState.JOINED and task.phase == TaskPhase.TRAINING:
        return [Duty(sub.contributor, "train and commit")], None
    if sub.state == SubmissionState.SEATED:
        end = sub.window_ms + terms.open_ms + terms.grace_ms
        if sub.opening is None:
            return [Duty(sub.contributor, "open")], end
        return [Duty(who, "deliver the key of the work") for who in _holders(sub)], end
    if sub.state == SubmissionState.OPENED:
        whole = (1 << terms.segments_per_seat) - 1
        seats = [seat for seat in sub.committee if seat.attested != whole]
        return [Duty(seat.verifier, "verify") for seat in seats], sub.window_ms + terms.verify_ms
    if sub.state == SubmissionState.AUDITED:
        end = sub.window_ms + terms.open_ms + terms.grace_ms
        return [Duty(who, "deliver the key of the update") for who in _holders(sub)], end
    if sub.state == SubmissionState.DISPUTED:
        assert sub.dispute is not None
        return _outlook_of_jury(task, sub, sub.dispute, now_ms)
    return [], None


def _holders(sub: ob.Submission) -> list[str]:
    """Return who holds the opening's values, so may make an envelope: one of them suffices."""
    return [sub.contributor, *(seat.verifier for seat in sub.committee if seat.envelope)]


def _outlook_of_jury(
    task: ob.Task, sub: ob.Submission, dispute: ob.Dispute, now_ms: int
) -> tuple[list[Duty], int | None]:
    terms = task.terms
    if dispute.phase == DisputePhase.SUMMONED:
        readers = [juror.verifier for juror in dispute.jurors if juror.envelope]
        holders = [*_holders(sub), *readers]
        end = dispute.phase_ms + terms.open_ms + terms.grace_ms
        return [Duty(who, "give the jury the key") for who in holders], end
    end = dispute.phase_ms + terms.jury_commit_ms
    if dispute.phase == DisputePhase.COMMITTING and now_ms < end:
        silent = [juror for juror in dispute.jurors if not juror.commitment]
        return [Duty(juror.verifier, "judge") for juror in silent], end
    if dispute.phase == DisputePhase.REVEALING:
        end = dispute.phase_ms
    elif dispute.phase != DisputePhase.COMMITTING:
        return [], None  # its lot waits for that of another submission
    return _outlook_of_verdict(terms, dispute, end + terms.jury_reveal_ms, now_ms)


def _outlook_of_verdict(
    terms: ob.Terms, dispute: ob.Dispute, revealed_ms: int, now_ms: int
) -> tuple[list[Duty], int]:
    """Return who must reveal until ``revealed_ms``, then who can tell the majority's verdict."""
    hidden = [juror for juror in dispute.jurors if juror.commitment and not juror.value]
    majority = find_majority(dispute, terms.jury)
    if hidden and now_ms < revealed_ms:
        return [Duty(juror.verifier, "reveal") for juror in hidden], revealed_ms
    tellers = [juror for juror in dispute.jurors if majority and juror.value == majority]
    duties = [Duty(juror.verifier, "tell the verdict") for juror in tellers]
    return duties, revealed_ms + terms.jury_reveal_ms
