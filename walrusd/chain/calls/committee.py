"""Calls of a committee: drawing and seating it, votes, reports, substitutes."""

from collections.abc import Sequence

from walrusd.chain.calls.base import Caller, frozen
from walrusd.chain.calls.reads import SeatId
from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import ExecutedTransaction


class CommitteeCalls(Caller):
    """Modules ``committee`` and ``attestation``."""

    async def draw_committee(self, task: str, submission: str) -> ExecutedTransaction:
        """List the eligible seats, and draw the beacon that chooses among them."""
        return await self._crank(
            "committee", "draw_committee", task, submission, random=True, keeps_task=True
        )

    async def seat_committee(self, task: str, submission: str) -> ExecutedTransaction:
        """Seat the committee from the list that was drawn, which frees the pool's lot."""
        return await self._crank("committee", "seat_committee", task, submission, keeps_task=True)

    async def replace(self, task: str, submission: str) -> ExecutedTransaction:
        """Replace silent seats with substitutes."""
        return await self._crank("committee", "replace", task, submission)

    async def attest(
        self,
        task: str,
        submission: ob.Submission,
        *,
        seat: int,
        position: int,
        digest: bytes,
        slot_path: Sequence[bytes],
        state_root: bytes,
        trace_path: Sequence[bytes],
        program_root: bytes,
    ) -> ExecutedTransaction:
        """Vote valid, with the proof of replay."""
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub, place = await self.shared_ref(submission.id), submission.committee[seat]
        async with self._cap_turn:
            held = SeatId(submission.pool, place.pool_index, place.generation)
            cap = await self._require_cap(held)

            def build(p: Ptb) -> None:
                p.call(
                    self._target("attestation", "attest"),
                    market,
                    ref,
                    sub,
                    cap,
                    p.u64(seat),
                    p.u64(position),
                    p.byte_vector(digest),
                    p.byte_vectors(slot_path),
                    p.byte_vector(state_root),
                    p.byte_vectors(trace_path),
                    p.byte_vector(program_root),
                    p.clock,
                )

            # A substitute has other work digests at the same place.
            once = f"attest:{submission.id}:{seat}:{place.slot}:{position}"
            return await self._send(build, once, submission.id)

    async def report(
        self, task: str, submission: ob.Submission, *, seat: int
    ) -> ExecutedTransaction:
        """Report that the opening is absent: its blob cannot be had."""
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub, place = await self.shared_ref(submission.id), submission.committee[seat]
        async with self._cap_turn:
            held = SeatId(submission.pool, place.pool_index, place.generation)
            cap = await self._require_cap(held)

            def build(p: Ptb) -> None:
                target = self._target("attestation", "report")
                p.call(target, market, ref, sub, cap, p.u64(seat), p.clock)

            once = f"report:{submission.id}:{submission.attempt}:{seat}:{place.slot}"
            return await self._send(build, once, submission.id)
