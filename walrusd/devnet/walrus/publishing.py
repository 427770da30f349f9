"""The publisher: ``PUT /v1/blobs`` and ``PUT /v1/quilts``."""

from collections.abc import Sequence
from pathlib import Path

import trio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from walrusd.devnet.walrus import answers
from walrusd.devnet.walrus.multipart import collect_items, parse_form
from walrusd.devnet.walrus.network import BodyTooLarge, Network
from walrusd.devnet.walrus.queries import BadQuery, StoreQuery, parse_store_query
from walrusd.devnet.walrus.receipts import describe_failure, describe_known, describe_new
from walrusd.errors import MalformedData, OurFault
from walrusd.storage.blobid import format_blob_id
from walrusd.storage.codec import compute_encoding
from walrusd.storage.quilt import Patch, assemble_quilt, format_patch_id
from walrusd.units import BlobId

MAX_EPOCHS = 53


class _Refused(Exception):
    """Raised to end a request with ``response``."""

    def __init__(self, response: Response) -> None:
        self.response = response


class Publishing:
    """Handlers of the publisher."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def routes(self) -> list[Route]:
        """Return the publisher's routes."""
        return [
            Route("/v1/blobs", self.put_blob, methods=["PUT"]),
            Route("/v1/quilts", self.put_quilt, methods=["PUT"]),
        ]

    async def put_blob(self, request: Request) -> Response:
        """Store the body as a blob."""
        try:
            query = self._admit(request)
            spooled = await self._spool(request, self._network.max_body)
            result, _ = await self._store(spooled, query)
        except _Refused as refusal:
            return refusal.response
        return await self._answer(result)

    async def put_quilt(self, request: Request) -> Response:
        """Encode the files of a form as a quilt and store it."""
        try:
            query = self._admit(request)
            spooled = await self._spool(request, self._network.max_quilt)
            body = await trio.to_thread.run_sync(spooled.read_bytes)
            spooled.unlink()
            items = collect_items(parse_form(request.headers.get("content-type", ""), body))
            quilt = await trio.to_thread.run_sync(assemble_quilt, items, self._network.store.shards)
            result, blob_id = await self._store(
                await self._network.spool_bytes(quilt.data), query, quilt.patches
            )
        except MalformedData as error:
            message = f"the request is malformed: {error.message}"
            return answers.make_refusal(400, "INVALID_ARGUMENT", "MALFORMED_REQUEST", message)
        except _Refused as refusal:
            return refusal.response
        stored = [
            {
                "identifier": patch.identifier,
                "quiltPatchId": format_patch_id(blob_id, patch),
                "range": [patch.start, patch.end],
            }
            for patch in quilt.patches
        ]
        return await self._answer({"blobStoreResult": result, "storedQuiltBlobs": stored})

    def _admit(self, request: Request) -> StoreQuery:
        if code := self._network.faults.take_status(self._network.faults.store_statuses):
            raise _Refused(answers.injected(code))
        try:
            query = parse_store_query(request)
        except BadQuery as error:
            raise _Refused(answers.refuse_text(400, str(error))) from error
        if query.deletable and query.permanent:
            message = "a blob cannot be both deletable and permanent"
            raise _Refused(
                answers.make_refusal(400, "INVALID_ARGUMENT", "INVALID_BLOB_PERSISTENCE", message)
            )
        if query.share and not query.permanent:
            message = "a shared blob is permanent"
            raise _Refused(
                answers.make_refusal(400, "INVALID_ARGUMENT", "INVALID_BLOB_PERSISTENCE", message)
            )
        if not 1 <= query.epochs <= MAX_EPOCHS:
            message = f"blobs are stored for 1 to {MAX_EPOCHS} epochs"
            raise _Refused(answers.make_refusal(500, "INTERNAL", "INTERNAL_ERROR", message))
        return query

    async def _spool(self, request: Request, limit: int) -> Path:
        try:
            return await self._network.spool(request, limit)
        except BodyTooLarge as error:
            raise _Refused(answers.refuse_text(413, "length limit exceeded")) from error
        except ClientDisconnect as error:
            # The client is gone; this ends the request without a trace in the store.
            raise _Refused(Response(status_code=400)) from error

    async def _store(
        self, spooled: Path, query: StoreQuery, patches: Sequence[Patch] = ()
    ) -> tuple[dict[str, object], BlobId]:
        network = self._network
        try:
            async with network.encoders:
                encoding = await compute_encoding(spooled, network.store.shards)
            name = format_blob_id(encoding.blob_id)
            if network.faults.take("store_errors"):
                message = "could not find WAL coins with sufficient balance"
                raise _Refused(JSONResponse(describe_failure(name, message)))
            blob, is_new = await trio.to_thread.run_sync(
                lambda: network.store.register(
                    spooled,
                    encoding,
                    epochs=query.epochs,
                    permanent=query.permanent,
                    force=query.force,
                    share=query.share,
                    owner=query.owner,
                    patches=patches,
                )
            )
        except OurFault as error:
            raise _Refused(
                JSONResponse(describe_failure("", f"the blob cannot be encoded: {error.message}"))
            ) from error
        finally:
            _forget(spooled)
        if is_new:
            return describe_new(blob, network.store.geometry(blob.size)), blob.blob_id
        return describe_known(blob), blob.blob_id

    async def _answer(self, result: dict[str, object]) -> Response:
        faults = self._network.faults
        if faults.store_delay:
            await trio.sleep(faults.store_delay)
        if faults.take("lost_receipts"):
            return answers.injected(500)
        if faults.take("foreign_receipts"):
            other = {"blobId": "A" * 43, "event": {"txDigest": "", "eventSeq": "0"}, "endEpoch": 1}
            return JSONResponse({"alreadyCertified": other})
        return JSONResponse(result, headers={"access-control-allow-origin": "*"})


def _forget(spooled: Path) -> None:
    spooled.unlink(missing_ok=True)
