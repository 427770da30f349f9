"""Requests for the keys of datasets, and the owner's answers."""

from typing import Any

from walrusd.chain.layouts import objects as ob
from walrusd.control.purposes import read_purposes
from walrusd.control.roles import check_role
from walrusd.control.views import show_request
from walrusd.core.lifecycle import RequestState
from walrusd.engine.tools import Tools
from walrusd.market.ids import Ids
from walrusd.services.data_owner.key_grantor import KeyGrantor
from walrusd.settings.model import Role

Result = dict[str, Any]


class KeyCommands:
    """The methods ``keys.…``."""

    def __init__(self, tools: Tools, ids: Ids, key_grantor: KeyGrantor) -> None:
        self._tools = tools
        self._ids = ids
        self._key_grantor = key_grantor

    async def list_pending(self) -> Result:
        """Return key requests that wait for this owner."""
        return await self._show_requests(await self._key_grantor.pending())

    async def list_all(self) -> Result:
        """Return all key requests to and by this daemon."""
        return await self._show_requests(await self._key_grantor.requests(with_ended=True))

    async def _show_requests(self, requests: list[ob.KeyRequest]) -> Result:
        """Return requests with their purposes, and why a key could no longer be used."""
        closed = await self._key_grantor.find_closed(requests)
        about = await read_purposes(self._tools, requests)
        return {
            "requests": [
                {
                    **show_request(request, self._tools.address),
                    **about[request.id],
                    "closed": closed.get(request.id),
                }
                for request in requests
            ]
        }

    async def approve(self, request: str) -> Result:
        """Grant a key request."""
        check_role(self._tools.settings, Role.DATASET_OWNER)
        return {
            **await self._key_grantor.approve(
                self._ids.read(request, "request"), "the owner approved it"
            ),
            "state": RequestState.GRANTED.name.lower(),
        }

    async def deny(self, request: str, reason: str) -> Result:
        """Refuse a key request."""
        check_role(self._tools.settings, Role.DATASET_OWNER)
        return {
            **await self._key_grantor.deny(self._ids.read(request, "request"), reason),
            "state": RequestState.DENIED.name.lower(),
        }
