"""What follows from a task and a submission on the chain: seeds, contexts, dealt segments."""

from dataclasses import dataclass

from walrusd.chain.layouts import objects as ob
from walrusd.core.cranks import DisputeFacts, SubmissionFacts, TaskFacts
from walrusd.core.dealing import compute_seat_segments
from walrusd.core.faults import is_audit
from walrusd.core.lifecycle import ChallengeKind, SubmissionState
from walrusd.core.protocol import (
    TraceContext,
    compute_audit_lot,
    compute_deal_seed,
    compute_seed,
)
from walrusd.crypto.vfile.header import FileSubject
from walrusd.engine.tools import Tools
from walrusd.errors import MalformedData
from walrusd.units import address_bytes


@dataclass(frozen=True)
class Case:
    """One submission with its task and market, as the services pass it around."""

    market: ob.Market
    task: ob.Task
    submission: ob.Submission

    @property
    def seed(self) -> bytes:
        """The seed of the submission's batch order."""
        return compute_seed(
            address_bytes(self.task.id),
            address_bytes(self.submission.contributor),
            self.task.join_beacon,
        )

    @property
    def subject(self) -> FileSubject:
        """What the submission's verification file must be about."""
        sub = self.submission
        return FileSubject(
            chain_id=self.market.chain_id,
            package=address_bytes(self.market.package),
            task=address_bytes(self.task.id),
            submission=address_bytes(sub.id),
            contributor=address_bytes(sub.contributor),
            seed=self.seed,
            plan_digest=self.task.plan_digest,
            dataset=address_bytes(sub.dataset),
            dataset_version=sub.dataset_version,
            dataset_root=sub.dataset_root,
        )

    @property
    def ctx(self) -> bytes:
        """The trace context; once committed, the chain holds the same value."""
        subject = self.subject
        return TraceContext(
            subject.chain_id,
            subject.package,
            subject.task,
            subject.contributor,
            subject.seed,
            subject.plan_digest,
            subject.dataset_root,
        ).digest()

    @property
    def segment_count(self) -> int:
        """How many segments the trace has: up to where an abort claim ends it, or all."""
        return count_segments(self.task, self.submission)

    def segments_of(self, seat: int) -> list[int]:
        """Return the segments dealt to a seat, by position."""
        per_seat = self.task.terms.segments_per_seat
        return self.dealt_places()[seat * per_seat : (seat + 1) * per_seat]

    def dealt_places(self) -> list[int]:
        """Return the segment at every dealt place, seat by seat."""
        return deal_places(self.task, self.submission)

    def find_audited_segment(self) -> int | None:
        """Return the segment of a pending audit (``find_audited_segment`` below)."""
        return find_audited_segment(self.task, self.submission)

    def dealt_segments(self) -> list[int]:
        """Return all segments dealt to any seat, ascending."""
        return sorted(set(self.dealt_places()))

    def seat_of(self, address: str) -> int | None:
        """Return the committee seat of an address, if it has one."""
        for number, seat in enumerate(self.submission.committee):
            if seat.verifier == address:
                return number
        return None


def count_segments(task: ob.Task, submission: ob.Submission) -> int:
    """Return how many segments a trace has: up to where an abort claim ends it, or all."""
    return task.terms.segments if submission.abort is None else submission.abort.segment


def deal_places(task: ob.Task, submission: ob.Submission) -> list[int]:
    """Return the segment at every place; seat ``a``, position ``k`` is place ``a·q + k``."""
    seed = compute_deal_seed(task.beacon, address_bytes(submission.id))
    segments, per_seat = count_segments(task, submission), task.terms.segments_per_seat
    return [
        segment
        for seat in range(task.terms.committee)
        for segment in compute_seat_segments(seed, segments, seat, per_seat)
    ]


def find_audited_segment(task: ob.Task, submission: ob.Submission) -> int | None:
    """Return the segment that a jury must judge before a submission can be settled.

    None before the audit is drawn, if the lot fell on nothing, or if a verdict stands.
    """
    if not submission.audit_beacon:
        return None
    places, name = deal_places(task, submission), address_bytes(submission.id)
    lot = compute_audit_lot(submission.audit_beacon, name, task.terms.audit_bps, len(places))
    segment = places[lot.place]
    is_judged = ob.Judged(ChallengeKind.SEGMENT, segment) in submission.judged
    return segment if lot.is_selected and not is_judged else None


def read_version(dataset: ob.Dataset, number: int) -> ob.DatasetVersion:
    """Return a version of a dataset.

    Raises:
        MalformedData: if there is none; a task may name any number.
    """
    if not 1 <= number <= len(dataset.versions):
        raise MalformedData(f"dataset {dataset.id} has no version {number}")
    return dataset.versions[number - 1]


async def read_tasks(tools: Tools) -> list[ob.Task]:
    """Return every task that is still of interest, in the order in which they were opened."""
    ids = [known.id for known in tools.chain_log.known("task")]
    return list((await tools.contract.read_many(ob.Task, ids)).values())


async def read_cases(tools: Tools) -> list[Case]:
    """Return every submission that is still of interest, with its task."""
    known = tools.chain_log.known("submission")
    submissions = await tools.contract.read_many(ob.Submission, [k.id for k in known])
    tasks = await tools.contract.read_many(ob.Task, dict.fromkeys(k.parent for k in known))
    market = await tools.contract.market()
    return [
        Case(market, tasks[k.parent], submissions[k.id])
        for k in known
        if k.id in submissions and k.parent in tasks
    ]


def task_facts(task: ob.Task) -> TaskFacts:
    """Return what decides a task's cranks."""
    terms = task.terms
    return TaskFacts(
        phase=task.phase,
        phase_ms=task.phase_ms,
        joined=len(task.entries),
        committed=task.committed,
        max_submissions=terms.max_submissions,
        join_ms=terms.join_ms,
        train_ms=terms.train_ms,
        drawn=bool(task.beacon),
        open_ms=terms.open_ms,
        grace_ms=terms.grace_ms,
        verify_ms=terms.verify_ms,
        jury_commit_ms=terms.jury_commit_ms,
        jury_reveal_ms=terms.jury_reveal_ms,
    )


def submission_facts(task: ob.Task, submission: ob.Submission) -> SubmissionFacts:
    """Return what decides a submission's cranks."""
    dispute = None
    if submission.dispute is not None and submission.state == SubmissionState.DISPUTED:
        found = submission.dispute
        dispute = DisputeFacts(
            phase=found.phase,
            phase_ms=found.phase_ms,
            all_revealed=bool(found.jurors)
            and (is_audit(found.accuser) or bool(found.accuser_chain))
            and all(juror.chain for juror in found.jurors),
        )
    is_audited = submission.state == SubmissionState.AUDITED
    return SubmissionFacts(
        submission.state,
        submission.window_ms,
        dispute,
        replaced=submission.replaced,
        audit_pending=is_audited and find_audited_segment(task, submission) is not None,
    )
