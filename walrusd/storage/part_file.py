"""A file of known size that is downloaded piece by piece, and resumed where it was interrupted.

It is collected in a neighbour, ``.NAME.TAG.part``, which takes the name of the file once it is
complete and on the disk.
"""

import errno
import os
from pathlib import Path

from walrusd.files import move_durably, name_part

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class PartFile:
    """A file of known size under construction. All methods block: call them in threads."""

    def __init__(self, path: Path, tag: str, size: int) -> None:
        """Open or resume the part of ``path``; ``tag`` names the content that it will have."""
        self.path = path
        self.part = name_part(path, tag)
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
        move_durably(self.part, self.path)

    def close(self) -> None:
        """Close, and keep the part to be resumed later."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def discard(self) -> None:
        """Close and delete the part."""
        self.close()
        self.part.unlink(missing_ok=True)
