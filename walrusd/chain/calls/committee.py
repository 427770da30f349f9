"""Calls of a committee: seating it, votes, reports, substitutes."""

from collections.abc import Sequence

from walrusd.chain.calls.base import Caller, frozen
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import ExecutedTransaction


class CommitteeCalls(Caller):
    """Modules ``committee`` and ``attestation``."""

    async def seat(self, task: str, submission: str) -> ExecutedTransaction:
        """Seat the committee."""
        return await self._crank("committee", "seat", task, submission)

    async def replace(self, task: str, submission: str) -> ExecutedTransaction:
        """Replace silent seats with substitutes."""
        return await self._crank("committee", "replace", task, submission)

    async def attest(
        self,
        task: str,
        submission: str,
        *,
        seat: int,
        position: int,
        digest: bytes,
        slot_path: Sequence[bytes],
        state_root: bytes,
        trace_path: Sequence[bytes],
    ) -> ExecutedTransaction:
        """Vote valid, with the proof of replay."""
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission)
        async with self._cap_turn:
            cap, _seat = await self._require_cap()

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
                    p.clock,
                )

            once = f"attest:{submission}:{seat}:{position}"
            return await self._send(build, once, submission)

    async def report(self, task: str, submission: str, *, seat: int) -> ExecutedTransaction:
        """Report that our seat cannot read the opening, so that the contributor must open again."""
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission)
        async with self._cap_turn:
            cap, _seat = await self._require_cap()

            def build(p: Ptb) -> None:
                target = self._target("attestation", "report")
                p.call(target, market, ref, sub, cap, p.u64(seat), p.clock)

            return await self._send(build, f"report:{submission}:{seat}", submission)
