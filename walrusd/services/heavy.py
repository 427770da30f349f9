"""Heavy cryptography, run in worker processes so that the event loop never waits for it.

Arkworks and big-integer arithmetic hold the interpreter lock: 260 ms of loop delay from a thread
against 11 ms from a process (measured). Arguments and results are plain bytes and integers; the
generators are made once per worker and kept.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TypeVar

import anyio.to_process
import numpy as np
from typing_extensions import TypeVarTuple, Unpack

from walrusd.core.opening import OpenedRow
from walrusd.crypto import rows
from walrusd.crypto.dataset_rows import RowTree
from walrusd.crypto.g1 import GENERATORS
from walrusd.crypto.vfile_checks import verify_verification_file
from walrusd.errors import MalformedData

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


async def run_heavy(
    function: Callable[[Unpack[Arguments]], Result], *arguments: *Arguments
) -> Result:
    """Run ``function`` in a worker process. Cancelling kills the worker."""
    return await anyio.to_process.run_sync(function, *arguments, cancellable=True)


@cache
def _load_generators() -> None:
    """Take the generators from the package: 20 ms instead of 1.5 s for each worker process.

    The file is checked against its pinned digest; a test makes it anew.
    """
    GENERATORS.load_cache(resources.files("walrusd.crypto").joinpath("generators.bin").read_bytes())


def commit_update(update: bytes, blindings: list[int]) -> list[bytes]:
    """Return the row commitments of an int32 little-endian update."""
    _load_generators()
    return rows.commit_rows(np.frombuffer(update, "<i4").astype(np.int32), blindings)


def check_update_rows(update: bytes, blindings: list[int], commitments: list[bytes]) -> None:
    """Check that row commitments open to an update. Raises as ``rows.verify_rows``."""
    _load_generators()
    rows.verify_rows(np.frombuffer(update, "<i4").astype(np.int32), blindings, commitments)


def check_aggregate_rows(
    aggregate: bytes, weights: list[int], commitments: list[list[bytes]], blindings: list[int]
) -> None:
    """Check a published sum, int64 little-endian. Raises as ``rows.verify_aggregate``."""
    _load_generators()
    vector = np.frombuffer(aggregate, "<i8").astype(np.int64)
    rows.verify_aggregate(vector, weights, commitments, blindings)


def check_file(data: bytes, digest: bytes) -> None:
    """Check a verification file. Raises as ``vfile_checks.verify_verification_file``."""
    verify_verification_file(data, expected_digest=digest)


def _read_rows(path: str, row_bytes: int) -> list[bytes]:
    data = Path(path).read_bytes()
    if not data or len(data) % row_bytes:
        raise MalformedData(f"{len(data)} bytes are not whole rows of {row_bytes} bytes")
    return [data[i : i + row_bytes] for i in range(0, len(data), row_bytes)]


def compute_file_row_root(dek: bytes, path: str, row_bytes: int) -> tuple[bytes, int]:
    """Return the salted row root of a plaintext dataset file, and its number of rows."""
    table = _read_rows(path, row_bytes)
    return RowTree(dek, table).root, len(table)


def prove_file_rows(
    dek: bytes, path: str, row_bytes: int, indices: Sequence[int]
) -> list[OpenedRow]:
    """Return rows of a plaintext dataset file with their proofs."""
    table = _read_rows(path, row_bytes)
    tree = RowTree(dek, table)
    return [OpenedRow(table[index], tree.proof(index)) for index in indices]
