"""Cases: calls of accusers and jurors, and the cranks of a jury."""

from collections.abc import Sequence
from dataclasses import dataclass

from walrusd.chain.calls.base import Caller, frozen
from walrusd.chain.calls.reads import SeatId
from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import ExecutedTransaction


@dataclass(frozen=True)
class Accused:
    """What is accused: a kind and the part's index.

    Only a segment has a position among those of its place, a leaf, and the leaf's Merkle path.
    """

    kind: int
    index: int
    position: int = 0
    leaf: bytes = b""
    path: tuple[bytes, ...] = ()


class JuryCalls(Caller):
    """Module ``jury``."""

    async def accuse(
        self,
        task: str,
        submission: ob.Submission,
        accused: Accused,
        *,
        seat: int,
        program_root: bytes,
    ) -> ExecutedTransaction:
        """Accuse a submission as a seat of its committee, whose stake is the bond."""
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub, place = await self.shared_ref(submission.id), submission.committee[seat]
        async with self._cap_turn:
            held = SeatId(submission.pool, place.pool_index, place.generation)
            cap = await self._require_cap(held)

            def build(p: Ptb) -> None:
                p.call(
                    self._target("jury", "accuse"),
                    market,
                    ref,
                    sub,
                    cap,
                    p.u64(seat),
                    p.u8(accused.kind),
                    p.u64(accused.index),
                    p.u64(accused.position),
                    p.byte_vector(accused.leaf),
                    p.byte_vectors(accused.path),
                    p.byte_vector(program_root),
                    p.clock,
                )

            # An accusation that was dropped without a verdict may be made again.
            once = f"accuse:{submission.id}:{submission.cases}:{seat}"
            return await self._send(build, once, submission.id)

    async def accuse_file(
        self, task: str, submission: ob.Submission, *, program_root: bytes, bond: int
    ) -> ExecutedTransaction:
        """Accuse a submission's verification file on a bond, in Mist; no seat is needed."""
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission.id)

        def build(p: Ptb) -> None:
            (coin,) = p.split_gas(bond)
            target = self._target("jury", "accuse_file")
            p.call(target, market, ref, sub, p.byte_vector(program_root), coin, p.clock)

        once = f"accuse_file:{submission.id}:{submission.cases}"
        return await self._send(build, once, submission.id)

    async def draw_jury(self, task: str, submission: str) -> ExecutedTransaction:
        """List the eligible seats, and draw the beacon that chooses the jury among them."""
        return await self._crank(
            "jury", "draw_jury", task, submission, random=True, keeps_task=True
        )

    async def seat_jury(self, task: str, submission: str) -> ExecutedTransaction:
        """Seat the jury from the list that was drawn, which frees the pool's lot."""
        return await self._crank("jury", "seat_jury", task, submission, keeps_task=True)

    async def resolve(
        self, task: str, submission: str, *, chain: bytes, state_root: bytes
    ) -> ExecutedTransaction:
        """Let the contract decide by what the jury revealed.

        ``chain`` and ``state_root`` are the preimage of the majority's value, and empty if there is
        no majority.
        """
        market, ref = await self._market_ref(), await self.shared_ref(task)
        pool = await self.shared_ref((await self.task(task)).pool)
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            p.call(
                self._target("jury", "resolve"),
                market,
                ref,
                pool,
                sub,
                p.byte_vector(chain),
                p.byte_vector(state_root),
                p.clock,
            )

        return await self._send(build, None, task, submission, pool.id, label="resolve")

    async def jury_commit(
        self, task: str, submission: ob.Submission, *, juror: int, commitment: bytes
    ) -> ExecutedTransaction:
        """Commit to our value as a juror."""
        return await self._vote("jury_commit", task, submission, juror, (commitment,))

    async def jury_reveal(
        self, task: str, submission: ob.Submission, *, juror: int, value: bytes, salt: bytes
    ) -> ExecutedTransaction:
        """Reveal our value as a juror."""
        return await self._vote("jury_reveal", task, submission, juror, (value, salt))

    async def _vote(
        self,
        function: str,
        task: str,
        submission: ob.Submission,
        juror: int,
        words: Sequence[bytes],
    ) -> ExecutedTransaction:
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub, dispute = await self.shared_ref(submission.id), submission.dispute
        assert dispute is not None, "a juror votes in a case"
        place = dispute.jurors[juror]
        async with self._cap_turn:
            held = SeatId(submission.pool, place.pool_index, place.generation)
            cap = await self._require_cap(held)

            def build(p: Ptb) -> None:
                p.call(
                    self._target("jury", function),
                    market,
                    ref,
                    sub,
                    cap,
                    p.u64(juror),
                    *(p.byte_vector(word) for word in words),
                    p.clock,
                )

            once = f"{function}:{dispute.challenge.hex()}:{juror}"
            return await self._send(build, once, submission.id)
