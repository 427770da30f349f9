"""Fault injection: what networks, proxies and old nodes do to calls, by rule and probability.

A rule names RPCs (``ExecuteTransaction``, ``*``), a kind of fault, its probability and how often it
may happen. The draws come from a seed, so the same calls meet the same faults.
"""

import fnmatch
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, cast

import trio

from walrusd.chain.grpc import GRPCError, Handler, HangUpError, Status
from walrusd.chain.grpc.wire import Message
from walrusd.chain.values.pysui_parts import pb


class FaultKind(StrEnum):
    """The kinds of fault. "Before" means that the call has no effect."""

    LATENCY = "latency"
    """Before: the call waits between ``low_ms`` and ``high_ms``."""
    FAIL = "fail"
    """Before, or at any frame of a stream: the call ends with ``status``."""
    DROP = "drop"
    """Before, or at any frame of a stream: silence, until the caller gives up."""
    RESET = "reset"
    """Before, or at any frame of a stream: the stream is reset."""
    DISCONNECT = "disconnect"
    """Before, or at any frame of a stream: the whole connection is lost."""
    LOSE = "lose"
    """After: the call had its effect, but its reply is lost."""
    CUT = "cut"
    """After, or at any frame of a stream: the reply breaks off in the middle of a frame."""
    HOLD = "hold"
    """ExecuteTransaction reaches the validators, which lock its objects, but gets no quorum."""
    REFUSE_CURSOR = "refuse_cursor"
    """ListEvents rejects every cursor."""


@dataclass
class FaultRule:
    """One kind of fault for the RPCs that a pattern names."""

    kind: FaultKind
    rpc: str = "*"
    probability: float = 1.0
    times: int | None = None
    low_ms: int = 0
    high_ms: int = 0
    status: str = "UNAVAILABLE"
    fired: int = 0

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: if one of them is impossible.
        """
        self.kind = FaultKind(self.kind)
        if not 0 <= self.probability <= 1:
            raise ValueError(f"a probability is between 0 and 1, not {self.probability}")
        if not 0 <= self.low_ms <= self.high_ms:
            raise ValueError("a latency needs 0 <= low_ms <= high_ms")
        if self.status not in Status.__members__:
            raise ValueError(f"no gRPC status is called {self.status!r}")

    def to_json(self) -> dict[str, Any]:
        """Return the rule as JSON values."""
        return asdict(self)


@dataclass
class Faults:
    """The rules of one endpoint, and the RPCs that it lacks."""

    rules: list[FaultRule] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    hold: Callable[[Any], None] | None = None
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - faults, not secrets

    def wrap(self, table: Mapping[str, Handler]) -> dict[str, Handler]:
        """Return ``table`` with the faults before every handler."""
        return {route: self._wrap(route.rpartition("/")[2], h) for route, h in table.items()}

    def _wrap(self, name: str, handler: Handler) -> Handler:
        if handler.streaming:
            inner = cast("Callable[[Any], AsyncGenerator[Message, None]]", handler.answer)

            async def stream(request: Any) -> AsyncGenerator[Message, None]:
                await self._before(name, request)
                replies = inner(request)
                try:
                    async for reply in replies:
                        await self._at_frame(name, reply)
                        yield reply
                finally:
                    await replies.aclose()

            return Handler(handler.request, stream, streaming=True)
        answer = cast("Callable[[Any], Awaitable[Message]]", handler.answer)

        async def unary(request: Any) -> Message:
            await self._before(name, request)
            if self._strikes(name, FaultKind.HOLD) and self.hold is not None:
                self.hold(request)
                raise GRPCError(
                    Status.UNAVAILABLE, "transaction timed out before reaching finality"
                )
            await self._at_frame(name, None)
            reply = await answer(request)
            if self._strikes(name, FaultKind.LOSE):
                raise HangUpError
            if self._strikes(name, FaultKind.CUT):
                raise HangUpError(reply=reply, connection=True)
            return reply

        return Handler(handler.request, unary)

    def _strikes(self, name: str, kind: FaultKind) -> FaultRule | None:
        for rule in self.rules:
            if rule.kind is not kind or not fnmatch.fnmatchcase(name, rule.rpc):
                continue
            if rule.times is not None and rule.fired >= rule.times:
                continue
            if self.chance.random() < rule.probability:
                rule.fired += 1
                return rule
        return None

    async def _before(self, name: str, request: Any) -> None:
        if name in self.unknown:
            raise GRPCError(Status.UNIMPLEMENTED, f"unknown method {name}")
        if (rule := self._strikes(name, FaultKind.LATENCY)) is not None:
            await trio.sleep(self.chance.uniform(rule.low_ms, rule.high_ms) / 1000)
        if (
            isinstance(request, pb.ListEventsRequest)
            and request.options is not None
            and request.options.after
            and self._strikes(name, FaultKind.REFUSE_CURSOR)
        ):
            raise GRPCError(Status.INVALID_ARGUMENT, "invalid cursor")

    async def _at_frame(self, name: str, reply: Message | None) -> None:
        """Apply the faults before a unary call, or before a frame of a stream."""
        if (rule := self._strikes(name, FaultKind.FAIL)) is not None:
            raise GRPCError(Status[rule.status], "injected fault")
        if self._strikes(name, FaultKind.DROP):
            await trio.sleep_forever()
        if self._strikes(name, FaultKind.RESET):
            raise HangUpError
        if self._strikes(name, FaultKind.DISCONNECT):
            raise HangUpError(connection=True)
        if reply is not None and self._strikes(name, FaultKind.CUT):
            raise HangUpError(reply=reply, connection=True)
