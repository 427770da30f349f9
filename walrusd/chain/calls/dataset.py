"""Calls of dataset owners and of requesters of keys."""

from walrusd.chain.calls.base import Caller, frozen
from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.types import ExecutedTransaction


def names_task(request: ob.KeyRequest) -> bool:
    """Return whether a request names a task; zero means none."""
    return int(request.task, 16) != 0


class DatasetCalls(Caller):
    """Module ``dataset``."""

    async def list_dataset(
        self, *, title: bytes, description_blob: int, version: ob.DatasetVersion, once: str
    ) -> ExecutedTransaction:
        """List a dataset with its first version; ``DatasetListed`` in the result names it."""
        market = await self._market_ref()

        def build(p: Ptb) -> None:
            p.call(
                self._target("dataset", "list_dataset"),
                market,
                p.byte_vector(title),
                p.u256(description_blob),
                p.u256(version.blob),
                p.byte_vector(version.manifest_digest),
                p.byte_vector(version.row_root),
                p.u64(version.rows),
                p.u64(version.row_bytes),
                p.byte_vector(version.key_check),
            )

        return await self._send(build, once)

    async def request_key(
        self,
        dataset: str,
        *,
        number: int,
        key: bytes,
        scope: int,
        task: str,
        lifetime_ms: int,
        once: str,
    ) -> ExecutedTransaction:
        """Request a dataset's key; ``KeyRequested`` in the result names the request."""
        market, data = await self._market_ref(), frozen(await self.shared_ref(dataset))

        def build(p: Ptb) -> None:
            p.call(
                self._target("dataset", "request_key"),
                market,
                data,
                p.u64(number),
                p.byte_vector(key),
                p.u8(scope),
                p.address(task),
                p.u64(lifetime_ms),
                p.clock,
            )

        return await self._send(build, once)

    async def grant_key(self, request: ob.KeyRequest, envelope: bytes) -> ExecutedTransaction:
        """Release a dataset's key to a requester, for the task that the request names, if any."""
        market, ref = await self._market_ref(), await self.shared_ref(request.id)
        task = frozen(await self.shared_ref(request.task)) if names_task(request) else None

        def build(p: Ptb) -> None:
            if task is None:
                target = self._target("dataset", "grant_key_alone")
                p.call(target, market, ref, p.byte_vector(envelope), p.clock)
            else:
                target = self._target("dataset", "grant_key")
                p.call(target, market, task, ref, p.byte_vector(envelope), p.clock)

        return await self._send(build, f"answer:{request.id}", request.id)

    async def lapse_key(self, request: ob.KeyRequest) -> ExecutedTransaction:
        """End a request whose task takes no contributors any more."""
        market, ref = await self._market_ref(), await self.shared_ref(request.id)
        task = frozen(await self.shared_ref(request.task))

        def build(p: Ptb) -> None:
            p.call(self._target("dataset", "lapse_key"), market, task, ref, p.clock)

        return await self._send(build, f"lapse_key:{request.id}", request.id)

    async def deny_key(self, request: str, reason: str) -> ExecutedTransaction:
        """Refuse a dataset's key."""
        market, ref = await self._market_ref(), await self.shared_ref(request)

        def build(p: Ptb) -> None:
            p.call(
                self._target("dataset", "deny_key"),
                market,
                ref,
                p.byte_vector(reason.encode()),
                p.clock,
            )

        return await self._send(build, f"answer:{request}", request)
