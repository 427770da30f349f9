"""Values that follow from a task and a submission on the chain: seeds, contexts, dealt segments."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from walrusd.chain.layouts import objects as ob
from walrusd.core.cranks import (
    Crank,
    DisputeFacts,
    SubmissionFacts,
    TaskFacts,
    compute_resolvable_ms,
    may_be_due,
)
from walrusd.core.dealing import compute_seat_segments
from walrusd.core.duties import (
    Duties,
    Party,
    SubmissionStanding,
    TaskStanding,
    list_submission_duties,
    list_task_duties,
)
from walrusd.core.lifecycle import is_disputed
from walrusd.core.opening import Opening, VerifiedOpening, verify_opening
from walrusd.core.protocol import (
    TraceContext,
    compute_audit_sample,
    compute_deal_seed,
    compute_seed,
)
from walrusd.crypto.envelopes.contexts import OpeningContext
from walrusd.crypto.stream import StreamKind, stream_aad
from walrusd.crypto.vfile.header import FileSubject
from walrusd.engine.tools import Tools
from walrusd.errors import MalformedData
from walrusd.training.numerics.random import compute_segment_rows
from walrusd.training.plan.plan import Plan
from walrusd.units import address_bytes

MAX_SAMPLES = 2
"""How many samples an audit may draw: the contract's limit."""


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
        """The subject that the submission's verification file must have."""
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
    def opening_context(self) -> OpeningContext:
        """What keys and envelopes of the present attempt at opening are bound to."""
        sub = self.submission
        return OpeningContext(
            chain_id=self.market.chain_id,
            package=address_bytes(self.market.package),
            market=address_bytes(self.market.id),
            pool=address_bytes(sub.pool),
            task=address_bytes(sub.task),
            submission=address_bytes(sub.id),
            contributor=address_bytes(sub.contributor),
            attempt=sub.attempt,
        )

    @property
    def opening_aad(self) -> bytes:
        """The associated data of the opening, with which that of every piece begins."""
        package, name = address_bytes(self.market.package), address_bytes(self.submission.id)
        return stream_aad(StreamKind.OPENING, self.market.chain_id, package, name)

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

    def list_duties(self, party: Party, now_ms: int) -> Duties:
        """Return what a party has to do about the submission."""
        sub, vote_ms = self.submission, self.task.terms.jury_commit_ms
        dispute, facts = sub.dispute, dispute_facts(self.task, sub)
        told_ms = None
        if facts is not None and facts.has_majority:
            told_ms = compute_resolvable_ms(task_facts(self.task), facts, now_ms)
        standing = SubmissionStanding(
            state=sub.state,
            task_phase=self.task.phase,
            dispute_phase=None if dispute is None else dispute.phase,
            is_vote_over=dispute is not None and now_ms >= dispute.phase_ms + vote_ms,
            may_tell=told_ms is not None and now_ms >= told_ms,
            is_opened=sub.opening is not None,
            may_deliver_update=sub.abort is None and find_audited_place(self.task, sub) is None,
        )
        return list_submission_duties(party, standing)

    def dealt_segments(self) -> list[int]:
        """Return all segments dealt to any seat, ascending."""
        return sorted(set(self.dealt_places()))

    def compute_needed_rows(self, plan: Plan, segments: Iterable[int]) -> set[int]:
        """Return the rows of the dataset that a replay of ``segments`` reads.

        If the plan does not fit the dataset no step reads any; the first row is returned then, as a
        replay takes a file of rows that is not empty.
        """
        count = self.submission.dataset_rows
        if 2 * plan.batch > count:
            return {0}
        found = (compute_segment_rows(plan, self.seed, segment, count) for segment in segments)
        return {int(row) for rows in found for row in rows}

    def verify_opening(self, opening: Opening) -> VerifiedOpening:
        """Verify an opening against the roots that the submission has on the chain. Blocks.

        Raises:
            VerificationFailed: if a root does not match.
        """
        commitment = self.submission.commitment
        assert commitment is not None
        return verify_opening(
            opening,
            segments=self.segment_count,
            trace_root=commitment.trace_root,
            row_root=self.submission.dataset_root,
            row_count=self.submission.dataset_rows,
        )

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
    seed = compute_deal_seed(submission.beacon, address_bytes(submission.id))
    segments, per_seat = count_segments(task, submission), task.terms.segments_per_seat
    return [
        segment
        for seat in range(task.terms.committee)
        for segment in compute_seat_segments(seed, segments, seat, per_seat)
    ]


