"""Calls on the seats of a pool: by the verifier that holds one, and the cranks of anyone."""

from dataclasses import dataclass

from walrusd.chain.calls.base import Caller, frozen
from walrusd.chain.calls.reads import SeatId
from walrusd.chain.send.ptb import Arg, Ptb
from walrusd.chain.values.types import ExecutedTransaction


@dataclass(frozen=True)
class SeatOffer:
    """What a seat asks for and can do.

    ``min_fee`` and ``max_penalty`` in Mist, ``rate`` in segment work a second, ``memory`` in bytes.
    """

    min_fee: int
    max_penalty: int
    rate: int
    memory: int


@dataclass(frozen=True)
class ProvenKeys:
    """A recipient's public keys with the proof of possession, challenge and answer."""

    pk1: bytes
    pk2: bytes
    challenge: bytes
    answer: bytes


def put_offer(p: Ptb, offer: SeatOffer) -> list[Arg]:
    """Return the arguments of an offer, in the order of the contract."""
    amounts = (offer.min_fee, offer.max_penalty, offer.rate, offer.memory)
    return [p.u64(amount) for amount in amounts]


def put_keys(p: Ptb, keys: ProvenKeys) -> list[Arg]:
    """Return the arguments of proven keys, in the order of the contract."""
    parts = (keys.pk1, keys.pk2, keys.challenge, keys.answer)
    return [p.byte_vector(part) for part in parts]


class NodeCalls(Caller):
    """Module ``node``."""

    async def register_seat(
        self, seat: SeatId, *, payment: int, keys: ProvenKeys, offer: SeatOffer, once: str
    ) -> ExecutedTransaction:
        """Take a seat for the pool's stake and fee, together ``payment`` in Mist.

        The keys are proven for ``seat``: the contract refuses if another took its slot meanwhile.
        """
        market, pool = await self._market_ref(), await self.shared_ref(seat.pool)

        def build(p: Ptb) -> None:
            (coin,) = p.split_gas(payment)
            cap = p.call(
                self._target("node", "register_seat"),
                market,
                pool,
                coin,
                p.u64(seat.index),
                *put_keys(p, keys),
                *put_offer(p, offer),
                p.clock,
            )
            p.transfer(self.address, cap)

        return await self._send(build, once, pool.id)

    async def declare_seat(self, seat: SeatId, offer: SeatOffer) -> ExecutedTransaction:
        """Say anew what our seat asks for and can do."""
        market, pool = await self._market_ref(), await self.shared_ref(seat.pool)
        async with self._cap_turn:
            cap = await self._require_cap(seat)

            def build(p: Ptb) -> None:
                target = self._target("node", "declare_seat")
                p.call(target, market, pool, cap, *put_offer(p, offer))

            return await self._send(build, None, pool.id, label="declare_seat")

    async def renew_seat(self, seat: SeatId, *, fee: int, once: str) -> ExecutedTransaction:
        """Burn the pool's fee for another life of our seat; ``once`` names the renewal."""
        return await self._pay("renew_seat", seat, fee, once)

    async def top_up_seat(self, seat: SeatId, *, amount: int, once: str) -> ExecutedTransaction:
        """Add to the stake of our seat what penalties took, in Mist."""
        return await self._pay("top_up_seat", seat, amount, once)

    async def _pay(
        self, function: str, seat: SeatId, amount: int, once: str
    ) -> ExecutedTransaction:
        market, pool = await self._market_ref(), await self.shared_ref(seat.pool)
        async with self._cap_turn:
            cap = await self._require_cap(seat)

            def build(p: Ptb) -> None:
                (coin,) = p.split_gas(amount)
                clock = (p.clock,) if function == "renew_seat" else ()
                p.call(self._target("node", function), market, pool, cap, coin, *clock)

            return await self._send(build, once, pool.id)

    async def exit_seat(self, seat: SeatId) -> ExecutedTransaction:
        """Leave the pool: our seat is no longer drawn and its stake unbonds."""
        market, pool = await self._market_ref(), await self.shared_ref(seat.pool)
        async with self._cap_turn:
            cap = await self._require_cap(seat)

            def build(p: Ptb) -> None:
                p.call(self._target("node", "exit_seat"), market, pool, cap, p.clock)

            return await self._send(build, f"exit_seat:{cap.id}", pool.id)

    async def withdraw_seat(self, seat: SeatId) -> ExecutedTransaction:
        """Withdraw the stake of our unbonded seat."""
        market, pool = await self._market_ref(), await self.shared_ref(seat.pool)
        async with self._cap_turn:
            cap = await self._require_cap(seat)

            def build(p: Ptb) -> None:
                coin = p.call(self._target("node", "withdraw_seat"), market, pool, cap, p.clock)
                p.transfer(self.address, coin)

            return await self._send(build, f"withdraw_seat:{cap.id}", pool.id)

    async def discard_cap(self, seat: SeatId) -> ExecutedTransaction:
        """Delete our capability for a seat that is gone."""
        market, pool = await self._market_ref(), frozen(await self.shared_ref(seat.pool))
        async with self._cap_turn:
            cap = await self._require_cap(seat)

            def build(p: Ptb) -> None:
                p.call(self._target("node", "discard_cap"), market, pool, cap)

            return await self._send(build, f"discard_cap:{cap.id}", pool.id)

    async def evict_seat(self, seat: SeatId) -> ExecutedTransaction:
        """Let a seat unbond that was silent twice in a row, or was not renewed."""
        return await self._turn("evict_seat", seat)

    async def release_seat(self, seat: SeatId) -> ExecutedTransaction:
        """Pay an unbonded seat's stake to its verifier, so that its slot can be taken again."""
        return await self._turn("release_seat", seat)

    async def _turn(self, function: str, seat: SeatId) -> ExecutedTransaction:
        market, pool = await self._market_ref(), await self.shared_ref(seat.pool)

        def build(p: Ptb) -> None:
            target = self._target("node", function)
            p.call(target, market, pool, p.u64(seat.index), p.clock)

        # A seat can be evicted once, but the slot has others later.
        return await self._send(build, None, pool.id, label=function)
