"""Challenges: calls of accusers and jurors, and the cranks of a jury."""

from collections.abc import Sequence

from walrusd.chain.calls.base import Caller, frozen
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import ExecutedTransaction


class JuryCalls(Caller):
    """Module ``jury``."""

    async def challenge(
        self,
        task: str,
        submission: str,
        *,
        kind: int,
        index: int,
        place: int,
        leaf: bytes,
        path: Sequence[bytes],
        commitment: bytes,
        bond: int,
    ) -> ExecutedTransaction:
        """Accuse a submission before a jury.

        Only a challenge of a segment has a leaf, its Merkle path, and the place it was dealt to;
        for other kinds they are empty and 0.
        """
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            (coin,) = p.split_gas(bond)
            p.call(
                self._target("jury", "challenge"),
                market,
                ref,
                sub,
                p.u8(kind),
                p.u64(index),
                p.u64(place),
                p.byte_vector(leaf),
                p.byte_vectors(path),
                p.byte_vector(commitment),
                coin,
                p.clock,
            )

        return await self._send(build, f"challenge:{submission}:{kind}:{index}", submission)

    async def draw_jury(self, submission: str, challenge: bytes) -> ExecutedTransaction:
        """Draw the beacon of a jury."""
        market, sub = await self._market_ref(), await self.shared_ref(submission)
        pool = frozen(await self.shared_ref(await self.pool_id()))

        def build(p: Ptb) -> None:
            p.call(self._target("jury", "draw_jury"), market, pool, sub, p.random, p.clock)

        return await self._send(build, f"draw_jury:{challenge.hex()}", submission, random=True)

    async def seat_jury(self, task: str, submission: str) -> ExecutedTransaction:
        """Seat a jury."""
        return await self._crank("jury", "seat_jury", task, submission)

    async def resolve(self, task: str, submission: str) -> ExecutedTransaction:
        """Let the contract compare what the jury revealed."""
        return await self._crank("jury", "resolve", task, submission)

    async def jury_commit(
        self, task: str, submission: str, *, juror: int, challenge: bytes, commitment: bytes
    ) -> ExecutedTransaction:
        """Commit to our value as a juror."""
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission)
        async with self._cap_turn:
            cap, _seat = await self._require_cap()

            def build(p: Ptb) -> None:
                p.call(
                    self._target("jury", "jury_commit"),
                    market,
                    ref,
                    sub,
                    cap,
                    p.u64(juror),
                    p.byte_vector(commitment),
                    p.clock,
                )

            return await self._send(build, f"jury_commit:{challenge.hex()}:{juror}", submission)

    async def jury_reveal(
        self,
        task: str,
        submission: str,
        *,
        juror: int,
        challenge: bytes,
        chain: bytes,
        state_root: bytes,
        salt: bytes,
    ) -> ExecutedTransaction:
        """Reveal our value as a juror."""
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission)
        async with self._cap_turn:
            cap, _seat = await self._require_cap()

            def build(p: Ptb) -> None:
                p.call(
                    self._target("jury", "jury_reveal"),
                    market,
                    ref,
                    sub,
                    cap,
                    p.u64(juror),
                    p.byte_vector(chain),
                    p.byte_vector(state_root),
                    p.byte_vector(salt),
                    p.clock,
                )

            return await self._send(build, f"jury_reveal:{challenge.hex()}:{juror}", submission)

    async def accuser_reveal(
        self,
        task: str,
        submission: str,
        *,
        challenge: bytes,
        chain: bytes,
        state_root: bytes,
        salt: bytes,
    ) -> ExecutedTransaction:
        """Reveal our value as the accuser."""
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            p.call(
                self._target("jury", "accuser_reveal"),
                market,
                ref,
                sub,
                p.byte_vector(chain),
                p.byte_vector(state_root),
                p.byte_vector(salt),
                p.clock,
            )

        return await self._send(build, f"accuser_reveal:{challenge.hex()}", submission)
