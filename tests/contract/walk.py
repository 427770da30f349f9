"""Anybody doing anything at any time: random operations whose aborts are part of life."""

from collections import Counter

from walrusd.chain.layouts.events import ChallengeResolved, SubmissionEnded
from walrusd.chain.layouts.objects import Submission
from walrusd.core.cranks import Crank
from walrusd.core.lifecycle import (
    TERMINAL,
    ChallengeKind,
    ChallengeOutcome,
    DisputePhase,
    EndReason,
    SubmissionState,
    TaskPhase,
)
from walrusd.devnet.move.aborts import MoveAbort

from .entitled import list_cranks
from .market import CONTRIBUTORS, FAULT, NOBODY_ID, SOUND, Bazaar, terms_with
from .work import Replay
from .world import address, digest

WALK_TERMS = terms_with(
    max_submissions=3,
    committee=2,
    segments=4,
    segments_per_seat=2,
    jury=3,
    k_min=3,
    join_ms=4_000,
    train_ms=6_000,
    open_ms=3_000,
    grace_ms=5_000,
    verify_ms=9_000,
    jury_commit_ms=3_000,
    jury_reveal_ms=4_000,
    audit_bps=7_500,
)
HOUR = 3_600_000
STEPS_MS = (1, 1_000, 3_000, 4_000, 9_000)
LIES = [Replay(digest("lie", n), digest("lying state", n)) for n in range(3)]
ENDED = {TaskPhase.SETTLED, TaskPhase.AGGREGATED, TaskPhase.VOID}


