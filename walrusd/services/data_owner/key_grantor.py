"""Answer requests for our datasets' keys; none is released without the owner's approval."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from walrusd.chain.calls.dataset import names_task
from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.refusals import NOT_EXECUTED
from walrusd.chain.values.types import ExecutedTransaction
from walrusd.core.duties import Duty, Party, list_request_duties
from walrusd.core.key_requests import NO_TASK, AskedTask, find_closing_reason
from walrusd.core.lifecycle import RequestState, TaskPhase, is_final, is_unanswered
from walrusd.core.secrets import derive_dataset_key
from walrusd.crypto.envelope import check_public_key, seal_key
from walrusd.crypto.stream import verify_key_check
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.errors import MalformedData, NotAllowed
from walrusd.market.keys import make_grant_info
from walrusd.market.public_text import check_public_text
from walrusd.state.protection import Begun
from walrusd.units import BlobId, Millis

MAX_DESCRIPTION_BYTES = 1 << 16
MAX_REASON_BYTES = 256
FORGET_AFTER_MS = 24 * 3600 * 1000


class KeyGrantor(Service):
    """Grants to requesters on the owner's list; the others wait for the owner's answer.

    A key that could no longer be used is not granted, not even to those on the list.
    """

    name = "key_grantor"

    async def list_due(self) -> Attempts:
        """Grant what the owner approved beforehand."""
        for request in await self.requests():
            self._forget_if_ended(request)
        for request in await self.pending():
            if request.requester in self.tools.settings.dataset_owner.auto_approve:
                reason = "the requester is on the owner's list"
                yield Attempt(request.id, partial(self.approve, request.id, reason))

    def _forget_if_ended(self, request: ob.KeyRequest) -> None:
        """Stop following a request that can no longer be answered."""
        if request.expires_ms + FORGET_AFTER_MS < self.tools.clock.now_ms():
            self.tools.chain_log.mark_ended(request.id)

    async def requests(self, *, with_ended: bool = False) -> list[ob.KeyRequest]:
        """Return known requests to us and by us, with the ended ones on demand."""
        known = self.tools.chain_log.known("request", with_ended=with_ended)
        found = await self.tools.contract.read_many(ob.KeyRequest, [k.id for k in known])
        return [r for r in found.values() if self.tools.address in {r.owner, r.requester}]

    async def pending(self) -> list[ob.KeyRequest]:
        """Return the requests that wait for our answer and whose grant could be used."""
        unanswered = [
            request
            for request in await self.requests()
            if request.owner == self.tools.address
            and Duty.ANSWER in list_request_duties(Party.DATA_OWNER, request.state)
        ]
        closed = await self.find_closed(unanswered)
        return [request for request in unanswered if request.id not in closed]

    async def find_closed(self, requests: Sequence[ob.KeyRequest]) -> dict[str, str]:
        """Return, by request id, why grants of unanswered requests could no longer be used."""
        contract, now = self.tools.contract, self.tools.clock.now_ms()
        asked = [r for r in requests if is_unanswered(r.state)]
        tasks = await contract.read_many(
            ob.Task, dict.fromkeys(r.task for r in asked if names_task(r))
        )
        entries = [
            entry.submission
            for request in asked
            if (entry := _entry(tasks.get(request.task), request)) is not None
        ]
        works = await contract.read_many(ob.Submission, entries)
        closed: dict[str, str] = {}
        for request in asked:
            found = tasks.get(request.task)
            task = None if found is None else _describe(found, request, works)
            if not names_task(request):
                task = NO_TASK
            why = find_closing_reason(task, Millis(request.expires_ms), now)
            if why is not None:
                closed[request.id] = why
        return closed

    async def approve(self, request_id: str, reason: str) -> dict[str, str]:
        """Encrypt the dataset's key to the requester and post the grant.

        Raises:
            NotAllowed: if the request is not to us, is answered already, or cannot be used.
            MalformedData: if the requester's encryption key is unusable.
        """
        tools = self.tools
        request = await self._ours(request_id)
        await self._check_open(request)
        check_public_key(request.key)
        dataset = await tools.contract.dataset(request.dataset)
        version = dataset.versions[request.number - 1]
        dek = derive_dataset_key(tools.keys, await self._key_id(dataset))
        # A grant of a wrong key would cost the contributor time: check before encrypting.
        verify_key_check(dek, version.row_root, version.key_check)
        info = make_grant_info(await tools.contract.market(), request)
        envelope = seal_key(request.key, dek, info)
        # Check again after all these reads: a released key cannot be taken back.
        await self._check_open(request)

        async def grant() -> ExecutedTransaction:
            return await tools.contract.grant_key(request, envelope)

        return await self._answer(request, "grant", reason, grant)

    async def deny(self, request_id: str, reason: str) -> dict[str, str]:
        """Post a refusal.

        Raises:
            NotAllowed: if the request is not to us, or is answered already.
            BadRequest: if the reason is too long.
        """
        check_public_text(reason, "a reason", MAX_REASON_BYTES)
        tools = self.tools
        request = await self._ours(request_id)

        async def refuse() -> ExecutedTransaction:
            return await tools.contract.deny_key(request_id, reason)

        return await self._answer(request, "deny", reason, refuse)

    async def _answer(
        self,
        request: ob.KeyRequest,
        answer: str,
        reason: str,
        send: Callable[[], Awaitable[ExecutedTransaction]],
    ) -> dict[str, str]:
        tools, action = self.tools, f"answer:{request.id}"
        with tools.database.transaction():
            if tools.protection.begin(action, answer.encode()) is Begun.FRESH:
                decision = {"grant": "granted", "deny": "denied"}[answer]
                tools.journal.record(
                    request.id, self.name, decision, reason, requester=request.requester
                )
        try:
            executed = await send()
        except NOT_EXECUTED:
            # Certainly not answered, so the owner may still give another answer.
            tools.protection.forget(action)
            raise
        tools.protection.done(action)
        return {"request": request.id, "digest": executed.digest}

    async def _ours(self, request_id: str) -> ob.KeyRequest:
        self.tools.contract.forget(request_id)
        request = await self.tools.contract.request(request_id)
        if request.owner != self.tools.address:
            raise NotAllowed("the request is for another owner's dataset")
        if not is_unanswered(request.state):
            state = RequestState(request.state).name.lower()
            raise NotAllowed(f"the request was answered before: {state}")
        return request

    async def _check_open(self, request: ob.KeyRequest) -> None:
        """Check, with the task as it is now, that a grant could be used."""
        self.tools.contract.forget(request.task)
        why = (await self.find_closed([request])).get(request.id)
        if why is not None:
            raise NotAllowed(
                f"the key of request {request.id} is not granted: {why}",
                hint="the requester can no longer use it; nothing needs to be done",
                closed=why,
            )

    async def _key_id(self, dataset: ob.Dataset) -> bytes:
        """Return the public id that our key is derived from, in the dataset's description."""
        data = await self.tools.store.get(BlobId(dataset.description_blob), MAX_DESCRIPTION_BYTES)
        try:
            return bytes.fromhex(json.loads(data)["key_id"])
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedData(
                f"the description of dataset {dataset.id} does not name its key",
                hint="it was not listed by this version of walrusd",
            ) from error


def _entry(task: ob.Task | None, request: ob.KeyRequest) -> ob.Entry | None:
    """Return the requester's entry in a task, if it has joined."""
    entries = () if task is None else task.entries
    return next((entry for entry in entries if entry.contributor == request.requester), None)


def _describe(
    task: ob.Task, request: ob.KeyRequest, works: Mapping[str, ob.Submission]
) -> AskedTask:
    entry = _entry(task, request)
    work = None if entry is None else works.get(entry.submission)
    return AskedTask(
        phase=TaskPhase(task.phase),
        phase_ms=Millis(task.phase_ms),
        join_ms=Millis(task.terms.join_ms),
        places_left=task.terms.max_submissions - len(task.entries),
        approves=ob.DatasetRef(request.dataset, request.number) in task.datasets,
        has_joined=entry is not None,
        has_ended=work is not None and is_final(work.state),
        uses_another=work is not None
        and (work.dataset, work.dataset_version) != (request.dataset, request.number),
    )
