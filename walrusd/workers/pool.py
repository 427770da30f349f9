"""Heavy cryptography, run in worker processes so that the event loop never waits for it.

Arkworks and big-integer arithmetic hold the interpreter lock: 260 ms of loop delay from a thread
against 11 ms from a process (measured). Arguments and results are plain bytes and integers; the
generators are made once per worker and kept.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_process
import numpy as np
from typing_extensions import TypeVarTuple, Unpack

from walrusd.core.opening import OpenedRow
from walrusd.crypto.dataset_rows import compute_row_root, prove_rows
from walrusd.crypto.pedersen import pedersen, rows
from walrusd.crypto.pedersen.g1 import decode_scalar
from walrusd.crypto.vfile.checks import verify_file
from walrusd.crypto.vfile.scheme_checks import verify_scheme_opening
from walrusd.crypto.vfile.vfile import VerificationFile, open_verification_file
from walrusd.crypto.vfile.writer import write_verification_file
from walrusd.files import new_file
from walrusd.runtime.generators import load_generators
from walrusd.runtime.sources import source_of
from walrusd.workers.row_file import RowFile

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


async def run_heavy(
    function: Callable[[Unpack[Arguments]], Result], *arguments: *Arguments
) -> Result:
    """Run ``function`` in a worker process. Cancelling kills the worker."""
    return await anyio.to_process.run_sync(function, *arguments, cancellable=True)


def commit_update_rows(update: bytes, blindings: list[int]) -> list[bytes]:
    """Return the row commitments of an int32 little-endian update."""
    load_generators()
    return rows.commit_rows(np.frombuffer(update, "<i4").astype(np.int32), blindings)


def prove_cost(context: bytes, cost: int, blinding: int) -> tuple[bytes, bytes]:
    """Return the commitment of a cost, and the proof that its maker can open it."""
    return pedersen.commit(cost, blinding), pedersen.prove_opening(context, cost, blinding)


def check_opened(file: VerificationFile, update: bytes, openings: Sequence[bytes]) -> None:
    """Check that a file's commitments open to an update. Raises as ``verify_scheme_opening``."""
    load_generators()
    verify_scheme_opening(file, np.frombuffer(update, "<i4").astype(np.int32), openings)


def check_aggregate_rows(
    aggregate: bytes,
    weights: list[int],
    files: Sequence[VerificationFile],
    openings: Sequence[bytes],
) -> None:
    """Check a published sum, int64 little-endian. Raises as ``rows.verify_aggregate``.

    ``openings`` are the summed blindings. Of each file only the row commitments are read.
    """
    load_generators()
    vector = np.frombuffer(aggregate, "<i8").astype(np.int64)
    blindings = [decode_scalar(opening) for opening in openings]
    rows.verify_aggregate(vector, weights, [file.row_commitments for file in files], blindings)


def verify_file_at(path: Path, digest: bytes) -> None:
    """Check a verification file. Raises as ``vfile_checks.verify_file``."""
    verify_file(open_verification_file(source_of(path)), expected_digest=digest)


def write_file(path: Path, *arguments: Any, **contents: Any) -> bytes:
    """Write a verification file of mode 0600 to ``path``; return its digest.

    Arguments and errors as ``write_verification_file``, without the target.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with new_file(path, durable=True) as target:
        return write_verification_file(target, *arguments, **contents)


def compute_file_row_root(dek: bytes, path: str, row_bytes: int) -> tuple[bytes, int]:
    """Return the salted row root of a plaintext dataset file, and its number of rows.

    Raises:
        MalformedData: if it is not whole rows.
    """
    with RowFile(Path(path), row_bytes) as file:
        return compute_row_root(dek, file), len(file)


def prove_file_rows(
    dek: bytes, path: str, row_bytes: int, indices: Sequence[int]
) -> list[OpenedRow]:
    """Return rows of a plaintext dataset file with their proofs.

    Raises:
        MalformedData: if it is not whole rows.
        IndexError: if it has no such row.
    """
    with RowFile(Path(path), row_bytes) as file:
        _root, proofs = prove_rows(dek, file, indices)
        return [OpenedRow(file[proof.index], proof) for proof in proofs]
