"""Answer requests for our datasets' keys. Nothing is released without the owner's word."""

import json

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import RequestState
from walrusd.crypto.envelope import check_public_key, dataset_key_info, seal_key
from walrusd.crypto.stream import verify_key_check
from walrusd.errors import BadRequest, MalformedData, NotAllowed
from walrusd.services.derive import derive_dataset_key
from walrusd.services.service import Service
from walrusd.units import BlobId, address_bytes

MAX_DESCRIPTION_BYTES = 1 << 20


class Keykeeper(Service):
    """Grants automatically to whom the owner listed; everybody else waits for an answer."""

    name = "keykeeper"

    async def reconcile(self) -> None:
        """Grant what the owner approved beforehand."""
        for request in await self.pending():
            if request.requester in self.tools.settings.dataset_owner.auto_approve:

                async def approve(request: ob.KeyRequest = request) -> None:
                    await self.approve(request.id, "the requester is on the owner's list")

                await self.attempt(request.id, approve)

    async def requests(self) -> list[ob.KeyRequest]:
        """Return every known request, to us or by us."""
        known = self.tools.chain_log.known("request")
        await self.tools.contract.prefetch(ob.KeyRequest, [k.id for k in known])
        found = [await self.tools.contract.request(k.id) for k in known]
        return [r for r in found if self.tools.address in (r.owner, r.requester)]

    async def pending(self) -> list[ob.KeyRequest]:
        """Return the requests that wait for our answer."""
        now = self.tools.clock.now_ms()
        return [
            request
            for request in await self.requests()
            if request.owner == self.tools.address
            and request.state == RequestState.REQUESTED
            and now < request.expires_ms
        ]

    async def approve(self, request_id: str, reason: str) -> dict[str, str]:
        """Seal the dataset's key to the requester and post the grant.

        Raises:
            NotAllowed: if the request is not to us, or is answered already.
            MalformedData: if the requester's encryption key is unusable.
        """
        tools = self.tools
        request = await self._ours(request_id)
        check_public_key(request.key)
        dataset = await tools.contract.dataset(request.dataset)
        version = dataset.versions[request.number - 1]
        dek = derive_dataset_key(tools.keys, await self._key_id(dataset))
        # A grant of a wrong key would cost the contributor its time: check before sealing.
        verify_key_check(dek, version.row_root, version.key_check)
        market = await tools.contract.market()
        info = dataset_key_info(
            market.chain_id,
            address_bytes(market.package),
            address_bytes(request.dataset),
            request.number,
            address_bytes(request.owner),
            address_bytes(request.requester),
        )
        with tools.database.transaction():
            tools.protection.begin(f"answer:{request_id}", b"grant")
            tools.journal.record(
                request_id, self.name, "granted", reason, requester=request.requester
            )
        executed = await tools.contract.grant_key(request_id, seal_key(request.key, dek, info))
        tools.protection.done(f"answer:{request_id}")
        return {"request": request_id, "digest": executed.digest}

    async def deny(self, request_id: str, reason: str) -> dict[str, str]:
        """Post a refusal.

        Raises:
            NotAllowed: if the request is not to us, or is answered already.
            BadRequest: if the reason is too long.
        """
        if len(reason.encode()) > 256:
            raise BadRequest("a reason has at most 256 bytes")
        tools = self.tools
        request = await self._ours(request_id)
        with tools.database.transaction():
            tools.protection.begin(f"answer:{request_id}", b"deny")
            tools.journal.record(
                request_id, self.name, "denied", reason, requester=request.requester
            )
        executed = await tools.contract.deny_key(request_id, reason)
        tools.protection.done(f"answer:{request_id}")
        return {"request": request_id, "digest": executed.digest}

    async def _ours(self, request_id: str) -> ob.KeyRequest:
        self.tools.contract.forget(request_id)
        request = await self.tools.contract.request(request_id)
        if request.owner != self.tools.address:
            raise NotAllowed("the request is for another owner's dataset")
        if request.state != RequestState.REQUESTED:
            state = RequestState(request.state).name.lower()
            raise NotAllowed(f"the request was answered before: {state}")
        return request

    async def _key_id(self, dataset: ob.Dataset) -> bytes:
        """Return what our key is derived from: public, and part of the dataset's description."""
        data = await self.tools.store.get(BlobId(dataset.description_blob), MAX_DESCRIPTION_BYTES)
        try:
            return bytes.fromhex(json.loads(data)["key_id"])
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedData(
                f"the description of dataset {dataset.id} does not name its key",
                hint="it was not listed by this version of walrusd",
            ) from error
