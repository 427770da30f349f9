"""Calls that give an opening and its keys: to the committee, to jurors and to the publisher."""

from dataclasses import dataclass

from walrusd.chain.calls.base import Caller, frozen
from walrusd.chain.send.ptb import Arg, Ptb
from walrusd.chain.values.types import ExecutedTransaction


@dataclass(frozen=True)
class Sealed:
    """An envelope as the contract takes it: two points of 48 bytes, challenge and answer of 32."""

    r: bytes
    c: bytes
    challenge: bytes
    answer: bytes


@dataclass(frozen=True)
class OpeningAttempt:
    """An attempt at opening as the contract takes it.

    ``p2`` is the public point of its key, with the proof that its maker knows the secret. ``cost``
    is None where costs are private, ``blinding`` opens the commitment to it and is empty without.
    """

    blob: int
    digest: bytes
    p2: bytes
    challenge: bytes
    answer: bytes
    cost: int | None
    blinding: bytes


def put_envelope(p: Ptb, sealed: Sealed) -> list[Arg]:
    """Return the arguments of an envelope, in the order of the contract."""
    parts = (sealed.r, sealed.c, sealed.challenge, sealed.answer)
    return [p.byte_vector(part) for part in parts]


class DeliveryCalls(Caller):
    """What opens and delivers in ``submission``, ``settlement.reopen``, ``jury.deliver_juror``."""

    async def open(
        self, task: str, submission: str, opened: OpeningAttempt, *, attempt: int
    ) -> ExecutedTransaction:
        """Say where the sealed opening lies; its key is delivered place by place afterwards."""
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            p.call(
                self._target("submission", "open"),
                market,
                ref,
                sub,
                p.u256(opened.blob),
                p.byte_vector(opened.digest),
                p.byte_vector(opened.p2),
                p.byte_vector(opened.challenge),
                p.byte_vector(opened.answer),
                p.optional_u64(opened.cost),
                p.byte_vector(opened.blinding),
                p.clock,
            )

        return await self._send(build, f"open:{submission}:{attempt}", submission)

    async def deliver(
        self,
        task: str,
        submission: str,
        *,
        place: int,
        pk1: bytes,
        pk2: bytes,
        sealed: Sealed,
        once: str,
    ) -> ExecutedTransaction:
        """Give a place of the committee the opening's key, sealed to its seat's keys.

        ``once`` names the attempt, the place and its seat, which may be another one later.
        """
        market, ref = await self._market_ref(), await self.shared_ref(task)
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            p.call(
                self._target("submission", "deliver"),
                market,
                ref,
                sub,
                p.u64(place),
                p.byte_vector(pk1),
                p.byte_vector(pk2),
                *put_envelope(p, sealed),
                p.clock,
            )

        return await self._send(build, once, task, submission)

    async def deliver_juror(
        self,
        task: str,
        submission: str,
        *,
        juror: int,
        pk1: bytes,
        pk2: bytes,
        sealed: Sealed,
        case: bytes,
    ) -> ExecutedTransaction:
        """Give a juror the opening's key, sealed to its seat's keys; ``case`` is its challenge."""
        market, ref = await self._market_ref(), frozen(await self.shared_ref(task))
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            p.call(
                self._target("jury", "deliver_juror"),
                market,
                ref,
                sub,
                p.u64(juror),
                p.byte_vector(pk1),
                p.byte_vector(pk2),
                *put_envelope(p, sealed),
                p.clock,
            )

        once = f"deliver_juror:{case.hex()}:{juror}"
        return await self._send(build, once, submission)

    async def deliver_update(
        self, task: str, submission: str, sealed: Sealed
    ) -> ExecutedTransaction:
        """Give the publisher the key of the update: the submission is accepted with it."""
        market, ref = await self._market_ref(), await self.shared_ref(task)
        pool = await self.shared_ref((await self.task(task)).pool)
        sub = await self.shared_ref(submission)

        def build(p: Ptb) -> None:
            p.call(
                self._target("settlement", "deliver_update"),
                market,
                ref,
                pool,
                sub,
                *put_envelope(p, sealed),
                p.clock,
            )

        return await self._send(build, f"deliver_update:{submission}", task, submission, pool.id)

    async def reopen(self, task: str, submission: str) -> ExecutedTransaction:
        """End an attempt in which a called substitute, or a juror, got no key from anybody."""
        return await self._crank("settlement", "reopen", task, submission)
