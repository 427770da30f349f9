"""Replay the segments dealt to our seat; attest true ones, accuse false ones.

An infrastructure fault never leads to an accusation. Only the same finding twice leads to one: a
forged segment is replayed again, anything else is examined again from the opening's bytes on, with
the kept replays. An opening that cannot be had is reported.
"""

from functools import partial

from walrusd.core.duties import Duty, Party
from walrusd.core.faults import SeatAction, Verdict
from walrusd.core.lifecycle import CaseKind
from walrusd.core.protocol import PROGRAM_ROOT, compute_slot_tree, compute_work_digest
from walrusd.core.seats.eligibility import count_committee
from walrusd.crypto.merkle import Tree
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.errors import (
    FindingNotReproduced,
    PartAbsent,
    SeatKeyLost,
    VerificationFailed,
)
from walrusd.examination.absence import judge_absence
from walrusd.examination.accuser import Accuser
from walrusd.examination.checks import check_program
from walrusd.examination.examine import Examination, examine, read_task_plan, replay_opened
from walrusd.examination.replay import KeptReplays, Replayer, sweep_replays
from walrusd.market.case import Case, read_cases
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import find_opening_keys
from walrusd.state.protection import Begun


class Verifier(Service):
    """Serves the places in committees that the lot gave to our seats."""

    name = "verifier"

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        super().__init__(tools)
        self._fetcher = fetcher
        self._replayer = Replayer(tools, self.name)
        self._replays = KeptReplays(tools, self._replayer, self.name)
        self._accuser = Accuser(tools, self.name)

    async def start(self) -> None:
        """Remove the files of a killed run."""
        sweep_replays(self.tools.files, self.name)

    async def list_due(self) -> Attempts:
        """Serve every opened submission whose committee we sit on."""
        for case in await read_cases(self.tools):
            place = case.seat_of(self.tools.address)
            now_ms = self.tools.clock.now_ms()
            if place is not None and Duty.EXAMINE in case.list_duties(Party.SEAT, now_ms):
                serve = partial(self._serve, case, place)
                yield Attempt(case.submission.id, serve, in_background=True)

    async def _serve(self, case: Case, place: int) -> None:
        segments = case.segments_of(place)
        done = case.submission.committee[place].attested
        missing = [k for k in range(len(segments)) if not done >> k & 1]
        if not missing:
            return
        check_program(case)
        async with self._replayer.turn:
            found = await self._examine(case, segments)
            verdict = found.decide(case, place)
            await self._confirm(case, place, found, verdict)
        match verdict.action:
            case SeatAction.ATTEST:
                for position in missing:
                    await self._attest(case, place, position, found, segments[position])
            case SeatAction.ACCUSE:
                assert verdict.charge is not None
                assert verdict.error is not None
                reason = verdict.error.message
                await self._accuser.accuse(case, place, verdict.charge, found, reason)
            case SeatAction.REPORT:
                await self._report(case, place, verdict)
            case SeatAction.STAND_BY:
                assert verdict.error is not None
                if isinstance(verdict.error, PartAbsent):
                    raise verdict.error
                raise VerificationFailed(
                    f"{verdict.error.message}, but our accusation came to nothing",
                    hint="run `walrusd verify selftest`; a seat attests only what it verified",
                )

    # --- examining ------------------------------------------------------------------------------

    async def _examine(self, case: Case, segments: list[int]) -> Examination:
        """Examine the submission, with the values of our earlier replays if there are any.

        Raises:
            SeatKeyLost: if our keystore does not open the envelope for our seat.
            PartAbsent: if nothing is wrong so far, but a part is still missing.
        """
        keys = find_opening_keys(self.tools, case)
        if keys is None:
            raise SeatKeyLost("the keystore does not open the envelope for our seat")
        found = await examine(case, segments, keys, self._fetcher, self._replays)
        if found.missing is not None and not found.findings:
            found.absent = await judge_absence(self.tools, case, found.missing)
        return found

    async def _confirm(self, case: Case, place: int, found: Examination, verdict: Verdict) -> None:
        """Find the same a second time, before accusing or reporting.

        A forged segment is replayed again from the pieces already fetched. For everything else the
        opening is examined again from its bytes, and kept replays are reused.

        Raises:
            FindingNotReproduced: if that finds something else, as then this machine errs.
        """
        if verdict.error is None or verdict.action is SeatAction.STAND_BY:
            return
        tools, submission, charge = self.tools, case.submission, verdict.charge
        what = None if charge is None else charge.identity
        action = f"{verdict.action.value}:{submission.id}:{what}:{submission.attempt}"
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
            second = (await self._examine(case, case.segments_of(place))).decide(case, place)
            same = (second.action, second.charge) == (verdict.action, charge)
        if not same:
            self._replays.forget(case)
            raise FindingNotReproduced(
                f"a second examination did not confirm this: {verdict.error.message}"
            )
        tools.work.put("confirmed", action, {})

    # --- acting ---------------------------------------------------------------------------------

    async def _attest(
        self, case: Case, place: int, position: int, found: Examination, segment: int
    ) -> None:
        tools, submission = self.tools, case.submission
        assert found.opening is not None
        leaves, replayed = found.opening.leaves, found.replayed[segment]
        slot, slots = submission.committee[place].slot, count_committee(vars(case.task.terms))
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
            submission,
            seat=place,
            position=position,
            digest=digest,
            slot_path=compute_slot_tree(case.ctx, segment, slots, replayed.chain).path(slot),
            state_root=replayed.state_root,
            trace_path=Tree(leaves).path(segment),
            program_root=PROGRAM_ROOT,
        )
        tools.protection.done(action)

    async def _report(self, case: Case, place: int, verdict: Verdict) -> None:
        tools, submission = self.tools, case.submission
        assert verdict.error is not None
        action = f"report:{submission.id}:{submission.attempt}"
        with tools.database.transaction():
            if tools.protection.begin(action, b"") is Begun.FRESH:
                tools.journal.record(
                    submission.id, self.name, "reported", verdict.error.message, seat=place
                )
        await tools.contract.report(case.task.id, submission, seat=place)
        tools.protection.done(action)
