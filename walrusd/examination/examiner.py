"""Look at a submission part by part, and say of each what is wrong with it and whose fault it is.

Verifiers look at everything, jurors at what they are asked about; both do it with the same checks,
so that what an honest seat accuses of is what an honest jury finds.
"""

from collections.abc import Sequence
from functools import partial

import trio

from walrusd.core.faults import NO_KEY, Charge, CheckedPart, looking_at, make_fraud
from walrusd.core.lifecycle import ChallengeKind
from walrusd.core.opening import VerifiedOpening
from walrusd.crypto.vfile.blocks import PaillierBlock
from walrusd.crypto.vfile.vfile import VerificationFile
from walrusd.engine.tools import Tools
from walrusd.errors import (
    FraudFound,
    MalformedData,
    OpeningUnusable,
    VerificationFailed,
)
from walrusd.examination.cost_check import check_cost, check_opened_cost
from walrusd.examination.findings import Findings
from walrusd.examination.opened import check_openings, compute_committed_update
from walrusd.examination.replayer import Replayed, Replayer, check_inputs, quantisation_of
from walrusd.market.case import Case
from walrusd.market.fetch import Fetcher
from walrusd.market.opening_keys import check_seat_key, find_opening_key
from walrusd.market.schemes import check_opened_update
from walrusd.training.plan.plan import Plan
from walrusd.training.run.state import Tensors
from walrusd.workers.paillier import Encryption
from walrusd.workers.pool import run_heavy
from walrusd.workers.rows import find_wrong_ciphertext, find_wrong_row


