"""What the training process writes: states and records, each atomically.

A train job writes ``state-NNNNNN.bin`` and then ``segment-NNNNNN.json`` at every segment boundary,
each by write, fsync and rename, so that a killed process resumes after the last finished segment.
At the end it writes ``trace.bin`` and ``costs.bin``, which summarise all segments without their
losses. Nothing in ``training`` outside of ``process`` touches files.
"""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from walrusd.crypto.tags import u64
from walrusd.errors import ConfigError, MalformedData
from walrusd.files import make_directory, write_atomically
from walrusd.training.run.costs import (
    StepCosts,
    compute_step_costs,
    costs_to_bytes,
    digest_step_costs,
)
from walrusd.training.run.jobs import state_name
from walrusd.training.run.state import compute_state_root, has_state_root
from walrusd.training.run.trace import Assignment, SegmentRecord, Trace
from walrusd.training.run.trainer import SegmentResult


def write_trace(workdir: Path, trace: Trace) -> dict[str, Any]:
    """Write the roots of a trace; return their part of the job's result."""
    path = workdir / "trace.bin"
    write_atomically(path, trace.roots.to_bytes())
    return {
        "trace_root": trace.root.hex(),
        "state_root_0": trace.state_root_0.hex(),
        "segments": len(trace.records),
        "states": str(workdir),
        "trace": str(path),
    }


def write_costs(workdir: Path, costs: StepCosts) -> dict[str, Any]:
    """Write the cost of every step; return their part of the job's result."""
    path = workdir / "costs.bin"
    write_atomically(path, costs_to_bytes(costs))
    return {"costs": str(path), "costs_digest": digest_step_costs(costs).hex()}


def _digest_record(record: Any) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


class Checkpoints:
    """The states and records of a run in its working directory.

    ``records`` are those of the finished segments, without their losses; ``last`` is the latest of
    them with its losses, and ``state`` the canonical state after it.
    """

    def __init__(self, assignment: Assignment, workdir: Path, state_0: bytes) -> None:
        self._plan = assignment.plan
        self._workdir = workdir
        self.root_0 = compute_state_root(self._plan, state_0)
        self._binding = hashlib.sha256(
            self._plan.digest()
            + assignment.ctx
            + assignment.seed
            + u64(assignment.slots)
            + self.root_0
        ).hexdigest()
        self.state = state_0
        self.last: SegmentRecord | None = None
        self.records: list[SegmentRecord] = []
        self._costs: list[StepCosts] = []
        make_directory(workdir)
        for leftover in workdir.glob("*.partial"):
            leftover.unlink(missing_ok=True)  # of an earlier version; a state may be large
        write_atomically(self.state_path(0), state_0)

    def state_path(self, segment: int) -> Path:
        """Return the path of the state at the end of ``segment``; 0 is the start."""
        return self._workdir / state_name(segment)

    @property
    def costs(self) -> StepCosts:
        """The cost of every finished step, int64 ``(steps,)`` in units of 2**-32."""
        return np.concatenate(self._costs)

    def _add(self, record: SegmentRecord, state: bytes) -> None:
        self.records.append(dataclasses.replace(record, losses=()))
        self._costs.append(compute_step_costs(record.losses))
        self.last, self.state = record, state

    def _record_path(self, segment: int) -> Path:
        return self._workdir / f"segment-{segment:06d}.json"

    def save(self, result: SegmentResult) -> None:
        """Write a finished segment to disk, its state first."""
        record = result.record
        write_atomically(self.state_path(record.segment), result.state_bytes)
        told = record.to_json()
        document = {"binding": self._binding, "record": told, "digest": _digest_record(told)}
        write_atomically(self._record_path(record.segment), json.dumps(document).encode())
        self._add(record, result.state_bytes)

    def _load(self, segment: int) -> tuple[SegmentRecord, bytes] | None:
        """Return a saved segment, or None if it is missing or damaged, or cannot be read.

        Raises:
            ConfigError: if it belongs to another run.
        """
        try:
            document = json.loads(self._record_path(segment).read_bytes())
            state = self.state_path(segment).read_bytes()
            record = SegmentRecord.from_json(document["record"])
            binding = document["binding"]
            # Earlier versions wrote no digest. Roots can be recomputed, losses cannot.
            digest = document.get("digest")
            damaged = digest is not None and digest != _digest_record(document["record"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError, MalformedData):
            return None
        if binding != self._binding:
            raise ConfigError(
                f"{self._workdir} holds checkpoints of another run",
                hint="give every run its own working directory",
            )
        whole = record.segment == segment and len(record.losses) == self._plan.segment_steps
        if damaged or not whole or not has_state_root(self._plan, state, record.state_root):
            return None
        return record, state

    def resume(self) -> int:
        """Read back the saved segments up to the first gap; return the segment to compute next.

        Raises:
            ConfigError: if the directory holds checkpoints of another run.
        """
        for segment in range(1, self._plan.segments + 1):
            kept = self._load(segment)
            if kept is None:
                return segment
            self._add(*kept)
        return self._plan.segments + 1

    def discard_new(self, first: int) -> None:
        """Remove the segments saved from ``first`` on: what they were made of was not the input."""
        for segment in range(first, len(self.records) + 1):
            self._record_path(segment).unlink(missing_ok=True)
            self.state_path(segment).unlink(missing_ok=True)
