"""Datasets: list our own, and find others."""

from typing import Any

from walrusd.control.roles import check_role
from walrusd.engine.tools import Tools
from walrusd.market.ids import Ids
from walrusd.services.data_owner.listings import Listings
from walrusd.settings.model import Role

Result = dict[str, Any]


class DatasetCommands:
    """The methods ``dataset.…``."""

    def __init__(self, tools: Tools, ids: Ids, listings: Listings) -> None:
        self._tools = tools
        self._ids = ids
        self._listings = listings

    async def add(
        self,
        path: str,
        title: str,
        description: str,
        schema: dict[str, Any] | None = None,
        *,
        raw: bool | None = None,
    ) -> Result:
        """Encrypt, store and list a dataset."""
        check_role(self._tools.settings, Role.DATASET_OWNER)
        # An object that is not given comes as an empty one: a container needs no schema.
        return await self._listings.add(path, title, description, schema or None, raw=raw)

    async def list_all(self, *, mine: bool) -> Result:
        """Return every known dataset."""
        found = await self._listings.all()
        return {"datasets": [d for d in found if d["mine"] or not mine]}

    async def show(self, dataset: str) -> Result:
        """Return a dataset's listing."""
        return await self._listings.describe(
            await self._tools.contract.dataset(self._ids.read(dataset, "dataset"))
        )

    async def search(self, text: str) -> Result:
        """Return datasets whose title or description contains every word."""
        words = text.lower().split()
        found = await self._listings.all()
        texts = [f"{d['title']}\n{d.get('description') or ''}".lower() for d in found]
        return {
            "datasets": [
                d for d, t in zip(found, texts, strict=True) if all(word in t for word in words)
            ]
        }
