"""Anybody doing anything at any time: random operations whose aborts are part of life."""

from collections import Counter

from walrusd.chain.layouts.events import CaseDropped, CaseResolved, LotFailed, SubmissionEnded
from walrusd.chain.layouts.objects import Submission
from walrusd.core.aborts import ABORTS
from walrusd.core.cranks import Crank
from walrusd.core.lifecycle import (
    TERMINAL,
    CaseKind,
    CaseOutcome,
    DisputePhase,
    EndReason,
    SubmissionState,
    TaskPhase,
)
from walrusd.devnet.move.aborts import MoveAbort

from .early import terms_with
from .entitled import MAY_WAIT, find_due
from .market import ABSENT, CONTRIBUTORS, FAULT, SOUND, Bazaar
from .work import Replay
from .world import address, digest

WALK_TERMS = terms_with(
    max_submissions=3,
    committee=2,
    substitutes=2,
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

    def __init__(self, verifiers=12):
        self.m = Bazaar(verifiers=verifiers)
        self.m.open_task(terms=WALK_TERMS)
        self.values = {}
        self.counts = Counter()
        self.people = [*CONTRIBUTORS, "accuser", "crank", "publisher", *self.m.caps]

    # Helpers.

    def attempt(self, operation, *args, **kwargs):
        """Do something that the contract may refuse, but never a crank that is due.

        A draw that is due may find no free seats; then nothing changes.
        """
        is_due = self.is_due(operation.__name__, args)
        try:
            operation(*args, **kwargs)
        except MoveAbort as abort:
            found = ABORTS.get((abort.module, abort.code))
            is_waiting = found is not None and (found.module, found.name) in MAY_WAIT
            if is_due and not is_waiting:
                raise AssertionError(f"{operation.__name__} was due") from abort
            self.counts[f"refused {abort.module} {abort.code}"] += 1
            return False
        self.counts[f"did {operation.__name__}"] += 1
        return True

    def is_due(self, operation, args):
        """Return whether an operation is the crank that is due on what it is about."""
        name = {"draw": "draw_committee", "seat": "seat_committee"}.get(operation, operation)
        if name not in {crank.value for crank in Crank}:
            return False
        due = find_due(self.m, self.m.task, args[0] if args else None)
        # The audit needs a leaf; a stranger resolves without telling anything.
        is_crank = due is not None and due not in (Crank.AUDIT, Crank.RESOLVE)
        return is_crank and due.value == name

    def submission(self, n):
        found = self.m.of_type(Submission)
        return found[n % len(found)] if found else None

    def worked(self, n):
        """Return a submission whose trace is fixed."""
        submission = self.submission(n)
        return submission if submission and submission.id in self.m.works else None

    def value(self, submission, n):
        """Return the truth for n = 0, 1, 2, the claimed value for 3, something else above.

        About some cases the truth is that the opening is absent. About anything but a segment there
        is no truth here: who knows says what another would not.
        """
        work, dispute = self.m.works[submission.id], submission.dispute
        if n < 3 and dispute.challenge[0] % 5 == 0:
            return ABSENT
        if dispute.kind != CaseKind.SEGMENT:
            usual, other = (FAULT, SOUND) if dispute.challenge[1] % 2 else (SOUND, FAULT)
            return usual if n < 3 else (other if n == 3 else LIES[n % len(LIES)])
        if n < 3:
            return work.honest[dispute.index]
        return work.claimed[dispute.index] if n == 3 else LIES[n % len(LIES)]

    # Operations.

    def advance(self, n):
        self.m.advance(STEPS_MS[n % len(STEPS_MS)])

    def join(self, n):
        self.attempt(self.m.join, self.people[n % 4 if n % 7 else 6])

    def close_joining(self, _n):
        self.attempt(self.m.close_joining)

    def cancel(self, n):
        if n % 23 == 0:
            self.attempt(self.m.cancel)

    def commit(self, n):
        submission = self.submission(n)
        if submission is None:
            return
        before = self.m.works.get(submission.id)
        forged = () if n % 3 else (range(1, 5) if n // 3 % 3 == 0 else {1 + n % 4: LIES[0]})
        sender = "crank" if n % 11 == 10 else None
        if n % 5 == 4:
            segment = 1 + n // 5 % 4
            self.attempt(self.m.commit_abort, submission, segment, sender=sender, forged=forged)
            return
        if not self.attempt(self.m.commit, submission, sender=sender, forged=forged):
            self.m.works.pop(submission.id, None)
            if before is not None:
                self.m.works[submission.id] = before

    def close_training(self, _n):
        self.attempt(self.m.close_training)

    def draw(self, n):
        if submission := self.submission(n):
            self.attempt(self.m.draw, submission)

    def seat(self, n):
        submission = self.submission(n)
        if submission and submission.lot is not None:
            self.attempt(self.m.seat, submission)

    def open(self, n):
        if submission := self.worked(n):
            wrong = {11: {"cost": None, "blinding": b""}, 12: {"cost": 1}}.get(n % 13, {})
            self.attempt(self.m.open, submission, **wrong)

    def deliver(self, n):
        submission = self.worked(n)
        if submission and submission.committee:
            self.attempt(self.m.deliver, submission, n // 3 % 2)

    def show(self, n):
        """Open and deliver to everybody, as contributors do."""
        submission = self.worked(n)
        if submission is None:
            return
        if submission.opening is None:
            self.open(0)
            self.attempt(self.m.open, submission)
        for place, seat in enumerate(submission.committee):
            if not seat.envelope:
                self.attempt(self.m.deliver, submission, place)

    def reopen(self, n):
        if submission := self.submission(n):
            self.attempt(self.m.reopen, submission)

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

    def report_everything(self, n):
        submission = self.worked(n)
        if submission:
            for place in range(len(submission.committee)):
                self.attempt(self.m.report, submission, place)

    def replace(self, n):
        if submission := self.submission(n):
            self.attempt(self.m.replace, submission)

    def outwait_committee(self, _n):
        self.m.advance(self.m.task.terms.verify_ms)

    def outwait_opening(self, _n):
        self.m.advance(self.m.task.terms.open_ms + self.m.task.terms.grace_ms)

    def outwait_jury(self, n):
        """Let a jury say nothing at all."""
        self.m.advance(self.m.task.terms.jury_commit_ms)
        if submission := self.submission(n):
            self.attempt(self.m.resolve, submission)

    def draw_audit(self, n):
        if submission := self.submission(n):
            self.attempt(self.m.draw_audit, submission)

    def audit(self, n):
        submission = self.worked(n)
        if submission and submission.audit_beacon:
            self.attempt(self.m.audit, submission)

    def deliver_update(self, n):
        submission = self.worked(n)
        if submission and submission.opening:
            self.attempt(self.m.deliver_update, submission)

    def accuse(self, n):
        """Claim a fault of any kind, as a seat; of a segment, of one that is forged."""
        submission = self.worked(n)
        if submission is None or not submission.committee:
            return
        place, kind = n // 3 % 2, 1 + n // 6 % 6
        position = n // 36 % 2
        if kind == CaseKind.SEGMENT:
            index = self.m.dealt(submission, place)[position]
            self.attempt(self.m.accuse, submission, kind, place, index, position=position)
            return
        index = n // 36 % 5 if kind == CaseKind.ROWS else 0
        self.attempt(self.m.accuse, submission, kind, place, index)

    def accuse_file(self, n):
        if submission := self.worked(n):
            sender = ("accuser", CONTRIBUTORS[0], "verifier 0", "stranger")[n // 3 % 4]
            self.attempt(self.m.accuse_file, submission, sender)

    def draw_jury(self, n):
        if submission := self.submission(n):
            self.attempt(self.m.draw_jury, submission)

    def seat_jury(self, n):
        if submission := self.submission(n):
            self.attempt(self.m.seat_jury, submission)

    def brief(self, n):
        """Give jurors their envelopes, sometimes not the last one."""
        submission, jurors = self._jurors(n)
        for juror in jurors[: -1 if n % 7 == 0 else None]:
            self.attempt(self.m.deliver_juror, submission, juror)

    def _jurors(self, n):
        submission = self.worked(n)
        if submission is None or submission.dispute is None:
            return None, range(0)
        return submission, range(len(submission.dispute.jurors))

    def jury_commit(self, n):
        submission, jurors = self._jurors(n)
        for juror in jurors:
            dispute, choice = submission.dispute, n // 3 // 6 ** (juror % 3) % 6
            value = self.value(submission, choice)
            if choice != 5 and self.attempt(self.m.jury_commit, submission, juror, value):
                self.values[dispute.challenge, juror] = value

    def jury_reveal(self, n):
        submission, jurors = self._jurors(n)
        for juror in jurors:
            value = self.values.get((submission.dispute.challenge, juror), LIES[0])
            if n // 3 % 5 != juror:
                self.attempt(self.m.jury_reveal, submission, juror, value)

    def resolve(self, n):
        """Resolve, knowing mostly what the majority's value hides."""
        submission = self.submission(n)
        if submission is None:
            return
        _submission, jurors = self._jurors(n)
        told = None
        if jurors and n % 5:
            for juror in jurors:
                value = self.values.get((submission.dispute.challenge, juror))
                is_it = value is not None and self.m.majority(submission)
                if is_it and self.m.hide(submission, value) == is_it:
                    told = value
        self.attempt(self.m.resolve, submission, told)

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
        parts, target = m.task.accepted, "task::record_aggregate"
        self.attempt(m.call, target, "publisher", m.market, m.publisher_cap, m.task, parts, *args)

    def leave(self, n):
        """Exit a seat, or withdraw it after an hour (windows are over by then, too)."""
        m, names = self.m, list(self.m.caps)
        name = names[n % len(names)]
        target = "node::exit_seat" if n % 2 else "node::withdraw_seat"
        if n % 6 < 2 and m.caps[name].id in m.objects:
            self.attempt(m.call, target, name, m.market, m.pool, m.caps[name])

    def abandon(self, n):
        """Let all seats leave the pool."""
        if n % 9 == 0:
            for name, cap in self.m.caps.items():
                self.attempt(self.m.call, "node::exit_seat", name, self.m.market, self.m.pool, cap)

    def wait_long(self, n):
        if n % 5 == 0:
            self.m.advance(HOUR)

    def go_on(self, n):
        """Do what the people concerned would do next."""
        phase = self.m.task.phase
        if phase == TaskPhase.JOINING:
            self.cancel(n)
            self.attempt(self.m.join, CONTRIBUTORS[len(self.m.task.entries) % 4])
            if len(self.m.task.entries) == self.m.task.terms.max_submissions:
                self.close_joining(n)
            return
        if phase == TaskPhase.TRAINING:
            self.commit(n)
            if n % 17 == 0:
                self.m.advance(WALK_TERMS.train_ms + WALK_TERMS.grace_ms)
            self.close_training(n)
            return
        submission = self.submission(n)
        if submission is None:
            return
        doubts = n // 3 % 5
        for name in {
            SubmissionState.JOINED: ("settle",),
            SubmissionState.COMMITTED: ("draw", "seat"),
            SubmissionState.SEATED: ("show",)
            if n % 10
            else ("outwait_opening", "reopen", "settle"),
            SubmissionState.OPENED: (
                ("accuse", "accuse_file"),
                ("report_everything", "show", "accuse"),
                ("attest", "outwait_committee", "replace"),
                ("attest_everything",),
                ("attest_everything", "draw_audit", "audit"),
            )[doubts],
            SubmissionState.ATTESTED: ("accuse",) if doubts == 0 else ("draw_audit",),
            SubmissionState.AUDITED: (
                ("accuse", "accuse_file", "audit") if doubts == 0 else ("audit",),
                ("deliver_update", "audit", "settle"),
            )[bool(doubts % 2)],
            SubmissionState.DISPUTED: self._jury_steps(submission, n),
        }.get(SubmissionState(submission.state), ("claim", "record_aggregate")):
            getattr(self, name)(n)

    def _jury_steps(self, submission, n):
        if submission.dispute is None:
            return ()
        return {
            DisputePhase.WAITING: ("draw_jury",),
            DisputePhase.DRAWN: ("seat_jury",),
            DisputePhase.SUMMONED: ("brief",) if n % 7 else ("brief", "outwait_opening", "reopen"),
            DisputePhase.COMMITTING: ("jury_commit", "advance") if n % 4 else ("outwait_jury",),
            DisputePhase.REVEALING: ("jury_reveal", "resolve"),
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
                    submission.attempt,
                    submission.opening is not None and submission.opening.was_complete,
                    submission.rounds,
                    dispute and (dispute.kind, dispute.phase, dispute.round, dispute.resume_state),
                )

    def finish(self):
        """Crank as strangers would; everything must end, and all money must come out.

        Strangers have neither leaves nor keys. If the pool has no seats left, time ends it.
        """
        m = self.m
        for turn in range(40):
            if m.task.phase in ENDED and self.have_all_ended():
                break
            m.advance(100_000 if turn < 30 else m.task.ends_by_ms)
            self.close_joining(0)
            self.close_training(0)
            for n in range(len(m.of_type(Submission))):
                for crank in (
                    self.draw,
                    self.seat,
                    self.replace,
                    self.draw_audit,
                    self.resolve_as_stranger,
                    self.draw_jury,
                    self.seat_jury,
                    self.reopen,
                    self.settle,
                ):
                    crank(n)
        assert m.task.phase in ENDED, "the market depends on one party"
        assert self.have_all_ended(), "a submission depends on one party"
        self.count()
        names = {address(name): name for name in [*self.people, "stranger"]}
        for submission in m.of_type(Submission):
            for entry in list(submission.credits):
                assert m.claim(submission, names[entry.owner]) == entry.amount
            assert submission.credited == 0
        for entry in list(m.task.credits):
            m.call("task::claim_task", names[entry.owner], m.market, m.task)
        self.reclaim(0)
        assert (m.task.funds, m.task.bond, m.task.tips, m.task.credited) == (0, 0, 0, 0)
        self.empty_pool()

    def have_all_ended(self):
        return all(s.state in TERMINAL for s in self.m.of_type(Submission))

    def resolve_as_stranger(self, n):
        submission = self.submission(n)
        if submission is None:
            return
        is_due = find_due(self.m, self.m.task, submission) is Crank.RESOLVE
        assert self.attempt(self.m.resolve, submission) or not is_due, "resolve was due"

    def count(self):
        for event in self.m.events:
            if isinstance(event, CaseResolved):
                self.counts[f"resolved {CaseOutcome(event.outcome).name}"] += 1
            if isinstance(event, SubmissionEnded):
                self.counts[f"because {EndReason(event.reason).name}"] += 1
            if isinstance(event, CaseDropped | LotFailed):
                self.counts[f"saw {type(event).__name__}"] += 1
        for submission in self.m.of_type(Submission):
            self.counts[f"ended {SubmissionState(submission.state).name}"] += 1

    def empty_pool(self):
        """Let anybody exit and release every seat: no stake is left behind."""
        m = self.m
        m.advance(m.pool.params.seat_life_ms)
        for index in range(len(m.pool.seats)):
            self.attempt(m.call, "node::evict_seat", "crank", m.market, m.pool, index)
        m.advance(m.pool.params.unbonding_ms)
        for index in range(len(m.pool.seats)):
            self.attempt(m.call, "node::release_seat", "crank", m.market, m.pool, index)
        assert m.pool.stakes == 0
