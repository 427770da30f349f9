"""The aggregator: reads of blobs, byte ranges, and quilt patches."""

import base64
import binascii
import re
from typing import Self

import trio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from walrusd.devnet.walrus import answers
from walrusd.devnet.walrus.faults import Faults
from walrusd.devnet.walrus.network import Network
from walrusd.devnet.walrus.queries import BadQuery, check_read_query, parse_span_query
from walrusd.devnet.walrus.store import BlobObject
from walrusd.errors import MalformedData
from walrusd.storage.blobid import blob_id_from_bytes, format_blob_id, parse_blob_id
from walrusd.storage.quilt import Patch, format_patch_id, read_patch
from walrusd.storage.spans import FileChunks, FileSpan
from walrusd.units import BlobId

_TAG_HEADERS = {
    "content-type",
    "content-encoding",
    "content-disposition",
    "content-language",
    "content-location",
    "link",
}


class Aggregating:
    """Handlers of the aggregator."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def routes(self) -> list[Route]:
        """Return the aggregator's routes. HEAD comes with GET."""
        return [
            Route("/v1/blobs/by-object-id/{object_id}", self.read_by_object),
            Route("/v1/blobs/by-quilt-id/{blob_id}/{identifier:path}", self.read_by_quilt),
            Route("/v1/blobs/by-quilt-patch-id/{patch_id}", self.read_by_patch),
            Route("/v1/quilts/{blob_id}/patches", self.list_patches),
            Route("/v1/blobs/{blob_id}/byte-range", self.read_span),
            Route("/v1alpha/blobs/{blob_id}/stream", self.read_stream),
            Route("/v1/blobs/{blob_id}", self.read_blob),
        ]

    async def read_blob(self, request: Request) -> Response:
        """``GET /v1/blobs/{id}``, whole or one ``Range`` with both ends."""
        try:
            blob_id = parse_blob_id(request.path_params["blob_id"])
        except MalformedData as error:
            return answers.refuse_text(400, f"Invalid URL: {error.message}")
        return await self._read(request, blob_id)

    async def read_by_object(self, request: Request) -> Response:
        """``GET /v1/blobs/by-object-id/{0x…}``."""
        object_id = request.path_params["object_id"].lower()
        blob = await trio.to_thread.run_sync(self._network.store.find_object, object_id)
        if blob is None:
            return answers.blob_not_found()
        return await self._read(request, blob.blob_id)

    async def read_span(self, request: Request) -> Response:
        """``GET /v1/blobs/{id}/byte-range?start=&length=``: status 200."""
        try:
            start, length = parse_span_query(request)
            blob_id = parse_blob_id(request.path_params["blob_id"])
        except BadQuery as error:
            return answers.refuse_text(400, str(error))
        except MalformedData as error:
            return answers.refuse_text(400, f"Invalid URL: {error.message}")
        if length == 0:
            return answers.bad_range(400, "length must be greater than 0")
        blob = await self._network.find_live(blob_id)
        if blob is None:
            return answers.blob_not_found()
        if start + length > blob.size:
            return answers.bad_range(400, "out of bounds")
        etag = f"{format_blob_id(blob_id)}-{start}-{length}"
        return self._send(request, blob, start, length, answers.read_headers(request, etag))

    async def read_stream(self, request: Request) -> Response:
        """``GET /v1alpha/blobs/{id}/stream``."""
        try:
            blob_id = parse_blob_id(request.path_params["blob_id"])
        except MalformedData as error:
            return answers.refuse_text(400, f"Invalid URL: {error.message}")
        blob = await self._network.find_live(blob_id)
        if blob is None:
            return answers.blob_not_found()
        headers = answers.read_headers(request, format_blob_id(blob_id))
        headers["x-walrus-streaming"] = "true"
        return self._send(request, blob, 0, blob.size, headers)

    async def read_by_quilt(self, request: Request) -> Response:
        """``GET /v1/blobs/by-quilt-id/{id}/{identifier}``."""
        identifier = request.path_params["identifier"]
        try:
            quilt_id = parse_blob_id(request.path_params["blob_id"])
        except MalformedData as error:
            return answers.refuse_text(400, f"Invalid URL: {error.message}")
        patches = await trio.to_thread.run_sync(self._network.store.find_patches, quilt_id)
        found = next((patch for patch in patches if patch.identifier == identifier), None)
        return await self._read_patch(request, quilt_id, found)

    async def read_by_patch(self, request: Request) -> Response:
        """``GET /v1/blobs/by-quilt-patch-id/{patchId}``."""
        text = request.path_params["patch_id"]
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            quilt_id = blob_id_from_bytes(raw[:32])
        except (binascii.Error, ValueError, MalformedData):
            return answers.refuse_text(400, "Invalid URL: not a quilt patch id")
        patches = await trio.to_thread.run_sync(self._network.store.find_patches, quilt_id)
        found = next((p for p in patches if format_patch_id(quilt_id, p) == text), None)
        return await self._read_patch(request, quilt_id, found)

    async def list_patches(self, request: Request) -> Response:
        """``GET /v1/quilts/{id}/patches``; snake_case here, as in Walrus."""
        try:
            quilt_id = parse_blob_id(request.path_params["blob_id"])
        except MalformedData as error:
            return answers.refuse_text(400, f"Invalid URL: {error.message}")
        patches = await trio.to_thread.run_sync(self._network.store.find_patches, quilt_id)
        if not patches or await self._network.find_live(quilt_id) is None:
            return answers.blob_not_found()
        return JSONResponse(
            [
                {
                    "identifier": patch.identifier,
                    "patch_id": format_patch_id(quilt_id, patch),
                    "tags": dict(patch.tags),
                }
                for patch in patches
            ]
        )

    async def _read(self, request: Request, blob_id: BlobId) -> Response:
        faults = self._network.faults
        try:
            consistent = check_read_query(request)
        except BadQuery as error:
            return answers.refuse_text(400, str(error))
        if not consistent:
            message = "a consistency check cannot be both strict and skipped"
            return answers.make_refusal(
                400, "INVALID_ARGUMENT", "INVALID_CONSISTENCY_CHECK", message
            )
        if faults.read_delay:
            await trio.sleep(faults.read_delay)
        if code := faults.take_status(faults.read_statuses):
            return answers.injected(code)
        blob = await self._network.find_live(blob_id)
        if blob is None:
            return answers.blob_not_found()
        headers = answers.read_headers(request, format_blob_id(blob_id))
        wanted = request.headers.get("range")
        if wanted is None:
            return self._send(request, blob, 0, blob.size, headers)
        try:
            first, last = _parse_range(wanted, blob.size)
        except ValueError as error:
            return answers.bad_range(416, str(error))
        headers["content-range"] = f"bytes {first}-{last}/{blob.size}"
        return self._send(request, blob, first, last - first + 1, headers)

    def _send(
        self,
        request: Request,
        blob: BlobObject,
        start: int,
        length: int,
        headers: dict[str, str],
    ) -> Response:
        status = 206 if "content-range" in headers else 200
        if request.method == "HEAD":
            return Response(status_code=status, headers={**headers, "content-length": str(length)})
        path = self._network.store.content_path(blob.blob_id)
        body = _spoil(FileSpan(path, start, length).chunks(), self._network.faults)
        length += body.surplus if length else 0
        headers = {**headers, "content-length": str(length)}
        response = StreamingResponse(body, status, headers=headers)
        if "content-type" not in headers and "content-type" in response.headers:
            del response.headers["content-type"]
        return response

    async def _read_patch(
        self, request: Request, quilt_id: BlobId, patch: Patch | None
    ) -> Response:
        if await self._network.find_live(quilt_id) is None:
            return answers.blob_not_found()
        if patch is None:
            message = "no such patch in this quilt"
            return answers.make_refusal(404, "NOT_FOUND", "QUILT_PATCH_NOT_FOUND", message)
        store = self._network.store
        quilt = await trio.to_thread.run_sync(store.content_path(quilt_id).read_bytes)
        content = await trio.to_thread.run_sync(read_patch, quilt, patch, store.shards)
        headers = answers.read_headers(request, format_blob_id(quilt_id))
        headers["x-quilt-patch-identifier"] = patch.identifier
        for key, value in patch.tags.items():
            if key.lower() in _TAG_HEADERS:
                headers[key.lower()] = value
        return Response(content, headers=headers)