class Walk:
    """A market, one task, and every operation with its arguments reduced to small numbers."""

    def __init__(self, verifiers=9):
        self.m = Bazaar(verifiers=verifiers)
        self.m.open_task(terms=WALK_TERMS)
        self.values = {}
        self.counts = Counter()
        self.people = [*CONTRIBUTORS, "accuser", "crank", "publisher", *self.m.caps]

    # Helpers.

    def attempt(self, operation, *args, **kwargs):
        """Do something that the contract may refuse, but never a crank that is due."""
        due = self.list_due(operation.__name__, args)
        try:
            operation(*args, **kwargs)
        except MoveAbort as abort:
            if operation.__name__ in due:
                raise AssertionError(f"{operation.__name__} was due") from abort
            self.counts[f"refused {abort.module} {abort.code}"] += 1
            return False
        self.counts[f"did {operation.__name__}"] += 1
        return True

    def list_due(self, name, args):
        """Return the crank that is due on what an operation is about, by its name."""
        if name in {crank.value for crank in Crank}:
            due = list_cranks(self.m.task, args[0] if args else None, self.m.now)
            return {crank.value for crank in due if crank is not None}
        return set()

    def submission(self, n):
        found = self.m.of_type(Submission)
        return found[n % len(found)] if found else None

    def worked(self, n):
        """Return a submission whose trace is fixed."""
        submission = self.submission(n)
        return submission if submission and submission.id in self.m.works else None

    def value(self, submission, dispute, n):
        """Return the truth for n = 0, 1, 2, the claimed value for 3, a lie above.

        About some audits the truth is that the opening is kept from it.
        About anything but a segment there is no truth here: who knows says what another would not.
        """
        work = self.m.works[submission.id]
        if dispute.kind != ChallengeKind.SEGMENT:
            usual, other = (FAULT, SOUND) if dispute.index % 2 else (SOUND, FAULT)
            return usual if n < 3 else (other if n == 3 else LIES[n % len(LIES)])
        if n < 3:
            is_withheld = dispute.accuser == NOBODY_ID and dispute.challenge[0] % 3 == 0
            return FAULT if is_withheld else work.honest[dispute.index]
        return work.claimed[dispute.index] if n == 3 else LIES[n % len(LIES)]

    # Operations.

    def advance(self, n):
        self.m.advance(STEPS_MS[n % len(STEPS_MS)])

    def join(self, n):
        self.attempt(self.m.join, self.people[n % 4 if n % 7 else 6])

    def close_joining(self, _n):
        self.attempt(self.m.close_joining)

    def commit(self, n):
        submission = self.submission(n)
        if submission is None:
            return
        before = self.m.works.get(submission.id)
        forged = () if n % 3 else (range(1, 5) if n // 3 % 3 == 0 else {1 + n % 4: FAULT})
        sender = "crank" if n % 11 == 10 else None
        if n % 5 == 4:
            segment = 1 + n // 5 % 4
            self.attempt(self.m.commit_abort, submission, segment, sender=sender, forged=forged)
            return
        if not self.attempt(self.m.commit, submission, sender=sender, forged=forged):
            self.m.works.pop(submission.id, None)
            if before is not None:
                self.m.works[submission.id] = before

    def draw(self, _n):
        self.attempt(self.m.draw)

    def seat(self, n):
        if submission := self.submission(n):
            self.attempt(self.m.seat, submission)

    def open(self, n):
        if submission := self.worked(n):
            wrong = {11: {"cost": None, "blinding": b""}, 12: {"cost": 1}}.get(n % 13, {})
            self.attempt(self.m.open, submission, **wrong)

    def attest(self, n):
        submission = self.worked(n)
        if submission and submission.committee:
            self.attempt(self.m.attest, submission, n // 3 % 2, n // 6 % 2)

    def attest_everything(self, n):
        submission = self.worked(n)
        if submission and submission.committee:
            for at in range(4):
                self.attempt(self.m.attest, submission, at // 2, at % 2)

    def report(self, n):
        submission = self.worked(n)
        if submission and submission.committee:
            self.attempt(self.m.report, submission, n // 3 % len(submission.committee))

    def replace(self, n):
        if submission := self.submission(n):
            self.attempt(self.m.replace, submission)

    def outwait_committee(self, _n):
        self.m.advance(self.m.task.terms.verify_ms)

    def draw_audit(self, n):
        if submission := self.submission(n):
            self.attempt(self.m.draw_audit, submission)

    def audit(self, n):
        submission = self.worked(n)
        if submission and submission.audit_beacon:
            self.attempt(self.m.audit, submission)

    def accuse(self, n):
        """Claim a fault of any kind but a segment's."""
        submission = self.worked(n)
        if submission is None:
            return
        kind = 2 + n // 15 % 5
        index = n // 75 % 5 if kind == ChallengeKind.ROWS else 0
        reader = next((s for s in submission.committee if s.attested == 0), None)
        sender = "accuser"
        if kind == ChallengeKind.UNAVAILABLE and reader is not None:
            sender = self.m.name_of(reader.verifier)
        value = SOUND if n % 5 == 0 else FAULT
        self.values[submission.id] = sender, index, value
        self.attempt(self.m.accuse, submission, kind, index, sender, value)

    def challenge(self, n):
        if submission := self.worked(n):
            if not submission.committee:
                return
            work = self.m.works[submission.id]
            index = 1 + n // 3 % len(work.honest)
            forged = [i for i in work.honest if work.honest[i] != work.claimed[i]]
            index = forged[0] if forged and n % 2 else index
            sender = ("accuser", CONTRIBUTORS[0], "verifier 0")[n // 2 % 3]
            self.values[submission.id] = sender, index, work.honest[index]
            self.attempt(self.m.challenge, submission, index, sender=sender)

    def draw_jury(self, n):
        if submission := self.submission(n):
            self.attempt(self.m.draw_jury, submission)

    def seat_jury(self, n):
        if submission := self.submission(n):
            self.attempt(self.m.seat_jury, submission)

    def _jurors(self, n):
        submission = self.worked(n)
        if submission is None or submission.dispute is None:
            return None, range(0)
        return submission, range(len(submission.dispute.jurors))

    def jury_commit(self, n):
        submission, jurors = self._jurors(n)
        for juror in jurors:
            dispute, choice = submission.dispute, n // 3 // 6**juror % 6
            value = self.value(submission, dispute, choice)
            if choice != 5 and self.attempt(self.m.jury_commit, submission, juror, value):
                self.values[dispute.challenge, juror] = value

    def jury_reveal(self, n):
        submission, jurors = self._jurors(n)
        for juror in jurors:
            value = self.values.get((submission.dispute.challenge, juror), LIES[0])
            if n // 3 % 5 != juror:
                self.attempt(self.m.jury_reveal, submission, juror, value)

    def accuser_reveal(self, n):
        submission, _jurors = self._jurors(n)
        if submission and submission.id in self.values:
            sender, _index, value = self.values[submission.id]
            self.attempt(self.m.accuser_reveal, submission, value, sender=sender)

    def resolve(self, n):
        if submission := self.submission(n):
            self.attempt(self.m.resolve, submission)

    def settle(self, n):
        if submission := self.submission(n):
            self.attempt(self.m.settle, submission)

    def claim(self, n):
        if submission := self.submission(n):
            self.attempt(self.m.claim, submission, self.people[n // 3 % len(self.people)])

    def reclaim(self, _n):
        self.attempt(self.m.reclaim)

    def record_aggregate(self, _n):
        m, args = self.m, (digest("root"), digest("blindings"), 5)
        target = "task::record_aggregate"
        self.attempt(m.call, target, "publisher", m.market, m.publisher_cap, m.task, *args)

    def leave(self, n):
        """Exit a seat, or withdraw it after an hour (windows are over by then, too)."""
        m, names = self.m, list(self.m.caps)
        name = names[n % len(names)]
        target = "node::exit_seat" if n % 2 else "node::withdraw_seat"
        if m.caps[name].id in m.objects:
            self.attempt(m.call, target, name, m.market, m.pool, m.caps[name])

    def wait_long(self, n):
        if n % 5 == 0:
            self.m.advance(HOUR)

    def go_on(self, n):
        """Do what the people concerned would do next."""
        phase = self.m.task.phase
        if phase == TaskPhase.JOINING:
            self.attempt(self.m.join, CONTRIBUTORS[len(self.m.task.entries) % 4])
            if len(self.m.task.entries) == self.m.task.terms.max_submissions:
                self.close_joining(n)
            return
        if phase == TaskPhase.TRAINING:
            self.commit(n)
            self.draw(n)
            return
        submission = self.submission(n)
        if submission is None:
            return
        doubts = n // 3 % 5
        for name in {
            SubmissionState.JOINED: ("settle",),
            SubmissionState.COMMITTED: ("seat",),
            SubmissionState.SEATED: ("open",) if n % 10 else ("wait_long", "settle"),
            SubmissionState.OPENED: (
                ("challenge",),
                ("report", "open", "accuse"),
                ("attest", "outwait_committee", "replace", "settle"),
                ("attest_everything",),
                ("attest_everything", "draw_audit", "audit"),
            )[doubts],
            SubmissionState.ATTESTED: ("challenge",) if doubts == 0 else ("draw_audit",),
            SubmissionState.AUDITED: (*(("accuse",) if doubts == 0 else ()), "audit", "settle"),
            SubmissionState.DISPUTED: self._jury_steps(submission),
        }.get(SubmissionState(submission.state), ("claim", "record_aggregate")):
            getattr(self, name)(n)

    def _jury_steps(self, submission):
        if submission.dispute is None:
            return ()
        return {
            DisputePhase.WAITING: ("draw_jury",),
            DisputePhase.DRAWN: ("seat_jury",),
            DisputePhase.COMMITTING: ("jury_commit", "advance"),
            DisputePhase.REVEALING: ("jury_reveal", "accuser_reveal", "resolve"),
        }[submission.dispute.phase]

    # The end.

    def shapes(self):
        """Return what a stranger would have to end: where the submissions under way stand."""
        for submission in self.m.of_type(Submission):
            dispute = submission.dispute
            if submission.state not in TERMINAL:
                yield (
                    SubmissionState(submission.state).name,
                    submission.abort is not None,
                    submission.reopened,
                    submission.replaced,
                    dispute and (dispute.kind, dispute.phase, dispute.round, dispute.resume_state),
                )

    def finish(self):
        """Crank as strangers would; everything must end, and all money must come out.

        Strangers do not have the leaves that an audit needs.
        """
        m = self.m
        for _ in range(12):
            if m.task.phase in ENDED:
                break
            m.advance(100_000)
            self.close_joining(0)
            self.draw(0)
            for n in range(len(m.of_type(Submission))):
                for crank in (
                    self.seat,
                    self.replace,
                    self.draw_audit,
                    self.resolve,
                    self.draw_jury,
                    self.seat_jury,
                    self.settle,
                ):
                    crank(n)
        assert m.task.phase in ENDED, "the market depends on one party"
        for event in m.events:
            if isinstance(event, ChallengeResolved):
                self.counts[f"resolved {ChallengeOutcome(event.outcome).name}"] += 1
            if isinstance(event, SubmissionEnded):
                self.counts[f"because {EndReason(event.reason).name}"] += 1
        names = {address(name): name for name in self.people}
        for submission in m.of_type(Submission):
            self.counts[f"ended {SubmissionState(submission.state).name}"] += 1
            for entry in list(submission.credits):
                assert m.claim(submission, names[entry.owner]) == entry.amount
            assert submission.credited == 0
        for entry in list(m.task.credits):
            m.call("task::claim_task", names[entry.owner], m.market, m.task)
        self.reclaim(0)
        assert (m.task.pool, m.task.bond, m.task.tips, m.task.credited) == (0, 0, 0, 0)