def find_audited_place(task: ob.Task, submission: ob.Submission) -> int | None:
    """Return the dealt place that a jury must judge before a submission can be accepted.

    None before the audit is drawn, if it sampled no place, or if it came to an end.
    """
    if not submission.audit_beacon or submission.audit_round >= MAX_SAMPLES:
        return None
    terms, name = task.terms, address_bytes(submission.id)
    places = terms.committee * terms.segments_per_seat
    sample = compute_audit_sample(
        submission.audit_beacon, name, submission.audit_round, terms.audit_bps, places
    )
    return sample.place if sample.is_selected else None


def find_audited_segment(task: ob.Task, submission: ob.Submission) -> int | None:
    """Return the segment at the place that ``find_audited_place`` finds, if any."""
    place = find_audited_place(task, submission)
    return None if place is None else deal_places(task, submission)[place]


def read_version(dataset: ob.Dataset, number: int) -> ob.DatasetVersion:
    """Return a version of a dataset.

    Raises:
        MalformedData: if there is none; a task may name any number.
    """
    if not 1 <= number <= len(dataset.versions):
        raise MalformedData(f"dataset {dataset.id} has no version {number}")
    return dataset.versions[number - 1]


async def read_tasks(tools: Tools) -> list[ob.Task]:
    """Return every task of our market that is of interest, in the order in which they were opened.

    The package may serve other markets, whose administrators and pools are strangers.
    """
    ids = [known.id for known in tools.chain_log.known("task")]
    found = (await tools.contract.read_many(ob.Task, ids)).values()
    return [task for task in found if task.market == tools.contract.market_id]


async def read_cases(tools: Tools) -> list[Case]:
    """Return every submission that is still of interest, with its task, of our market."""
    known = tools.chain_log.known("submission")
    submissions = await tools.contract.read_many(ob.Submission, [k.id for k in known])
    tasks = await tools.contract.read_many(ob.Task, dict.fromkeys(k.parent for k in known))
    market = await tools.contract.market()
    return [
        Case(market, tasks[k.parent], submissions[k.id])
        for k in known
        if k.id in submissions and k.parent in tasks and tasks[k.parent].market == market.id
    ]


def is_in_our_pools(tools: Tools, task: ob.Task) -> bool:
    """Return whether a task's seats are of a pool that the owner deals with."""
    return task.pool in tools.contract.pool_ids


def task_facts(task: ob.Task) -> TaskFacts:
    """Return the facts that decide a task's cranks."""
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


def list_duties_about(task: ob.Task, party: Party) -> Duties:
    """Return what a party has to do about a task."""
    standing = TaskStanding(
        phase=task.phase,
        accepted=task.accepted.bit_count(),
        k_min=task.terms.k_min,
        unspent=task.funds + task.bond + task.tips,
    )
    return list_task_duties(party, standing)


def find_majority(dispute: ob.Dispute, size: int) -> bytes:
    """Return the value that more than half of a jury of ``size`` revealed; empty if there is none.

    The jury are the first that committed, in the order of the list.
    """
    voted = [juror for juror in dispute.jurors if juror.commitment][:size]
    counted = Counter(juror.value for juror in voted if juror.value)
    return next((value for value, count in counted.items() if 2 * count > size), b"")


def dispute_facts(task: ob.Task, submission: ob.Submission) -> DisputeFacts | None:
    """Return the facts that decide the cranks of a submission's case, if it has one."""
    dispute = submission.dispute
    if dispute is None or not is_disputed(submission.state):
        return None
    voted = [juror for juror in dispute.jurors if juror.commitment]
    return DisputeFacts(
        phase=dispute.phase,
        phase_ms=dispute.phase_ms,
        all_revealed=all(juror.value for juror in voted),
        has_majority=bool(find_majority(dispute, task.terms.jury)),
    )


def find_resolvable_ms(case: Case, now_ms: int) -> int | None:
    """Return from when on a juror may resolve a submission's case, if that is known by now."""
    facts = dispute_facts(case.task, case.submission)
    return None if facts is None else compute_resolvable_ms(task_facts(case.task), facts, now_ms)


def submission_facts(
    task: ob.Task, submission: ob.Submission, pool: ob.VerifierPool | None
) -> SubmissionFacts:
    """Return the facts that decide a submission's cranks.

    ``pool`` is its pool; a lot of one that cannot be read counts as taken.
    """
    may_be_audited = may_be_due(Crank.AUDIT, submission.state)
    return SubmissionFacts(
        submission.state,
        submission.window_ms,
        dispute_facts(task, submission),
        has_lot=submission.lot is not None,
        is_lot_free=pool is not None and int(pool.lot, 16) == 0,
        was_complete=submission.opening is not None and submission.opening.was_complete,
        audit_pending=may_be_audited and find_audited_place(task, submission) is not None,
        is_abort=submission.abort is not None,
    )
