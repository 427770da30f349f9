"""Stores blobs without paying twice.

The id is computed here first; the publisher's receipt must match it. The ledger records each upload
before it is sent. If no answer arrives, the storage nodes are asked whether the blob arrived before
it is sent, and paid for, again.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from walrusd.errors import (
    BlobOverLimit,
    MalformedData,
    StorageUnreachable,
    StoreRefused,
    WalrusdError,
)
from walrusd.settings.model import DEFAULT_MAX_BLOB
from walrusd.storage.blobid import format_blob_id
from walrusd.storage.classify import AnswerKind
from walrusd.storage.codec import Encoding, compute_encoding
from walrusd.storage.exchange import Endpoint, EndpointFailure
from walrusd.storage.failover import ask_in_turn
from walrusd.storage.geometry import check_blob_size
from walrusd.storage.http import EndpointPool
from walrusd.storage.ledger import StoredBlob, UploadLedger
from walrusd.storage.receipt import MAX_RECEIPT, BlobStatus, parse_receipt, parse_status
from walrusd.storage.spans import FileSpan
from walrusd.units import Address, BlobId

DEFAULT_EPOCHS = 5
PUT_ROUNDS = 3
STATUS_CHECKS = 3


class BlobPublisher:
    """Stores through ``publishers``; new objects go to ``owner``, who can then renew them."""

    def __init__(
        self,
        publishers: EndpointPool,
        nodes: EndpointPool,
        shards: int,
        ledger: UploadLedger,
        owner: Address | None = None,
        *,
        max_blob: int = DEFAULT_MAX_BLOB,
    ) -> None:
        self._publishers = publishers
        self._max_blob = max_blob
        self._nodes = nodes
        self._shards = shards
        self._ledger = ledger
        self._owner = owner
        self._busy: dict[BlobId, trio.Event] = {}

    async def put_blob(
        self,
        source: bytes | Path | FileSpan,
        *,
        epochs: int = DEFAULT_EPOCHS,
        permanent: bool = True,
        min_end_epoch: int | None = None,
        try_anyway: bool = False,
    ) -> StoredBlob:
        """Store ``source`` for ``epochs`` Walrus epochs, counted from the current one.

        With ``min_end_epoch``, a permanent blob that the ledger knows to live that long is not sent
        again. Only permanent blobs are found again after an interrupted upload, as deletable ones
        (``permanent=False``) may be another owner's. With ``try_anyway``, the settings' limit is
        ignored, as the publishers may accept more. Cancelled, the upload stays in the ledger as
        open, and the next call asks the network first.

        Raises:
            StoreRefused: if a publisher refuses, sends a wrong receipt, or cannot pay.
            BlobOverLimit: if the blob is too large for the network or the publishers; nothing is
                sent if that is known before.
            StorageUnreachable: if no publisher answers; the upload can be tried again.
            EncoderFailed: if the blob could not be encoded; it can be tried again.
            FileTruncated: if the file became shorter during the upload.
            OSError: if the file cannot be read.
        """
        if epochs < 1:
            raise StoreRefused(
                "a blob cannot be stored for less than an epoch", hint="use epochs ≥ 1"
            )
        if isinstance(source, Path):
            source = await FileSpan.of(source)
        size = len(source) if isinstance(source, bytes) else source.length
        check_blob_size(size, self._shards)
        if not try_anyway:
            self._check_size(size)
        encoding = await compute_encoding(source, self._shards)
        async with self._alone(encoding.blob_id):
            known = self._ledger.find(encoding.blob_id)
            if known and known.permanent and permanent:
                if known.stored is None:
                    found = await self._find_permanent(encoding, min_end_epoch or 0)
                    if found:
                        return found
                elif min_end_epoch is not None and known.stored.end_epoch >= min_end_epoch:
                    return known.stored
            upload = _Upload(encoding, source, epochs, permanent, min_end_epoch or 0)
            upload.uncertain = known is not None and known.stored is None
            return await self._store(upload)

    def _check_size(self, size: int) -> None:
        if size > self._max_blob:
            raise BlobOverLimit(
                f"a blob of {size:,} bytes is larger than the {self._max_blob:,} that the "
                "publishers accept (walrus.max_blob_bytes)",
                size=size,
                limit=self._max_blob,
            )

    async def find_status(self, blob_id: BlobId) -> BlobStatus | None:
        """Return the storage nodes' status of a blob; None if it does not exist.

        Raises:
            StorageUnreachable: if no node answers, or none is configured.
        """

        async def attempt(endpoint: Endpoint) -> BlobStatus | None:
            path = f"/v1/blobs/{format_blob_id(blob_id)}/status"
            reply = await self._nodes.request(endpoint, "GET", path, max_bytes=MAX_RECEIPT)
            try:
                return parse_status(reply.body)
            except MalformedData as error:
                raise EndpointFailure(
                    AnswerKind.BAD_REQUEST, endpoint.url, error.message
                ) from error

        return await ask_in_turn(self._nodes, attempt, what="blob status", rounds=2)

    async def _store(self, upload: "_Upload") -> StoredBlob:
        for round_ in range(PUT_ROUNDS):
            for endpoint in upload.order(self._publishers.ranked()):
                stored = await self._attempt(upload, endpoint)
                if stored is not None:
                    return stored
                if upload.doubtful is endpoint:
                    # Only this publisher can resume its own unfinished registration.
                    break
            if all(e.url in upload.given_up for e in self._publishers.ranked()):
                break
            if round_ + 1 < PUT_ROUNDS:
                await trio.sleep(self._publishers.policy.delay(round_))
        story = "; ".join(upload.story) or "no publisher is configured"
        message = f"cannot store blob {format_blob_id(upload.encoding.blob_id)}: {story}"
        refusals = upload.refusals
        all_refuse = all(e.url in upload.given_up for e in self._publishers.ranked())
        if refusals and all_refuse and all(isinstance(r, BlobOverLimit) for r in refusals):
            raise BlobOverLimit(
                message, hint=refusals[-1].hint, size=upload.encoding.size
            ) from refusals[-1]
        if refusals:
            raise StoreRefused(message, hint=refusals[-1].hint) from refusals[-1]
        raise StorageUnreachable(message)

    async def _attempt(self, upload: "_Upload", endpoint: Endpoint) -> StoredBlob | None:
        """Send the blob once; return None if it was not stored, with the reason in ``upload``."""
        encoding = upload.encoding
        if not endpoint.takes(encoding.size):
            upload.refuse(endpoint, BlobOverLimit("too large for this publisher"))
            return None
        self._ledger.note_start(
            encoding.blob_id,
            size=encoding.size,
            permanent=upload.permanent,
            publisher=endpoint.url,
        )
        try:
            reply = await self._publishers.request(
                endpoint,
                "PUT",
                "/v1/blobs",
                params=upload.query(self._owner),
                content=upload.source,
                max_bytes=MAX_RECEIPT,
            )
            stored = parse_receipt(
                reply.body, encoding.blob_id, encoding.size, permanent=upload.permanent
            )
        except EndpointFailure as failure:
            return await self._handle_failure(upload, endpoint, failure)
        except StoreRefused as refusal:
            upload.refuse(endpoint, refusal)
            return None
        except MalformedData as error:
            self._publishers.quarantine(endpoint)
            upload.refuse(endpoint, StoreRefused(error.message, hint="use another publisher"))
            return await self._await_arrival(upload)
        return self._ledger.note_stored(stored)

    async def _handle_failure(
        self, upload: "_Upload", endpoint: Endpoint, failure: EndpointFailure
    ) -> StoredBlob | None:
        if failure.outcome in (AnswerKind.INTERRUPTED, AnswerKind.UNAVAILABLE):
            upload.doubt(endpoint, failure)
            return await self._await_arrival(upload)
        if failure.outcome.may_pass:
            upload.story.append(str(failure))
            return None
        if failure.outcome is AnswerKind.TOO_LARGE:
            endpoint.record_too_large(upload.encoding.size, self._publishers.policy.quarantine)
            upload.refuse(endpoint, BlobOverLimit(str(failure)))
        else:
            upload.refuse(endpoint, StoreRefused(str(failure), hint=_HINTS.get(failure.outcome)))
        return None

    async def _await_arrival(self, upload: "_Upload") -> StoredBlob | None:
        """Ask for a while whether the blob arrived: the publisher may still be storing it."""
        if not upload.permanent or not self._nodes:
            return None
        for check in range(STATUS_CHECKS):
            found = await self._find_permanent(upload.encoding, upload.min_end_epoch)
            if found:
                return found
            await trio.sleep(self._publishers.policy.delay(check))
        return None

    async def _find_permanent(self, encoding: Encoding, min_end_epoch: int) -> StoredBlob | None:
        if not self._nodes:
            return None
        try:
            status = await self.find_status(encoding.blob_id)
        except WalrusdError:
            # Unknown is acceptable here: the publisher itself checks before it pays.
            return None
        if status is None or not status.certified or status.end_epoch is None:
            return None
        if status.end_epoch < min_end_epoch:
            return None
        stored = StoredBlob(encoding.blob_id, encoding.size, status.end_epoch, None)
        return self._ledger.note_stored(stored)

    @asynccontextmanager
    async def _alone(self, blob_id: BlobId) -> AsyncIterator[None]:
        """Let only one task at a time store a blob: two would both be charged."""
        while blob_id in self._busy:
            await self._busy[blob_id].wait()
        done = self._busy[blob_id] = trio.Event()
        try:
            yield
        finally:
            del self._busy[blob_id]
            done.set()


_HINTS = {
    AnswerKind.AUTH_REJECTED: "this publisher requires a token or a payment; use another",
}


class _Upload:
    """The upload of one blob, over all attempts."""

    def __init__(
        self,
        encoding: Encoding,
        source: bytes | FileSpan,
        epochs: int,
        permanent: bool,
        min_end_epoch: int,
    ) -> None:
        self.encoding = encoding
        self.source = source
        self.epochs = epochs
        self.permanent = permanent
        self.min_end_epoch = min_end_epoch
        self.uncertain = False
        self.doubtful: Endpoint | None = None
        self.given_up: set[str] = set()
        self.story: list[str] = []
        self.refusals: list[StoreRefused] = []

    def query(self, owner: Address | None) -> dict[str, str]:
        query = {"epochs": str(self.epochs)}
        if self.permanent:
            query["permanent"] = "true"
        if owner:
            query["send_object_to"] = owner
        if self.uncertain:
            query["reuse_resources"] = "true"
        return query

    def order(self, ranked: list[Endpoint]) -> list[Endpoint]:
        left = [endpoint for endpoint in ranked if endpoint.url not in self.given_up]
        return sorted(left, key=lambda endpoint: endpoint is not self.doubtful)

    def doubt(self, endpoint: Endpoint, failure: EndpointFailure) -> None:
        if self.doubtful is endpoint:
            # Twice without an answer: the next round may ask another publisher.
            self.doubtful = None
        else:
            self.doubtful = endpoint
        self.uncertain = True
        self.story.append(str(failure))

    def refuse(self, endpoint: Endpoint, refusal: StoreRefused) -> None:
        self.given_up.add(endpoint.url)
        self.story.append(f"{endpoint.url}: {refusal.message}")
        self.refusals.append(refusal)
