"""The daemon itself: its state, and the reasons for its actions."""

from collections.abc import Sequence
from typing import Any

import walrusd
from walrusd.control.history import History
from walrusd.engine.readiness import Readiness
from walrusd.engine.service import Service
from walrusd.engine.supervisor import Supervisor
from walrusd.engine.tools import Tools
from walrusd.errors import ChainRefused, WorldFault, WrongNetwork
from walrusd.market.ids import Ids

Result = dict[str, Any]


class DaemonCommands:
    """``status`` and ``why``."""

    def __init__(  # noqa: PLR0917 - collaborators, named where they are built
        self,
        tools: Tools,
        supervisor: Supervisor,
        ids: Ids,
        history: History,
        readiness: Readiness,
        services: Sequence[Service],
    ) -> None:
        self._tools = tools
        self._supervisor = supervisor
        self._ids = ids
        self._history = history
        self._readiness = readiness
        self._services = services

    async def status(self) -> Result:
        """Return who this daemon is, its network, its balance, what it cannot do, its services."""
        tools = self._tools
        sui = tools.settings.sui
        return {
            "version": walrusd.__version__,
            "state": "running",
            "address": tools.address,
            "roles": sorted(role.value for role in tools.settings.daemon.roles),
            "balance_mist": await self._balance(),
            "chain_id": sui.chain_id,
            "package_id": sui.package_id,
            "market_id": sui.market_id,
            "chain_time_ms": tools.clock.now_ms(),
            "cursor": tools.records.get("chain", "cursor"),
            "healthy": self._supervisor.is_healthy,
            "cannot": [fault.to_json() for fault in self._readiness.faults],
            "services": [health.to_json() for health in self._supervisor.healths],
            "troubles": [each for service in self._services for each in service.list_troubles()],
            "progress": tools.records.items("progress"),
        }

    async def _balance(self) -> int | None:
        """Return the balance; None while no node answers: the rest of the status still helps."""
        try:
            return await self._tools.contract.balance(self._tools.address)
        except (WorldFault, ChainRefused, WrongNetwork):
            return None

    async def why(self, subject: str) -> Result:
        """Return the decisions about an id, what the chain says, and what it earned or cost us."""
        return self._history.explain(self._ids.read_subject(subject))
