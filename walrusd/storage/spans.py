"""Spans of files, read to be sent: nothing is held open between two pieces."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trio

from walrusd.errors import FileTruncated

READ_SIZE = 1 << 20


@dataclass(frozen=True)
class FileSpan:
    """``length`` bytes of the file ``path`` from ``offset`` on."""

    path: Path
    offset: int
    length: int

    @classmethod
    async def of(cls, path: Path) -> Self:
        """Return the span of the whole file ``path`` as it is now."""
        return cls(path, 0, await trio.to_thread.run_sync(os.path.getsize, path))

    def read(self) -> bytes:
        """Return the bytes (blocking).

        Raises:
            FileTruncated: if the file has become shorter.
        """
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(self.length)
        if len(data) != self.length:
            raise FileTruncated(f"{self.path} is shorter than it was")
        return data

    def chunks(self) -> "FileChunks":
        """Return the bytes in pieces, as an asynchronous iterator."""
        return FileChunks(self)


class FileChunks:
    """Reads a span piece by piece. It keeps no file open, so it may be abandoned at any point."""

    def __init__(self, span: FileSpan) -> None:
        self._span = span
        self.left = span.length

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next bytes.

        Raises:
            FileTruncated: if the file has become shorter.
        """
        if self.left == 0:
            raise StopAsyncIteration
        span = self._span
        offset = span.offset + span.length - self.left
        piece = FileSpan(span.path, offset, min(self.left, READ_SIZE))
        data = await trio.to_thread.run_sync(piece.read)
        self.left -= len(data)
        return data
