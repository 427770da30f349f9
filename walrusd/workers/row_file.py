"""The rows of a plaintext dataset file, mapped into memory: never read as a whole."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from walrusd.errors import MalformedData


class RowFile:
    """Rows of ``row_bytes`` bytes in a file of our own, which nobody cuts while it is open."""

    def __init__(self, path: Path, row_bytes: int) -> None:
        """Map the file.

        Raises:
            MalformedData: if it is not whole rows, or empty.
            OSError: if it cannot be read.
        """
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not size or size % row_bytes:
                raise MalformedData(f"{size} bytes are not whole rows of {row_bytes} bytes")
            self._data = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        self._width = row_bytes
        self._count = size // row_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_details: object) -> None:
        self._data.close()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> bytes:
        """Return one row. Raises IndexError if there is none."""
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._data[index * self._width : (index + 1) * self._width]

    def __iter__(self) -> Iterator[bytes]:
        return map(self.__getitem__, range(self._count))
