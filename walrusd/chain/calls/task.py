"""Calls of a publisher on its task, and the cranks of a task."""

from collections.abc import Sequence

from walrusd.chain.calls.base import Caller, frozen
from walrusd.chain.calls.node import ProvenKeys, put_keys
from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import ExecutedTransaction


class TaskCalls(Caller):
    """Module ``task``."""

    async def open_task(
        self,
        terms: ob.Terms,
        *,
        pool: str,
        funds: int,
        keys: ProvenKeys,
        manifest_blob: int,
        manifest_digest: bytes,
        state_root_0: bytes,
        plan_digest: bytes,
        program_root: bytes,
        parent: str,
        datasets: Sequence[ob.DatasetRef],
        once: str,
    ) -> ExecutedTransaction:
        """Open a task that the seats of ``pool`` verify; ``TaskOpened`` in the result names it."""
        market, seats = await self._market_ref(), frozen(await self.shared_ref(pool))

        def build(p: Ptb) -> None:
            fields = [
                p.pure(codec.encode(getattr(terms, name)))
                for name, codec in ob.Terms.codecs().items()
            ]
            made = p.call(self._target("terms", "new_terms"), *fields)
            (coin,) = p.split_gas(funds)
            cap = p.call(
                self._target("task", "open_task"),
                market,
                seats,
                made,
                *put_keys(p, keys),
                p.u256(manifest_blob),
                p.byte_vector(manifest_digest),
                p.byte_vector(state_root_0),
                p.byte_vector(plan_digest),
                p.byte_vector(program_root),
                p.address(parent),
                p.addresses([d.dataset for d in datasets]),
                p.u64s([d.number for d in datasets]),
                coin,
                p.clock,
            )
            p.transfer(self.address, cap)

        return await self._send(build, once)

    async def cancel_task(self, task: str) -> ExecutedTransaction:
        """Give up our task before joining closes; whoever has joined gets the cancel fee."""
        market, ref = await self._market_ref(), await self.shared_ref(task)
        async with self._cap_turn:
            cap = await self.publisher_cap(self.address, task)

            def build(p: Ptb) -> None:
                p.call(self._target("task", "cancel_task"), market, cap, ref, p.clock)

            return await self._send(build, f"cancel_task:{task}", task)

    async def close_joining(self, task: str) -> ExecutedTransaction:
        """Book the seats' duties and draw the join beacon."""
        market, ref = await self._market_ref(), await self.shared_ref(task)
        pool = await self.shared_ref((await self.task(task)).pool)

        def build(p: Ptb) -> None:
            p.call(self._target("task", "close_joining"), market, pool, ref, p.random, p.clock)

        once = f"close_joining:{task}"
        return await self._send(build, once, task, pool.id, random=True)

    async def close_training(self, task: str) -> ExecutedTransaction:
        """End the time to commit."""
        market, ref = await self._market_ref(), await self.shared_ref(task)

        def build(p: Ptb) -> None:
            p.call(self._target("task", "close_training"), market, ref, p.clock)

        return await self._send(build, f"close_training:{task}", task)

    async def record_aggregate(
        self, task: str, *, parts: int, root: bytes, blindings_root: bytes, blob: int
    ) -> ExecutedTransaction:
        """Record the published weighted sum; ``parts`` is a bit set over the task's entries."""
        market, ref = await self._market_ref(), await self.shared_ref(task)
        async with self._cap_turn:
            cap = await self.publisher_cap(self.address, task)

            def build(p: Ptb) -> None:
                p.call(
                    self._target("task", "record_aggregate"),
                    market,
                    cap,
                    ref,
                    p.u64(parts),
                    p.byte_vector(root),
                    p.byte_vector(blindings_root),
                    p.u256(blob),
                    p.clock,
                )

            return await self._send(build, f"record_aggregate:{task}", task)

    async def reclaim(self, task: str) -> ExecutedTransaction:
        """Take back what the task did not spend."""
        market, ref = await self._market_ref(), await self.shared_ref(task)
        async with self._cap_turn:
            cap = await self.publisher_cap(self.address, task)

            def build(p: Ptb) -> None:
                coin = p.call(self._target("task", "reclaim"), market, cap, ref)
                p.transfer(self.address, coin)

            return await self._send(build, f"reclaim:{task}", task)

    async def claim_task(self, task: str) -> ExecutedTransaction:
        """Collect our credit on a task."""
        market, ref = await self._market_ref(), await self.shared_ref(task)

        def build(p: Ptb) -> None:
            coin = p.call(self._target("task", "claim_task"), market, ref)
            p.transfer(self.address, coin)

        # Equal amounts may be due in succession; a superfluous claim fails in the simulation.
        return await self._send(build, None, task, label="claim_task")
