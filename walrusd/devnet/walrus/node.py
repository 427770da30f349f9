"""The read side of a storage node: metadata, slivers, status."""

import trio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from walrusd.devnet.walrus import answers
from walrusd.devnet.walrus.network import Network
from walrusd.devnet.walrus.receipts import describe_status
from walrusd.errors import MalformedData
from walrusd.storage.blobid import parse_blob_id
from walrusd.storage.redstuff import encode_slivers
from walrusd.units import BlobId

_BINARY = "application/octet-stream"
MAX_SLIVER_BLOB = 64 << 20
"""Larger blobs are not encoded into slivers, which takes six times their size in memory."""

SliverPairs = dict[int, tuple[bytes, bytes]]


class StorageNode:
    """Handlers of one storage node that has every shard."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._turn = trio.Lock()
        self._cut: tuple[BlobId, SliverPairs] | None = None

    def routes(self) -> list[Route]:
        """Return the node's routes."""
        return [
            Route("/v1/blobs/{blob_id}/metadata", self.read_metadata),
            Route("/v1/blobs/{blob_id}/slivers/{pair:int}/{axis}", self.read_sliver),
            Route("/v1/blobs/{blob_id}/status", self.read_status),
        ]

    async def read_metadata(self, request: Request) -> Response:
        """``BlobMetadataWithId`` in BCS."""
        try:
            blob_id = parse_blob_id(request.path_params["blob_id"])
        except MalformedData as error:
            return answers.refuse_text(400, error.message)
        if await self._network.find_live(blob_id) is None:
            return answers.node_not_found("METADATA")
        metadata = await trio.to_thread.run_sync(self._network.store.read_metadata, blob_id)
        if self._network.faults.take("corrupt_metadata"):
            metadata = metadata[:-1] + bytes([metadata[-1] ^ 1])
        return Response(metadata, media_type=_BINARY)

    async def read_sliver(self, request: Request) -> Response:
        """One primary or secondary sliver in BCS."""
        pair, axis = request.path_params["pair"], request.path_params["axis"]
        if axis not in ("primary", "secondary") or pair >= self._network.store.shards:
            return answers.refuse_text(400, "Invalid URL: no such sliver")
        try:
            blob_id = parse_blob_id(request.path_params["blob_id"])
        except MalformedData as error:
            return answers.refuse_text(400, error.message)
        blob = await self._network.find_live(blob_id)
        if blob is None or blob.size > MAX_SLIVER_BLOB:
            return answers.node_not_found("SLIVER")
        slivers = (await self._find_slivers(blob_id))[pair]
        return Response(slivers[axis == "secondary"], media_type=_BINARY)

    async def read_status(self, request: Request) -> Response:
        """Whether the blob exists, and until when."""
        try:
            blob_id = parse_blob_id(request.path_params["blob_id"])
        except MalformedData as error:
            return answers.refuse_text(400, error.message)
        live = await trio.to_thread.run_sync(self._network.store.find_live, blob_id)
        return JSONResponse(describe_status(live))

    async def _find_slivers(self, blob_id: BlobId) -> SliverPairs:
        """Encode again; caches the last blob's slivers, as they are read one by one."""
        store = self._network.store
        async with self._turn:
            if self._cut is None or self._cut[0] != blob_id:
                self._cut = None
                data = await trio.to_thread.run_sync(store.content_path(blob_id).read_bytes)
                pairs = await trio.to_thread.run_sync(encode_slivers, data, store.shards)
                self._cut = (blob_id, dict(pairs))
            return self._cut[1]
