"""Files: a span to send, and a file that is written atomically.

Data is written to ``.NAME.TAG.part`` in the same directory, flushed to the disk, and renamed: a
crash leaves the old file, or none, and perhaps a part to resume from.
"""

import errno
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trio

from walrusd.errors import FileTruncated

READ_SIZE = 1 << 20
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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


class PartFile:
    """A file of known size under construction. All methods block: call them in threads."""

    def __init__(self, path: Path, tag: str, size: int) -> None:
        """Open or resume the part of ``path``; ``tag`` names the content that it will have."""
        self.path = path
        self.part = path.with_name(f".{path.name}.{tag}.part")
        self.size = size
        self._fd = os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self.resumed = os.fstat(self._fd).st_size == size
            if not self.resumed:
                os.ftruncate(self._fd, size)
        except BaseException:
            self.discard()
            raise

    def read(self, offset: int, length: int) -> bytes:
        """Return the current content; ranges not written yet read as zeros."""
        return os.pread(self._fd, length, offset)

    def write(self, offset: int, data: bytes) -> None:
        """Put ``data`` at ``offset``."""
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._fd, view, offset)
                view, offset = view[written:], offset + written
        except OSError as error:
            if error.errno in _NO_ROOM:
                # The part could be resumed, but it may be what fills the disk.
                self.part.unlink(missing_ok=True)
            raise

    def finish(self) -> None:
        """Flush, close, and rename the part to ``path``."""
        os.fsync(self._fd)
        self.close()
        self.part.replace(self.path)
        sync_directory(self.path.parent)

    def close(self) -> None:
        """Close, and keep the part to be resumed later."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def discard(self) -> None:
        """Close and delete the part."""
        self.close()
        self.part.unlink(missing_ok=True)


def write_atomically(path: Path, *parts: bytes) -> None:
    """Write ``parts`` to ``path``, atomically (blocking)."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            for data in parts:
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Flush a directory, so that a rename in it is durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
