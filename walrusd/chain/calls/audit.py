"""The cranks of an audit."""

from collections.abc import Sequence

from walrusd.chain.calls.base import Caller, frozen
from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import ExecutedTransaction


class AuditCalls(Caller):
    """Module ``audit``."""

    async def draw_audit(self, task: str, submission: str) -> ExecutedTransaction:
        """Draw whether a jury audits an attested submission, and which segment."""
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            p.call(self._target("audit", "draw_audit"), market, ref, sub, p.random, p.clock)

        return await self._send(build, f"draw_audit:{submission}", submission, random=True)

    async def audit(
        self, task: str, submission: ob.Submission, *, leaf: bytes, path: Sequence[bytes]
    ) -> ExecutedTransaction:
        """Bring the drawn audit sample before a jury."""
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission.id)

        def build(p: Ptb) -> None:
            p.call(
                self._target("audit", "audit"),
                market,
                ref,
                sub,
                p.byte_vector(leaf),
                p.byte_vectors(path),
                p.clock,
            )

        # There may be another sample, and a case may be dropped and begun again.
        once = f"audit:{submission.id}:{submission.cases}"
        return await self._send(build, once, submission.id)
