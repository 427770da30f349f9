"""How a malicious part is plugged into an ordinary daemon: through its composition root."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from walrusd.compose import BuildParts, Parts, build_parts
from walrusd.engine.service import Service
from walrusd.engine.tools import Tools


class Meddler:
    """The contract as a cheat sends to it: one call has other arguments."""

    def __init__(self, contract: Any, method: str, meddle: Callable[..., Awaitable[Any]]) -> None:
        self._contract = contract
        self._method, self._meddle = method, meddle

    def __getattr__(self, name: str) -> Any:
        honest = getattr(self._contract, name)
        if name != self._method:
            return honest

        async def call(*arguments: Any, **named: Any) -> Any:
            return await self._meddle(honest, *arguments, **named)

        return call


def meddle(tools: Tools, method: str, how: Callable[..., Awaitable[Any]]) -> Tools:
    """Return tools whose contract has one bent call."""
    return replace(tools, contract=Meddler(tools.contract, method, how))  # type: ignore[arg-type]  # stands in for one


Make = Callable[[Tools, Parts], Service]


def substitute(others: dict[type, Make]) -> BuildParts:
    """Return what builds a daemon's usual services with some of them replaced."""

    def build(tools: Tools) -> Parts:
        usual = build_parts(tools)
        assert others.keys() <= {type(service) for service in usual.services}, "nothing to replace"
        services = (
            others[type(s)](tools, usual) if type(s) in others else s for s in usual.services
        )
        return replace(usual, services=tuple(services))

    return build


def exchange(usual: Parts, **others: Any) -> Parts:
    """Return parts with others in their place, also among the services that run."""
    instead = {id(getattr(usual, name)): other for name, other in others.items()}
    services = tuple(instead.get(id(service), service) for service in usual.services)
    return replace(usual, services=services, **others)
