"""The rows of a plaintext dataset file, and their proofs, made in worker processes.

The file is mapped into memory, and never read completely.
"""

import hashlib
import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from walrusd.core.pieces.layouts import OpenedRow, encode_rows
from walrusd.crypto.dataset_rows import compute_row_root, prove_rows
from walrusd.errors import MalformedData
from walrusd.files import new_file
from walrusd.training.plan.dataspec import DataSchema
from walrusd.training.run.data import check_rows


class RowFile:
    """Rows of ``row_bytes`` bytes in a file of our own, which is not truncated while it is open."""

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


def compute_file_row_root(dek: bytes, path: str, row_bytes: int) -> tuple[bytes, int]:
    """Return the salted row root of a plaintext dataset file, and its number of rows.

    Raises:
        MalformedData: if it is not whole rows.
    """
    with RowFile(Path(path), row_bytes) as file:
        return compute_row_root(dek, file), len(file)


def find_rows_digest(
    dek: bytes, path: str, row_bytes: int, rows: int, row_root: bytes
) -> bytes | None:
    """Return the SHA-256 of a file that holds exactly the rows of a salted root, else None.

    The bytes that are hashed are those that are compared with the root.
    """
    digest = hashlib.sha256()

    def pass_on(file: RowFile) -> Iterator[bytes]:
        for row in file:
            digest.update(row)
            yield row

    try:
        with RowFile(Path(path), row_bytes) as file:
            found = compute_row_root(dek, pass_on(file)), len(file)
    except MalformedData:
        return None
    return digest.digest() if found == (row_root, rows) else None


def check_file_rows(path: Path, schema: DataSchema) -> None:
    """Check every row of a file against a plan's schema. Raises as ``check_rows``."""
    with path.open("rb") as file:
        check_rows(schema, memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))


def write_proven_rows(
    dek: bytes, path: str, row_bytes: int, wanted: Mapping[str, Sequence[int]]
) -> None:
    """Write rows of a plaintext dataset file with their proofs, in ascending order.

    ``wanted`` says which rows go into which file. The dataset is read once for all proofs.

    Raises:
        MalformedData: if it is not whole rows.
        IndexError: if it has no such row.
    """
    with RowFile(Path(path), row_bytes) as file:
        indices = sorted({index for some in wanted.values() for index in some})
        _root, found = prove_rows(dek, file, indices)
        proofs = {proof.index: proof for proof in found}
        for target, some in wanted.items():
            rows = (OpenedRow(file[index], proofs[index]) for index in sorted(some))
            with new_file(Path(target)) as written:
                written.writelines(encode_rows(rows, row_bytes))
