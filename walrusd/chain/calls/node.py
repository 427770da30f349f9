"""Calls of a verifier on its seat."""

from walrusd.chain.calls.base import Caller
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import ExecutedTransaction


class NodeCalls(Caller):
    """Module ``node``."""

    async def register_seat(
        self,
        *,
        stake: int,
        key: bytes,
        min_fee: int,
        max_state_bytes: int,
        max_segment_work: int,
        once: str,
    ) -> ExecutedTransaction:
        """Take a seat in the verifier pool for a stake, in Mist."""
        market, pool = await self._market_ref(), await self.shared_ref(await self.pool_id())

        def build(p: Ptb) -> None:
            (coin,) = p.split_gas(stake)
            cap = p.call(
                self._target("node", "register_seat"),
                market,
                pool,
                coin,
                p.byte_vector(key),
                p.u64(min_fee),
                p.u64(max_state_bytes),
                p.u64(max_segment_work),
                p.clock,
            )
            p.transfer(self.address, cap)

        return await self._send(build, once, pool.id)

    async def exit_seat(self) -> ExecutedTransaction:
        """Leave the pool: the seat is no longer drawn and its stake unbonds."""
        market, pool = await self._market_ref(), await self.shared_ref(await self.pool_id())
        async with self._cap_turn:
            cap, seat = await self._require_cap()

            def build(p: Ptb) -> None:
                p.call(self._target("node", "exit_seat"), market, pool, cap, p.clock)

            return await self._send(build, f"exit_seat:{seat.id}", pool.id)

    async def withdraw_seat(self) -> ExecutedTransaction:
        """Withdraw the stake of an unbonded seat."""
        market, pool = await self._market_ref(), await self.shared_ref(await self.pool_id())
        async with self._cap_turn:
            cap, seat = await self._require_cap()

            def build(p: Ptb) -> None:
                coin = p.call(self._target("node", "withdraw_seat"), market, pool, cap, p.clock)
                p.transfer(self.address, coin)

            return await self._send(build, f"withdraw_seat:{seat.id}", pool.id)
