"""Key requests of ours, and the dataset keys that were granted on them."""

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import RequestState
from walrusd.crypto.envelope import dataset_key_info, open_key
from walrusd.errors import ObjectNotFound
from walrusd.services.facts import Case
from walrusd.services.tools import Tools
from walrusd.units import address_bytes


async def open_granted_key(tools: Tools, request: ob.KeyRequest) -> bytes:
    """Return the dataset key of a granted request of ours.

    Raises:
        DecryptionFailed: if the owner sealed it wrongly; nothing is staked on such a grant.
    """
    market = await tools.contract.market()
    info = dataset_key_info(
        market.chain_id,
        address_bytes(market.package),
        address_bytes(request.dataset),
        request.number,
        address_bytes(request.owner),
        address_bytes(request.requester),
    )
    return open_key(tools.keys.encryption_key, request.envelope, info)


async def submission_dataset_key(tools: Tools, case: Case) -> bytes:
    """Return the dataset key that was granted to us for a task.

    Raises:
        ObjectNotFound: if no granted request of ours is known.
        DecryptionFailed: if the grant does not open.
    """
    submission = case.submission
    request = await find_request(
        tools, case.task.id, submission.dataset, submission.dataset_version
    )
    if request is None or request.state != RequestState.GRANTED:
        raise ObjectNotFound(
            f"no granted key request of ours for task {case.task.id} is known",
            hint="after a loss of local state, wait until the chain's events are read again",
        )
    return await open_granted_key(tools, request)


async def find_request(tools: Tools, task: str, dataset: str, number: int) -> ob.KeyRequest | None:
    """Return our request for a version of a dataset and a task: a granted one before others."""
    known = tools.chain_log.known("request", parent=dataset, with_ended=True)
    found = await tools.contract.read_many(ob.KeyRequest, [k.id for k in known])
    ours = [
        request
        for request in found.values()
        if request.requester == tools.address and (request.task, request.number) == (task, number)
    ]
    granted = [request for request in ours if request.state == RequestState.GRANTED]
    return next(iter([*granted, *reversed(ours)]), None)