def _parse_range(header: str, size: int) -> tuple[int, int]:
    """Return the first and last byte; Walrus supports no open ends and none beyond the blob."""
    found = re.fullmatch(r"bytes=(\d{0,19})-(\d{0,19})", header.strip(), re.ASCII)
    if not found:
        raise ValueError("only one range per request")
    if not found[1] or not found[2]:
        raise ValueError("both ends must be given")
    first, last = int(found[1]), int(found[2])
    if first > last or last >= size:
        raise ValueError(f"{first}-{last} is not within a blob of {size} bytes")
    return first, last


class _Body:
    """The chunks of a body, corrupted on demand; ``surplus`` bytes are added at the end, or cut."""

    def __init__(self, source: FileChunks, *, flip: bool = False, surplus: int = 0) -> None:
        self._source = source
        self._flip = flip
        self.surplus = surplus

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._source)
        if self._flip:
            self._flip = False
            chunk = bytes([chunk[0] ^ 1]) + chunk[1:]
        if self._source.left == 0:
            chunk = chunk[: self.surplus] if self.surplus < 0 else chunk + bytes(self.surplus)
        return chunk


def _spoil(source: FileChunks, faults: Faults) -> _Body:
    if faults.take("corrupt_reads"):
        return _Body(source, flip=True)
    if faults.take("short_reads"):
        return _Body(source, surplus=-1)
    return _Body(source, surplus=int(faults.take("long_reads")))
