"""Replay what our seat was dealt; attest what is true, challenge what is not.

An infrastructure fault is never an accusation: only two finished replays with the same other value
lead to a challenge. A part that does not fit but cannot be judged by a jury yet is not attested.
"""

from walrusd.chain.layouts.objects import Judged
from walrusd.core.lifecycle import ChallengeKind, SubmissionState
from walrusd.core.opening import VerifiedOpening
from walrusd.core.protocol import (
    compute_challenge_id,
    compute_jury_commitment,
    compute_slot_tree,
    compute_work_digest,
)
from walrusd.crypto.merkle import Tree
from walrusd.errors import TrainingFailed, VerificationFailed
from walrusd.services.derive import derive_jury_salt
from walrusd.services.facts import Case, read_cases
from walrusd.services.fetcher import Fetcher
from walrusd.services.holdings import find_opening_key
from walrusd.services.replayer import Replayed, Replayer, check_cost, sweep_replays
from walrusd.services.service import Service
from walrusd.services.tools import Tools
from walrusd.state.protection import Begun
from walrusd.units import address_bytes


class Verifier(Service):
    """Serves the seats that the beacon gave us."""

    name = "verifier"

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        super().__init__(tools)
        self._replayer = Replayer(tools, fetcher, self.name)

    async def start(self) -> None:
        """Remove what a killed run has left."""
        sweep_replays(self.tools.work_dir, self.name)

    async def reconcile(self) -> None:
        """Serve every opened submission whose committee we sit on."""
        for case in await read_cases(self.tools):
            seat = case.seat_of(self.tools.address)
            if seat is not None and case.submission.state == SubmissionState.OPENED:

                async def serve(case: Case = case, seat: int = seat) -> None:
                    await self._serve(case, seat)

                await self.undertake(case.submission.id, serve)

    async def _serve(self, case: Case, seat: int) -> None:
        segments = case.segments_of(seat)
        done = case.submission.committee[seat].attested
        missing = [k for k in range(len(segments)) if not done >> k & 1]
        if not missing:
            return
        key = find_opening_key(self.tools, case)
        if key is None:
            raise VerificationFailed("no envelope for our seat holds the opening's key")
        async with self._replayer.turn:
            verified = await self._replayer.open(case, key)
            replayed = await self._replay_once(case, verified, segments)
            forged = [i for i in segments if self._is_forged(case, verified, replayed[i])]
            if forged:
                await self._confirm(case, verified, replayed[forged[0]])
            else:
                check_cost(case, replayed)
                await self._replayer.check_surroundings(case, verified)
        if forged:
            await self._challenge(case, verified, replayed[forged[0]])
            return
        for position in missing:
            await self._attest(case, seat, position, verified, replayed[segments[position]])

    async def _replay_once(
        self, case: Case, verified: VerifiedOpening, segments: list[int]
    ) -> dict[int, Replayed]:
        """Replay, or take the values of an earlier replay of ours."""
        tools, submission = self.tools, case.submission
        saved = tools.work.get("replayed", submission.id)
        if saved is None:
            tools.journal.record(
                submission.id,
                self.name,
                "replaying",
                "the opening is for our seat",
                segments=segments,
            )
            found = await self._replayer.replay(case, verified.opening, segments)
            saved = {str(i): replayed.to_json() for i, replayed in found.items()}
            tools.work.put("replayed", submission.id, saved)
        return {int(i): Replayed.from_json(int(i), value) for i, value in saved.items()}

    async def _confirm(self, case: Case, verified: VerifiedOpening, first: Replayed) -> None:
        """Replay a segment once more before accusing anybody of it.

        Raises:
            TrainingFailed: if the second replay differs: then it is this machine that errs.
        """
        if Judged(ChallengeKind.SEGMENT, first.segment) in case.submission.judged:
            raise VerificationFailed(
                f"segment {first.segment} replays otherwise here, but a jury has upheld it",
                hint="run `walrusd verify selftest`; nothing is attested that we cannot replay",
            )
        tools = self.tools
        action = f"verdict:{case.submission.id}:{first.segment}"
        if tools.work.get("confirmed", action) is not None:
            return
        again = await self._replayer.replay(case, verified.opening, [first.segment])
        if again[first.segment] != first:
            tools.work.delete("replayed", case.submission.id)
            raise TrainingFailed(
                f"two replays of segment {first.segment} differ on this machine",
                hint="check its memory; nobody is accused on such grounds",
            )
        tools.work.put("confirmed", action, {})

    @staticmethod
    def _is_forged(case: Case, verified: VerifiedOpening, replayed: Replayed) -> bool:
        """Equality, not tolerance: one bit of difference anywhere gives another leaf."""
        leaf = replayed.leaf(case.ctx, case.task.terms.committee)
        return leaf != verified.leaves[replayed.segment]

    async def _attest(
        self,
        case: Case,
        seat: int,
        position: int,
        verified: VerifiedOpening,
        replayed: Replayed,
    ) -> None:
        tools, submission, i = self.tools, case.submission, replayed.segment
        slot = submission.committee[seat].slot
        digest = compute_work_digest(case.ctx, i, slot, replayed.chain)
        action = f"verdict:{submission.id}:{i}"
        with tools.database.transaction():
            if tools.protection.begin(action, b"valid" + digest) is Begun.FRESH:
                tools.journal.record(
                    submission.id,
                    self.name,
                    "attested",
                    "the replay gives the committed leaf bit for bit",
                    segment=i,
                    leaf=verified.leaves[i].hex(),
                )
        slots = compute_slot_tree(case.ctx, i, case.task.terms.committee, replayed.chain)
        await tools.contract.attest(
            case.task.id,
            submission.id,
            seat=seat,
            position=position,
            digest=digest,
            slot_path=slots.path(slot),
            state_root=replayed.state_root,
            trace_path=Tree(verified.leaves).path(i),
        )
        tools.protection.done(action)

    async def _challenge(self, case: Case, verified: VerifiedOpening, replayed: Replayed) -> None:
        tools, submission, i = self.tools, case.submission, replayed.segment
        name = compute_challenge_id(
            address_bytes(submission.id), ChallengeKind.SEGMENT, i, round_=0
        )
        commitment = compute_jury_commitment(
            name,
            address_bytes(tools.address),
            replayed.chain,
            replayed.state_root,
            derive_jury_salt(tools.keys, name),
        )
        action = f"verdict:{submission.id}:{i}"
        with tools.database.transaction():
            tools.work.put("jury", name.hex(), replayed.to_json())
            if tools.protection.begin(action, b"forged" + commitment) is Begun.FRESH:
                tools.journal.record(
                    submission.id,
                    self.name,
                    "challenged",
                    "the replay gives another leaf than the committed one",
                    segment=i,
                    committed=verified.leaves[i].hex(),
                    replayed=replayed.leaf(case.ctx, case.task.terms.committee).hex(),
                )
        await tools.contract.challenge(
            case.task.id,
            submission.id,
            kind=ChallengeKind.SEGMENT,
            index=i,
            place=case.dealt_places().index(i),
            leaf=verified.leaves[i],
            path=Tree(verified.leaves).path(i),
            commitment=commitment,
            bond=case.task.terms.accuser_bond,
        )
        tools.protection.done(action)
