"""Replay the segments dealt to our seat; attest true ones, challenge false ones.

An infrastructure fault never leads to an accusation. Only the same finding twice leads to a
challenge: a forged segment is replayed again, anything else is examined again from the opening's
bytes on, with the saved replays. An unusable opening is reported; only if the second one is no
better is it claimed to be unavailable.
"""

from functools import partial

from walrusd.core.duties import Duty, Party
from walrusd.core.faults import Charge, SeatAction, Verdict, charge_of, may_complain
from walrusd.core.lifecycle import CaseKind
from walrusd.core.protocol import compute_slot_tree, compute_work_digest
from walrusd.crypto.merkle import Tree
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.errors import FindingNotReproduced, FraudFound, OpeningUnusable, VerificationFailed
from walrusd.examination.absence import judge_absence
from walrusd.examination.accuser import Accuser
from walrusd.examination.examine import Examination, examine, read_task_plan, replay_opened
from walrusd.examination.replay import Replayer, SeatReplays, sweep_replays
from walrusd.market.case import Case, read_cases
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import check_seat_key, find_opening_keys
from walrusd.state.protection import Begun


class Verifier(Service):
    """Serves the seats that the beacon gave us."""

    name = "verifier"

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        super().__init__(tools)
        self._fetcher = fetcher
        self._replayer = Replayer(tools, self.name)
        self._replays = SeatReplays(tools, self._replayer, self.name)
        self._accuser = Accuser(tools, self.name)

    async def start(self) -> None:
        """Remove the files of a killed run."""
        sweep_replays(self.tools.files, self.name)

    async def list_due(self) -> Attempts:
        """Serve every opened submission whose committee we sit on."""
        for case in await read_cases(self.tools):
            seat = case.seat_of(self.tools.address)
            now_ms = self.tools.clock.now_ms()
            if seat is not None and Duty.EXAMINE in case.list_duties(Party.SEAT, now_ms):
                serve = partial(self._serve, case, seat)
                yield Attempt(case.submission.id, serve, in_background=True)

    async def _serve(self, case: Case, seat: int) -> None:
        segments = case.segments_of(seat)
        done = case.submission.committee[seat].attested
        missing = [k for k in range(len(segments)) if not done >> k & 1]
        if not missing:
            return
        async with self._replayer.turn:
            found = await self._examine(case, seat, segments)
            verdict = found.decide(case)
            self._check_timely(case, seat, verdict)
            await self._confirm(case, seat, segments, found, verdict)
        match verdict.action:
            case SeatAction.ATTEST:
                for position in missing:
                    await self._attest(case, seat, position, found, segments[position])
            case SeatAction.CHALLENGE | SeatAction.CLAIM_UNAVAILABLE:
                await self._challenge(case, seat, segments, found, verdict)
            case SeatAction.REPORT:
                await self._report(case, seat, verdict)
            case SeatAction.STAND_BY:
                assert verdict.error is not None
                raise VerificationFailed(
                    f"{verdict.error.message}, but a jury has judged otherwise",
                    hint="run `walrusd verify selftest`; a seat attests only what it verified",
                )

    # --- examining ------------------------------------------------------------------------------

    async def _examine(self, case: Case, seat: int, segments: list[int]) -> Examination:
        """Examine the submission, with the values of our earlier replays if there are any.

        Raises:
            SeatKeyLost: if no envelope for our seat could be opened here.
            PartAbsent: if nothing is wrong so far, but a part is still missing.
        """
        keys = find_opening_keys(self.tools, case)
        if keys is None:
            check_seat_key(self.tools, case.submission.committee[seat].key)
        found = await examine(case, segments, keys, self._fetcher, self._replays)
        if found.absent is not None and not found.frauds and found.unusable is None:
            found.unusable = await judge_absence(self.tools, case, found.absent)
        return found

    def _check_timely(self, case: Case, seat: int, verdict: Verdict) -> None:
        """Check that a complaint about the opening is not made too early.

        Raises:
            OpeningUnusable: the complaint, while others may still remedy it.
        """
        if not isinstance(verdict.error, OpeningUnusable) or verdict.action is SeatAction.STAND_BY:
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
        self, case: Case, seat: int, segments: list[int], found: Examination, verdict: Verdict
    ) -> None:
        """Find the same a second time, before accusing or reporting.

        A forged segment is replayed again from the pieces already fetched. For everything else the
        opening is examined again from its bytes, and saved replays are reused.

        Raises:
            FindingNotReproduced: if that finds something else, as then this machine errs.
        """
        if verdict.error is None or verdict.action is SeatAction.STAND_BY:
            return
        tools, submission = self.tools, case.submission
        charge = charge_of(verdict.error) if isinstance(verdict.error, FraudFound) else None
        what = None if charge is None else charge.identity
        action = f"{verdict.action.value}:{submission.id}:{what}:{submission.reopened}"
        if tools.work.get("confirmed", action) is not None:
            return
        if charge is not None and charge.kind == CaseKind.SEGMENT:
            assert found.opening is not None
            plan = await read_task_plan(case, self._fetcher)
            again = await replay_opened(
                case, plan, found.opening, charge.index, parts=self._fetcher, replays=self._replayer
            )
            same = again == found.replayed[charge.index]
        else:
            second = (await self._examine(case, seat, segments)).decide(case)
            same = second.action is verdict.action and (
                charge is None
                or (isinstance(second.error, FraudFound) and charge_of(second.error) == charge)
            )
        if not same:
            self._replays.forget(case)
            raise FindingNotReproduced(
                f"a second examination did not confirm this: {verdict.error.message}"
            )
        tools.work.put("confirmed", action, {})

    # --- acting ---------------------------------------------------------------------------------

    async def _attest(
        self, case: Case, seat: int, position: int, found: Examination, segment: int
    ) -> None:
        tools, submission, committee = self.tools, case.submission, case.task.terms.committee
        assert found.opening is not None
        leaves, replayed = found.opening.leaves, found.replayed[segment]
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
        self, case: Case, seat: int, segments: list[int], found: Examination, verdict: Verdict
    ) -> None:
        assert verdict.error is not None
        if not isinstance(verdict.error, FraudFound):
            charge = Charge(CaseKind.ABSENCE)
            await self._accuser.accuse(case, charge, verdict.error.message)
            return
        charge = charge_of(verdict.error)
        if charge.kind != CaseKind.SEGMENT:
            await self._accuser.accuse(case, charge, verdict.error.message)
            return
        assert found.opening is not None
        place = seat * case.task.terms.segments_per_seat + segments.index(charge.index)
        await self._accuser.accuse_of_segment(
            case, found.replayed[charge.index], place, found.opening.leaves
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
