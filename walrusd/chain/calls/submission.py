"""Calls on a submission: join, commit, settle, claim."""

from collections.abc import Sequence

from walrusd.chain.calls.base import Caller, frozen
from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import ExecutedTransaction


class SubmissionCalls(Caller):
    """The part of module ``submission`` that joins and commits, and ``settlement``."""

    async def join(
        self, task: str, *, dataset: str, request: str, program_root: bytes, stake: int
    ) -> ExecutedTransaction:
        """Stake on a task, in Mist; ``SubmissionJoined`` in the result names the submission.

        The contract refuses if the task names another program than ``program_root``.
        """
        market, ref = await self._market_ref(), await self.shared_ref(task)
        data, grant = await self.shared_ref(dataset), await self.shared_ref(request)

        def build(p: Ptb) -> None:
            (coin,) = p.split_gas(stake)
            p.call(
                self._target("submission", "join"),
                market,
                ref,
                frozen(data),
                frozen(grant),
                p.byte_vector(program_root),
                coin,
                p.clock,
            )

        return await self._send(build, f"join:{task}", task)

    async def commit(
        self,
        task: str,
        submission: str,
        commitment: ob.Commitment,
        *,
        leaf_zero_path: Sequence[bytes],
        cost_proof: bytes,
    ) -> ExecutedTransaction:
        """Commit to the work."""
        market, ref = await self._market_ref(), await self.shared_ref(task)
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            p.call(
                self._target("submission", "commit"),
                market,
                ref,
                sub,
                p.byte_vector(commitment.trace_root),
                p.byte_vector(commitment.update_root),
                p.byte_vector(commitment.scheme_root),
                p.u64(commitment.scheme_rows),
                p.byte_vectors(leaf_zero_path),
                p.byte_vector(commitment.cost_commitment),
                p.byte_vector(cost_proof),
                p.byte_vector(commitment.file_digest),
                p.u256(commitment.file_blob),
                p.clock,
            )

        return await self._send(build, f"commit:{submission}", task, submission)

    async def commit_abort(
        self,
        task: str,
        submission: str,
        claim: ob.AbortClaim,
        *,
        trace_root: bytes,
        leaf_zero_path: Sequence[bytes],
    ) -> ExecutedTransaction:
        """Claim that the plan cannot be carried out; replaces ``commit``."""
        market, ref = await self._market_ref(), await self.shared_ref(task)
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            p.call(
                self._target("submission", "commit_abort"),
                market,
                ref,
                sub,
                p.u64(claim.segment),
                p.u64(claim.step),
                p.u64(claim.code),
                p.byte_vector(trace_root),
                p.byte_vectors(leaf_zero_path),
                p.clock,
            )

        return await self._send(build, f"commit:{submission}", task, submission)

    async def settle(self, task: str, submission: str) -> ExecutedTransaction:
        """Settle a submission that has ended or is overdue."""
        return await self._crank("settlement", "settle", task, submission)

    async def claim(self, submission: str) -> ExecutedTransaction:
        """Collect our credit on a submission."""
        market, sub = await self._market_ref(), await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            coin = p.call(self._target("settlement", "claim"), market, sub)
            p.transfer(self.address, coin)

        # Equal amounts may be due in succession; a superfluous claim fails in the simulation.
        return await self._send(build, None, submission, label="claim")
