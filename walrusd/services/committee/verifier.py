"""Replay what our seat was dealt; attest what is true, challenge what is not.

An infrastructure fault is never an accusation. What is found wrong is looked at once more from the
opening's bytes on, and only the same finding twice leads to a challenge. An opening that cannot be
used is reported; only if the one made again is no better is it claimed to be unavailable.
"""

from dataclasses import dataclass, field

from walrusd.core.duties import Duty, Party
from walrusd.core.faults import (
    Charge,
    Move,
    Verdict,
    charge_of,
    decide_verdict,
    may_complain,
)
from walrusd.core.lifecycle import ChallengeKind
from walrusd.core.opening import VerifiedOpening
from walrusd.core.protocol import compute_slot_tree, compute_work_digest
from walrusd.crypto.merkle import Tree
from walrusd.engine.service import Service
from walrusd.engine.tools import Tools
from walrusd.errors import FraudFound, OpeningUnusable, SecondLookDiffers, VerificationFailed
from walrusd.examination.absence import Patience
from walrusd.examination.evidence import Accuser
from walrusd.examination.examiner import Examiner
from walrusd.examination.findings import Findings
from walrusd.examination.replayer import Replayed, sweep_replays
from walrusd.market.case import Case, read_cases
from walrusd.market.fetch import Fetcher
from walrusd.state.protection import Begun


