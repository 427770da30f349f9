"""The state that all routes share, and the spooling of bodies to disk."""

import secrets
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import trio
from starlette.requests import Request

from walrusd.devnet.walrus.faults import Faults
from walrusd.devnet.walrus.store import BlobObject, BlobStore
from walrusd.files import sync_file, write_atomically
from walrusd.units import BlobId

SPOOL_BUFFER = 1 << 20


class BodyTooLarge(Exception):
    """Raised when a request body exceeds the limit."""


@dataclass
class Network:
    """The state behind one app."""

    store: BlobStore
    faults: Faults
    max_body: int
    max_quilt: int
    encoders: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(2))

    async def find_live(self, blob_id: BlobId) -> BlobObject | None:
        """Return the longest-living object of a blob that can be read now."""
        live = await trio.to_thread.run_sync(self.store.find_live, blob_id)
        if not live or self.faults.take("unspread_reads"):
            return None
        return max(live, key=lambda blob: blob.end_epoch)

    async def spool(self, request: Request, limit: int) -> Path:
        """Write a body to a file, flushed to the disk; nothing is left if that fails.

        Raises:
            BodyTooLarge: if it has more than ``limit`` bytes.
            starlette.requests.ClientDisconnect: if the client went away.
        """
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            raise BodyTooLarge
        path = self.store.spool / secrets.token_hex(16)
        try:
            async with await trio.open_file(path, "xb", buffering=SPOOL_BUFFER) as file:
                left = limit
                async with aclosing(request.stream()) as chunks:
                    async for chunk in chunks:
                        left -= len(chunk)
                        _check_left(left)
                        await file.write(chunk)
                await trio.to_thread.run_sync(sync_file, file.wrapped)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    async def spool_bytes(self, data: bytes) -> Path:
        """Like ``spool``, for a blob made in memory."""
        path = self.store.spool / secrets.token_hex(16)
        await trio.to_thread.run_sync(write_atomically, path, data)
        return path


def _check_left(left: int) -> None:
    if left < 0:
        raise BodyTooLarge
