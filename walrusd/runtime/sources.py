"""Files as sources that can be opened repeatedly, also by another process."""

from functools import partial
from pathlib import Path
from typing import BinaryIO

from walrusd.crypto.vfile.vfile import Source


def source_of(path: Path) -> Source:
    """Return a function that opens ``path`` for reading; it can be sent to a worker process."""
    return partial(_open, path)


def _open(path: Path) -> BinaryIO:
    return path.open("rb")
