"""The files that a job reads, compared with what its sender has verified.

A file that is damaged, cut, exchanged or of another form is the fault of a machine or of whoever
wrote the job: ``JobInputUnusable``. It must never pass for a plan that cannot be carried out, which
would be claimed on the chain, or for another result of a segment, which would be a vote.
"""

import hashlib
import json
import mmap
import os
from pathlib import Path

import numpy as np

from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.errors import BadRequest, JobInputUnusable, PeerFault
from walrusd.training.plan.plan import Plan, parse_plan
from walrusd.training.run.data import DatasetRows, PackedRows, RowSource
from walrusd.training.run.jobs import RowsFile, SegmentStart
from walrusd.training.run.state import Tensors, has_state_root
from walrusd.training.run.weights import compute_state_root_0, weights_from_bytes

_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 1 << 20


def read_plan_file(path: str, digest: bytes | None = None) -> Plan:
    """Return the plan in a file, whose digest is ``digest`` if that is given.

    Raises:
        JobInputUnusable: if it has another digest.
        PlanRefused: if it is not a plan.
    """
    data = Path(path).read_bytes()
    if digest is not None and hash_tagged(Tag.PLAN, data) != digest:
        raise JobInputUnusable(f"{path} is not the plan that the task names")
    return parse_plan(data)


def read_weights_file(plan: Plan, path: str, state_root_0: bytes | None = None) -> Tensors:
    """Return the weights in a file; they give ``state_root_0`` if that is given.

    Raises:
        JobInputUnusable: if they give another root.
        MalformedData, NonFiniteValue: if they are not weights of the plan's model, and no root is
            given.
    """
    data = Path(path).read_bytes()
    if state_root_0 is None:
        return weights_from_bytes(plan, data)
    try:
        weights = weights_from_bytes(plan, data)
    except PeerFault as error:
        raise JobInputUnusable(f"{path} is damaged: {error.message}") from error
    if compute_state_root_0(plan, weights) != state_root_0:
        raise JobInputUnusable(f"{path} does not hold the weights that the task names")
    return weights


def read_start_state(plan: Plan, start: SegmentStart) -> bytes:
    """Return the bytes of the state that a segment starts from.

    Raises:
        JobInputUnusable: if they do not have the root that the job names, or the length of a state:
            no segment starts from them then.
    """
    data = Path(start.start_state).read_bytes()
    if len(data) != plan.state_bytes:
        raise JobInputUnusable(f"{start.start_state} does not have the length of a state")
    if start.state_root is not None and not has_state_root(plan, data, start.state_root):
        raise JobInputUnusable(f"{start.start_state} is not the state that the job names")
    return data


class JobRows:
    """The rows of a job: ``source`` reads them from a file that is mapped into memory.

    A file that becomes shorter meanwhile, or a disk that fails, ends the process (SIGBUS); what
    else may happen to the file is found by ``check_unchanged`` and ``verify``.

    Raises:
        JobInputUnusable: if the file is not raw rows of the plan's schema, or not those of the job.
        BadRequest: if a job gives row numbers without the number of all rows.
    """

    def __init__(self, plan: Plan, rows: RowsFile) -> None:
        if rows.indices is not None and rows.count is None:
            raise BadRequest("packed rows need both indices and count")
        self._path, self._digest = rows.path, rows.digest
        with Path(rows.path).open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_size == 0:
                raise JobInputUnusable(f"{rows.path} is empty")
            self._data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self._stamp = _read_stamp(found)
        self._numbers = b"" if rows.indices is None else Path(rows.indices).read_bytes()
        if self._digest is None:
            _refuse_container(rows.path, self._data)
        self.verify()
        try:
            self.source = self._open(plan, rows)
        except PeerFault as error:
            raise JobInputUnusable(
                f"{rows.path} does not hold the rows of the job: {error.message}"
            ) from error

    def _open(self, plan: Plan, rows: RowsFile) -> RowSource:
        if rows.indices is None:
            source = DatasetRows(plan.dataset, self._data)
            if rows.count not in (None, source.count):
                raise JobInputUnusable(
                    f"{rows.path} holds {source.count} rows, and the dataset has {rows.count}"
                )
            return source
        if len(self._numbers) % 8:
            raise JobInputUnusable(
                f"the row numbers have {len(self._numbers)} bytes, not a multiple of 8"
            )
        assert rows.count is not None
        numbers = np.frombuffer(self._numbers, "<u8").astype(np.int64)
        return PackedRows(plan.dataset, rows.count, numbers, self._data)

    def check_unchanged(self) -> None:
        """Check that the file is as it was when it was opened.

        Its bytes are read only if its times differ.

        Raises:
            JobInputUnusable: if somebody has written to it.
        """
        stamp = _read_stamp(Path(self._path).stat())
        if stamp == self._stamp:
            return
        if self._digest is None:
            raise JobInputUnusable(f"{self._path} was changed while it was being read")
        self.verify()
        self._stamp = stamp

    def verify(self) -> None:
        """Check all bytes against the digest of the job, if it has one.

        Raises:
            JobInputUnusable: if they have another digest.
        """
        if self._digest is None:
            return
        found = hashlib.sha256(self._data)
        found.update(self._numbers)
        if found.digest() != self._digest:
            raise JobInputUnusable(f"{self._path} does not hold the rows of the dataset")


def _read_stamp(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _refuse_container(path: str, data: memoryview) -> None:
    """Refuse a safetensors file, which may well be a whole number of rows.

    Raises:
        JobInputUnusable: if the file begins as one does.
    """
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if not 2 <= length <= min(_MAX_HEADER_BYTES, len(data) - _LENGTH_BYTES):
        return
    try:
        header = json.loads(bytes(data[_LENGTH_BYTES : _LENGTH_BYTES + length]))
    except (ValueError, RecursionError):
        return
    if isinstance(header, dict):
        raise JobInputUnusable(
            f"{path} is a safetensors container, not raw rows",
            hint="give the rows alone, without the header; docs/formats/dataset.md has their place",
        )
