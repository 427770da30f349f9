"""How a malicious part is plugged into an ordinary daemon: through its composition root."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from walrusd.app import BuildServices, build_services
from walrusd.control.api import DaemonApi
from walrusd.engine.supervisor import Supervised
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


Make = Callable[[Tools, DaemonApi], Supervised]


def substitute(parts: dict[type, Make]) -> BuildServices:
    """Return what builds a daemon's usual services with some of them replaced."""

    def build(tools: Tools, api: DaemonApi) -> list[Supervised]:
        usual = build_services(tools, api)
        assert parts.keys() <= {type(service) for service in usual}, "nothing to replace"
        return [parts[type(s)](tools, api) if type(s) in parts else s for s in usual]

    return build
