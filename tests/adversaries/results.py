"""The files of a training, as a child leaves them: to write without training, and to read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from walrusd.training.process.workdir import write_costs, write_trace
from walrusd.training.run.costs import compute_step_costs
from walrusd.training.run.trace import SegmentRecord, Trace


def write_record(workdir: Path, record: SegmentRecord) -> None:
    """Keep the record of a segment."""
    path = workdir / f"segment-{record.segment:06d}.json"
    path.write_text(json.dumps({"record": record.to_json()}))


def write_run(workdir: Path, root_0: bytes, records: Sequence[SegmentRecord]) -> dict[str, Any]:
    """Write all that describes a run; return the part of its result that says where it is."""
    for record in records:
        write_record(workdir, record)
    costs = np.concatenate([compute_step_costs(record.losses) for record in records])
    return {**write_trace(workdir, Trace(root_0, records)), **write_costs(workdir, costs)}


def read_records(result: dict[str, Any]) -> list[SegmentRecord]:
    """Return the records of a run that a result describes, from its directory."""
    paths = [
        Path(result["states"]) / f"segment-{segment:06d}.json"
        for segment in range(1, result["segments"] + 1)
    ]
    return [SegmentRecord.from_json(json.loads(path.read_bytes())["record"]) for path in paths]


def read_states(result: dict[str, Any]) -> list[bytes]:
    """Return the states of a run that a result describes: of S segments S+1."""
    paths = sorted(Path(result["states"]).glob("state-??????.bin"))
    return [path.read_bytes() for path in paths[: result["segments"] + 1]]
