"""The control interface while the daemon starts."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import trio

import walrusd
from walrusd.engine.starting import Starting
from walrusd.errors import DaemonStarting
from walrusd.settings.model import Settings
from walrusd.units import Address

CALL_PATIENCE_S = 30.0
"""How long a call waits for a start in which nothing has failed."""
RECHECK_S = 0.5
"""How often a waiting call checks whether something has failed: services do not announce it."""


class StartingApi:
    """Answers ``status`` until the daemon is ready; every other method has to wait.

    A call waits for the end of the start while nothing has failed, and is refused otherwise.
    """

    def __init__(self, settings: Settings, address: Address, starting: Starting) -> None:
        self._settings, self._address, self._starting = settings, address, starting
        self._api: object | None = None

    def hand_over_to(self, api: object) -> None:
        """Let ``api`` answer from now on, also the calls that wait."""
        self._api = api
        self._starting.wake()

    async def status(self) -> Mapping[str, Any]:
        """Return who this daemon is, and what it waits for."""
        sui = self._settings.sui
        return {
            "version": walrusd.__version__,
            **self._starting.to_json(),
            "address": self._address,
            "roles": sorted(role.value for role in self._settings.daemon.roles),
            "balance_mist": None,
            "chain_id": sui.chain_id,
            "package_id": sui.package_id,
            "market_id": sui.market_id,
            "healthy": False,
            "services": self._starting.list_services(),
            "troubles": [],
            "progress": {},
        }

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(**arguments: Any) -> Any:
            with trio.move_on_after(CALL_PATIENCE_S):
                while self._api is None and not self._starting.find_error():
                    with trio.move_on_after(RECHECK_S):
                        await self._starting.wait_change()
            if self._api is None:
                raise DaemonStarting(f"walrusd is {self._starting.describe()}")
            return await getattr(self._api, name)(**arguments)

        return call
