"""Our key requests, and the dataset keys granted on them."""

from collections.abc import Sequence

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import is_granted
from walrusd.crypto.envelope import open_key
from walrusd.engine.tools import Tools
from walrusd.errors import ObjectNotFound
from walrusd.market.case import Case
from walrusd.market.dataset_keys import make_grant_info

Purpose = tuple[str, str, int]
"""What a request is for: a task, a dataset, and the number of its version."""


async def open_granted_key(tools: Tools, request: ob.KeyRequest) -> bytes:
    """Return the dataset key of our granted request.

    Raises:
        DecryptionFailed: if the owner encrypted it wrongly; nothing is staked on such a grant.
    """
    info = make_grant_info(await tools.contract.market(), request)
    return open_key(tools.keys.encryption_key, request.envelope, info)


async def submission_dataset_key(tools: Tools, case: Case) -> bytes:
    """Return the dataset key that was granted to us for a task.

    Raises:
        ObjectNotFound: if we know of no granted request.
        DecryptionFailed: if the grant does not open.
    """
    submission = case.submission
    request = await find_request(
        tools, case.task.id, submission.dataset, submission.dataset_version
    )
    if request is None or not is_granted(request.state):
        raise ObjectNotFound(
            f"none of our granted key requests is for task {case.task.id}",
            hint="after a loss of local state, wait until walrusd has read the chain's events",
        )
    return await open_granted_key(tools, request)


async def find_request(tools: Tools, task: str, dataset: str, number: int) -> ob.KeyRequest | None:
    """Return our request for a version of a dataset and a task, preferring a granted one."""
    known = tools.chain_log.known("request", parent=dataset, with_ended=True)
    found = await tools.contract.read_many(ob.KeyRequest, [k.id for k in known])
    ours = [
        request
        for request in found.values()
        if request.requester == tools.address and (request.task, request.number) == (task, number)
    ]
    return _choose(ours)


def _choose(ours: Sequence[ob.KeyRequest]) -> ob.KeyRequest | None:
    granted = [request for request in ours if is_granted(request.state)]
    return next(iter([*granted, *reversed(ours)]), None)


class OwnRequests:
    """Our key requests by purpose, listed once for each reconciliation of many tasks.

    The purpose of a request never changes, so it is cached; its state is read each time.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._purposes: dict[str, Purpose | None] = {}
        self._index: dict[Purpose, list[str]] | None = None

    def begin_round(self) -> None:
        """List the requests again when one is next needed."""
        self._index = None

    async def find(self, task: str, dataset: str, number: int) -> ob.KeyRequest | None:
        """Return our request as ``find_request`` does."""
        if self._index is None:
            self._index = await self._list()
        ids = self._index.get((task, dataset, number), [])
        found = await self._tools.contract.read_many(ob.KeyRequest, ids)
        return _choose(list(found.values()))

    async def _list(self) -> dict[Purpose, list[str]]:
        tools = self._tools
        ids = [known.id for known in tools.chain_log.known("request", with_ended=True)]
        new = [i for i in ids if i not in self._purposes]
        for name, request in (await tools.contract.read_many(ob.KeyRequest, new)).items():
            ours = request.requester == tools.address
            purpose = (request.task, request.dataset, request.number)
            self._purposes[name] = purpose if ours else None
        index: dict[Purpose, list[str]] = {}
        for name in ids:
            purpose_or_none = self._purposes.get(name)
            if purpose_or_none is not None:
                index.setdefault(purpose_or_none, []).append(name)
        return index