class Verifier(Service):
    """Serves the seats that the beacon gave us."""

    name = "verifier"

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        super().__init__(tools)
        self._examiner = Examiner(tools, fetcher, self.name)
        self._accuser = Accuser(tools, self.name)
        self._patience = Patience(tools, fetcher)

    async def start(self) -> None:
        """Remove what a killed run has left."""
        sweep_replays(self.tools.work_dir, self.name)

    async def reconcile(self) -> None:
        """Serve every opened submission whose committee we sit on."""
        for case in await read_cases(self.tools):
            seat = case.seat_of(self.tools.address)
            now_ms = self.tools.clock.now_ms()
            if seat is not None and Duty.EXAMINE in case.list_duties(Party.SEAT, now_ms):

                async def serve(case: Case = case, seat: int = seat) -> None:
                    await self._serve(case, seat)

                await self.undertake(case.submission.id, serve)

    async def _serve(self, case: Case, seat: int) -> None:
        segments = case.segments_of(seat)
        done = case.submission.committee[seat].attested
        missing = [k for k in range(len(segments)) if not done >> k & 1]
        if not missing:
            return
        async with self._examiner.replayer.turn:
            look = await self._look_at(case, seat, segments)
            verdict = self._decide(case, look)
            self._check_timely(case, seat, verdict)
            await self._confirm(case, seat, segments, look, verdict)
        match verdict.move:
            case Move.ATTEST:
                for position in missing:
                    await self._attest(case, seat, position, look, segments[position])
            case Move.CHALLENGE | Move.CLAIM_UNAVAILABLE:
                await self._challenge(case, seat, segments, look, verdict)
            case Move.REPORT:
                await self._report(case, seat, verdict)
            case Move.STAND_BY:
                assert verdict.error is not None
                raise VerificationFailed(
                    f"{verdict.error.message}, but a jury has judged otherwise",
                    hint="run `walrusd verify selftest`; nothing is attested that we do not see",
                )

    # --- looking --------------------------------------------------------------------------------

    async def _look_at(self, case: Case, seat: int, segments: list[int]) -> "_Look":
        """Look at everything that our seat can; what keeps us from it becomes a finding too.

        Raises:
            PartAbsent: if nothing is wrong so far, but a part is not there yet.
        """
        look = _Look()
        with look.findings.collecting():
            key = self._examiner.find_key(case, case.submission.committee[seat].key)
            look.verified = await self._examiner.open(case, key)
        if look.verified is not None:
            look.replayed = await self._replay_once(case, look, segments)
            await self._examiner.inspect(case, look.verified, look.replayed, look.findings)
        findings = look.findings
        if findings.absent is not None and not findings.frauds and findings.unusable is None:
            findings.unusable = await self._patience.lose(case, findings.absent)
        return look

    async def _replay_once(
        self, case: Case, look: "_Look", segments: list[int]
    ) -> dict[int, Replayed]:
        """Replay, or take the values of an earlier replay of ours.

        An opening that lacks something for one segment does not hide what others show.
        """
        tools, submission = self.tools, case.submission
        assert look.verified is not None
        saved = tools.work.get("replayed", submission.id)
        if saved is None:
            usable: list[int] = []
            for segment in sorted(set(segments)):
                with look.findings.collecting():
                    await self._examiner.check_inputs(case, look.verified, [segment])
                    usable.append(segment)
            if not usable:
                return {}
            tools.journal.record_once(
                submission.id,
                self.name,
                "replaying",
                "the opening is for our seat",
                segments=usable,
            )
            found = await self._examiner.replay(case, look.verified, usable)
            saved = {str(i): replayed.to_json() for i, replayed in found.items()}
            if look.findings.unusable is None:
                tools.work.put("replayed", submission.id, saved)
        return {int(i): Replayed.from_json(int(i), value) for i, value in saved.items()}

    @staticmethod
    def _decide(case: Case, look: "_Look") -> Verdict:
        return decide_verdict(
            look.findings.frauds,
            look.findings.unusable,
            judged={Charge(ChallengeKind(j.kind), j.index) for j in case.submission.judged},
            reopened=case.submission.reopened,
        )

    def _check_timely(self, case: Case, seat: int, verdict: Verdict) -> None:
        """Check that a complaint about the opening is not made too early.

        Raises:
            OpeningUnusable: the complaint, while others may still mend what it is about.
        """
        if not isinstance(verdict.error, OpeningUnusable) or verdict.move is Move.STAND_BY:
            return
        submission, terms = case.submission, case.task.terms
        substitute = submission.committee[seat].slot >= terms.committee
        if not may_complain(
            verdict.error,
            others_know=substitute or submission.reopened,
            waited_ms=self.tools.clock.now_ms() - submission.window_ms,
            window_ms=terms.verify_ms,
        ):
            raise verdict.error

    async def _confirm(
        self, case: Case, seat: int, segments: list[int], look: "_Look", verdict: Verdict
    ) -> None:
        """Look once more, from the opening's bytes on, before anything is said against anybody.

        Raises:
            SecondLookDiffers: if it finds something else: then it is this machine that errs.
        """
        if verdict.error is None or verdict.move is Move.STAND_BY:
            return
        tools, submission = self.tools, case.submission
        charge = charge_of(verdict.error) if isinstance(verdict.error, FraudFound) else None
        action = f"{verdict.move.value}:{submission.id}:{charge}:{submission.reopened}"
        if tools.work.get("confirmed", action) is not None:
            return
        if charge is not None and charge.kind == ChallengeKind.SEGMENT:
            assert look.verified is not None
            again = await self._examiner.replay(case, look.verified, [charge.index])
            same = again[charge.index] == look.replayed[charge.index]
        else:
            second = self._decide(case, await self._look_at(case, seat, segments))
            same = second.move is verdict.move and (
                charge is None
                or (isinstance(second.error, FraudFound) and charge_of(second.error) == charge)
            )
        if not same:
            tools.work.delete("replayed", submission.id)
            raise SecondLookDiffers(f"a second look did not show again: {verdict.error.message}")
        tools.work.put("confirmed", action, {})

    # --- acting ---------------------------------------------------------------------------------

    async def _attest(
        self, case: Case, seat: int, position: int, look: "_Look", segment: int
    ) -> None:
        tools, submission, committee = self.tools, case.submission, case.task.terms.committee
        assert look.verified is not None
        leaves, replayed = look.verified.leaves, look.replayed[segment]
        slot = submission.committee[seat].slot
        digest = compute_work_digest(case.ctx, segment, slot, replayed.chain)
        action = f"verdict:{submission.id}:{segment}"
        with tools.database.transaction():
            if tools.protection.begin(action, b"valid" + digest) is Begun.FRESH:
                tools.journal.record(
                    submission.id,
                    self.name,
                    "attested",
                    "the replay gives the committed leaf bit for bit",
                    segment=segment,
                    leaf=leaves[segment].hex(),
                )
        await tools.contract.attest(
            case.task.id,
            submission.id,
            seat=seat,
            position=position,
            digest=digest,
            slot_path=compute_slot_tree(case.ctx, segment, committee, replayed.chain).path(slot),
            state_root=replayed.state_root,
            trace_path=Tree(leaves).path(segment),
        )
        tools.protection.done(action)

    async def _challenge(
        self, case: Case, seat: int, segments: list[int], look: "_Look", verdict: Verdict
    ) -> None:
        assert verdict.error is not None
        if not isinstance(verdict.error, FraudFound):
            charge = Charge(ChallengeKind.UNAVAILABLE)
            await self._accuser.accuse(case, charge, verdict.error.message)
            return
        charge = charge_of(verdict.error)
        if charge.kind != ChallengeKind.SEGMENT:
            await self._accuser.accuse(case, charge, verdict.error.message)
            return
        assert look.verified is not None
        place = seat * case.task.terms.segments_per_seat + segments.index(charge.index)
        await self._accuser.accuse_of_segment(
            case, look.replayed[charge.index], place, look.verified.leaves
        )

    async def _report(self, case: Case, seat: int, verdict: Verdict) -> None:
        tools, submission = self.tools, case.submission
        assert verdict.error is not None
        action = f"report:{submission.id}"
        with tools.database.transaction():
            if tools.protection.begin(action, b"") is Begun.FRESH:
                tools.journal.record(
                    submission.id, self.name, "reported", verdict.error.message, seat=seat
                )
        await tools.contract.report(case.task.id, submission.id, seat=seat)
        tools.protection.done(action)


@dataclass
class _Look:
    """What one look at a submission gave: the opening if it could be read, and the findings."""

    verified: VerifiedOpening | None = None
    replayed: dict[int, Replayed] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