class Examiner:
    """The checks. Whoever looks at an opening holds ``replayer.turn``: it lies in memory."""

    def __init__(self, tools: Tools, fetcher: Fetcher, user: str) -> None:
        """Take the collaborators; ``user`` names the service, whose files lie apart."""
        self._tools = tools
        self._fetcher = fetcher
        self.replayer = Replayer(tools, fetcher, user)

    # --- the opening ----------------------------------------------------------------------------

    def find_key(self, case: Case, registered: bytes) -> bytes:
        """Return the opening's key; ``registered`` is the encryption key that our seat has.

        Raises:
            OpeningUnusable: if no envelope for us holds it.
            SeatKeyLost: if none could: our keystore is not the one that registered the seat.
        """
        key = find_opening_key(self._tools, case)
        if key is not None:
            return key
        check_seat_key(self._tools, registered)
        raise OpeningUnusable("no envelope for our seat holds the opening's key", cause=NO_KEY)

    async def open(self, case: Case, key: bytes) -> VerifiedOpening:
        """Return the opening, its leaves and rows checked against the chain.

        Raises:
            OpeningUnusable: if it is not the announced one, or proves something else.
            PartAbsent: if it is not there.
        """
        await self._read_task(case)
        with looking_at(CheckedPart.OPENING):
            return await self.replayer.open(case, key)

    async def replay(
        self, case: Case, verified: VerifiedOpening, segments: Sequence[int]
    ) -> dict[int, Replayed]:
        """Replay segments.

        Raises:
            OpeningUnusable: if the opening lacks what the replay reads.
        """
        await self._read_task(case)
        with looking_at(CheckedPart.OPENING):
            return await self.replayer.replay(case, verified.opening, sorted(set(segments)))

    async def check_inputs(
        self, case: Case, verified: VerifiedOpening, segments: Sequence[int]
    ) -> None:
        """Check that the opening holds all that a replay reads.

        Raises:
            OpeningUnusable: if it does not.
        """
        plan = await self._read_task(case)
        with looking_at(CheckedPart.OPENING):
            await trio.to_thread.run_sync(
                check_inputs, case, plan, verified.opening, list(segments)
            )

    async def _read_task(self, case: Case) -> Plan:
        """Return the plan, with the task's weights at hand: what lacks is no fault of the case."""
        with looking_at(CheckedPart.TASK):
            _manifest, plan = await self._fetcher.plan_of(case.task)
            await self._fetcher.ready_weights(case.task)
        return plan

    async def _read_weights(self, case: Case) -> Tensors:
        with looking_at(CheckedPart.TASK):
            _path, weights = await self._fetcher.initial_weights(case.task)
        return weights

    async def check_complete(self, case: Case, verified: VerifiedOpening) -> None:
        """Check that the opening is all that the committee needs; that it is true is not asked.

        Raises:
            OpeningUnusable: if something is missing or is not the committed thing.
            PartAbsent: if the verification file is not there.
        """
        await self.check_inputs(case, verified, case.dealt_segments())
        if case.submission.abort is not None:
            return
        try:
            file = await self.check_file(case)
            check_opened_cost(case, verified.opening, file)
            check_openings(verified, file)
            await self.check_update(case, verified)
        except FraudFound:
            return  # there to be read, which is all that is asked

    # --- everything that a seat looks at --------------------------------------------------------

    async def inspect(
        self,
        case: Case,
        verified: VerifiedOpening,
        replayed: dict[int, Replayed],
        findings: Findings,
    ) -> None:
        """Compare what was replayed, then look at what surrounds it; add to ``findings``."""
        for segment in sorted(replayed):
            with findings.collecting():
                self.check_segment(case, verified, replayed[segment])
        if findings.frauds or case.submission.abort is not None:
            return
        file: VerificationFile | None = None
        update: bytes | None = None
        with findings.collecting():
            file = await self.check_file(case)
        with findings.collecting():
            update = await self.check_update(case, verified)
        if file is not None and update is not None:
            with findings.collecting():
                await self.check_rows(verified, file)
        if file is not None:
            with findings.collecting():
                check_cost(case, verified, file, replayed.get(case.segment_count))

    async def check_charge(self, case: Case, charge: Charge, key: bytes | None) -> None:
        """Look at one thing that a jury may be asked, from the opening's bytes on.

        ``key`` may be missing for a charge about the verification file, which is public. A claim
        that the opening is not available is not for this method.

        Raises:
            FraudFound: if the charge is true. If it is not, nothing is raised.
            OpeningUnusable, PartAbsent: if it cannot be told.
        """
        if charge.kind == ChallengeKind.FILE:
            await self.check_file(case)
            return
        if key is None:
            raise OpeningUnusable("no envelope for us holds the opening's key")
        verified = await self.open(case, key)
        match charge.kind:
            case ChallengeKind.SEGMENT:
                found = await self.replay(case, verified, [charge.index])
                self.check_segment(case, verified, found[charge.index])
            case ChallengeKind.UPDATE:
                await self.check_update(case, verified)
            case ChallengeKind.ROWS:
                await self.check_update(case, verified)
                file = await self._file_as_given(case)
                await self.check_rows(verified, file, charge.index)
            case ChallengeKind.COST:
                file = await self._file_as_given(case)
                found = await self.replay(case, verified, [case.segment_count])
                check_cost(case, verified, file, found[case.segment_count])
            case _:
                raise ValueError(f"{charge.kind} is no charge of fraud")

    async def _file_as_given(self, case: Case) -> VerificationFile:
        """Return the file for a charge that is not about it: if it is bad, nothing can be told."""
        try:
            return await self.check_file(case)
        except FraudFound as error:
            raise OpeningUnusable(error.message) from error

    # --- the parts ------------------------------------------------------------------------------

    def check_segment(self, case: Case, verified: VerifiedOpening, replayed: Replayed) -> None:
        """Compare leaves. Equality, not tolerance: one bit of difference gives another leaf.

        Raises:
            FraudFound: if they differ.
        """
        i = replayed.segment
        if replayed.leaf(case.ctx, case.task.terms.committee) != verified.leaves[i]:
            raise make_fraud(
                CheckedPart.SEGMENT,
                i,
                f"the replay of segment {i} gives another leaf than committed",
            )

    async def check_file(self, case: Case) -> VerificationFile:
        """Return the verification file, checked in itself and against the chain.

        Raises:
            FraudFound: if it does not hold, or is about something else.
            PartAbsent: if it is not there.
        """
        plan = await self._read_task(case)
        commitment = case.submission.commitment
        assert commitment is not None
        with looking_at(CheckedPart.FILE):
            file = await self._fetcher.file_of(case.task, case.submission)
            if file.header.subject != case.subject:
                raise VerificationFailed("the verification file is about something else")
            if file.header.quantisation != quantisation_of(plan):
                raise VerificationFailed(
                    "the verification file is quantised otherwise than planned"
                )
            if file.header.scheme.cost_commitment != commitment.cost_commitment:
                raise VerificationFailed("the verification file holds another cost commitment")
            return file

    async def check_update(self, case: Case, verified: VerifiedOpening) -> bytes:
        """Return the update that the final state gives, which must be the committed one.

        Raises:
            FraudFound: if the final state gives another update.
            OpeningUnusable: if the state is missing or wrong, or the opened update another one.
        """
        plan, weights = await self._read_task(case), await self._read_weights(case)
        check = partial(compute_committed_update, case, plan, verified, weights)
        return await trio.to_thread.run_sync(check)

    async def check_rows(
        self, verified: VerifiedOpening, file: VerificationFile, only: int | None = None
    ) -> None:
        """Check that the file's commitments or ciphertexts open to the opened update.

        Raises:
            FraudFound: naming the first row that does not; ``only`` asks about one row.
            OpeningUnusable: if what opens them is incomplete.
        """
        check_openings(verified, file)
        if only is None:
            try:
                await check_opened_update(file, verified.opening)
            except (VerificationFailed, MalformedData) as error:
                wrong = await self._find_wrong_row(verified, file, None)
                if wrong is None:
                    raise OpeningUnusable(error.message, hint=error.hint) from error
            else:
                return
        else:
            wrong = await self._find_wrong_row(verified, file, only)
        if wrong is not None:
            raise make_fraud(
                CheckedPart.ROWS, wrong, f"row {wrong} of the update is not the committed one"
            )

    async def _find_wrong_row(
        self, verified: VerifiedOpening, file: VerificationFile, only: int | None
    ) -> int | None:
        opening, block = verified.opening, file.header.scheme
        if isinstance(block, PaillierBlock):
            return await run_heavy(
                find_wrong_ciphertext,
                Encryption(block.modulus, block.slot_bits),
                opening.update,
                file.ciphertexts,
                opening.openings[0],
                only,
            )
        blindings = [int.from_bytes(blinding, "big") for blinding in opening.openings]
        points = list(file.row_commitments)
        return await run_heavy(find_wrong_row, opening.update, blindings, points, only)
