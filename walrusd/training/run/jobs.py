"""Jobs of the training process: what the daemon writes to its stdin and reads from its stdout.

The daemon sends one line of JSON, ``job_to_json(job)``, and reads one JSON object per line, each
with a single key:

* ``progress``: ``{segment, step, steps, loss, rate, eta_seconds}``, a few times a second;
* ``segment``: what ``SegmentRecord.summarize`` returns, with ``loss``, the mean for display;
* ``result``: what the job kind documents; the exit code is 0;
* ``error``: ``{code, message, hint, …}``; the exit code is 3;
* ``stopped``: ``{segment, step}`` after SIGTERM, the last step done; the exit code is 4.

Lines do not grow with the plan: they hold roots, digests, counters and paths. Losses and lists of
segments stay in files of the working directory (``process/workdir.py``).

All paths are absolute. Digests are lower-case hexadecimal. No torch here.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from walrusd.errors import BadRequest

EXIT_ERROR = 3
EXIT_STOPPED = 4


@dataclass(frozen=True)
class JobLimits:
    """Threads and resource limits of the process; ``None`` leaves a limit as it is.

    ``threads`` 0 means one per core. ``memory_bytes`` bounds the address space, ``cpu_seconds`` the
    processor time.
    """

    threads: int = 1
    memory_bytes: int | None = None
    cpu_seconds: int | None = None


@dataclass(frozen=True)
class RowsFile:
    """Raw rows in a file, one after the other and nothing else: a whole dataset, or some rows.

    A container (docs/formats/dataset.md) is no such file. For some rows ``indices`` is a file of
    their numbers, u64 little-endian, ascending. ``count`` are the rows of the whole dataset; with
    ``indices`` it is required.

    ``digest`` is the SHA-256 of the rows' bytes, followed by those of ``indices``. The daemon takes
    it while it compares the rows with the dataset's root, so that an abort because of a bad row is
    about the dataset and not about a file. Without it, the caller vouches for the file.
    """

    path: str
    indices: str | None = None
    count: int | None = None
    digest: bytes | None = None


@dataclass(frozen=True)
class SegmentStart:
    """A segment to replay, and the file of the canonical state it starts from, with its root."""

    segment: int
    start_state: str
    state_root: bytes | None = None


@dataclass(frozen=True)
class TrainJob:
    """Train a whole plan, resuming from the checkpoints in ``workdir``.

    Result: ``{trace_root, state_root_0, segments, states, trace, costs, costs_digest, weights,
    update, cost, loss}``: ``segments`` their number, ``states`` the directory of the S+1 states
    (``state_name``), ``trace`` the path of the ``TraceRoots``, ``costs`` that of the cost of every
    step (int64 little-endian) with their ``digest_step_costs``, ``weights`` the path of W_S
    (safetensors), ``update`` the path of V (int32 little-endian), ``cost`` an integer.

    A plan that cannot be carried out gives ``{trace_root, state_root_0, segments, states, trace,
    abort}`` instead: trace and states up to the segment that aborts, which is the last. ``abort``
    is ``{segment, step, code, message}`` with a code of ``aborts.py``.

    ``plan_digest`` and ``state_root_0`` are those that the task names: with them a file that is
    not the task's is an error of the job. ``ReplayJob`` has them too.
    """

    kind: ClassVar[str] = "train"
    plan: str
    workdir: str
    weights: str
    rows: RowsFile
    ctx: bytes
    seed: bytes
    slots: int
    limits: JobLimits = JobLimits()
    plan_digest: bytes | None = None
    state_root_0: bytes | None = None


@dataclass(frozen=True)
class ReplayJob:
    """Replay segments.

    ``weights`` is the task's weights file: a plan with adapters needs it, and without it the last
    segment is not checked for an update that does not fit its bits.

    Each segment gives a ``segment`` line, in the order asked. One that cannot be carried out has an
    ``abort`` in its line, as for ``TrainJob``: that is a finding too. Result: ``{segments}``, their
    number.
    """

    kind: ClassVar[str] = "replay"
    plan: str
    rows: RowsFile
    ctx: bytes
    seed: bytes
    slots: int
    segments: tuple[SegmentStart, ...]
    weights: str | None = None
    limits: JobLimits = JobLimits()
    plan_digest: bytes | None = None
    state_root_0: bytes | None = None


@dataclass(frozen=True)
class EvaluateJob:
    """Run rows through the model. Result: ``{correct, places, rows, accuracy, loss}``.

    The fields are those of ``Evaluation``.
    """

    kind: ClassVar[str] = "evaluate"
    plan: str
    weights: str
    rows: RowsFile
    limits: JobLimits = JobLimits()


@dataclass(frozen=True)
class InitJob:
    """Make the initial weights of a plan in ``workdir``. Result: ``{weights, state_root_0}``."""

    kind: ClassVar[str] = "init"
    plan: str
    workdir: str
    limits: JobLimits = JobLimits()


@dataclass(frozen=True)
class AggregateJob:
    """Apply a weighted sum of updates (int64 little-endian, flat) to weights.

    Result: ``{weights, state_root_0}``: the new weights, and the root a next round starts from.
    """

    kind: ClassVar[str] = "aggregate"
    plan: str
    workdir: str
    weights: str
    weighted_sum: str
    total_weight: int
    limits: JobLimits = JobLimits()


@dataclass(frozen=True)
class SelftestJob:
    """Run the selftest of the machine. Result: ``{capability, threads, torch, hashes}``."""

    kind: ClassVar[str] = "selftest"
    limits: JobLimits = JobLimits()


@dataclass(frozen=True)
class BenchmarkJob:
    """Train a made-up segment again and again, for about ``seconds``. Result: ``{rate}``.

    ``rate`` is in units of segment work a second, the whole machine's with these threads.
    """

    kind: ClassVar[str] = "benchmark"
    seconds: int = 3
    limits: JobLimits = JobLimits()


def state_name(boundary: int) -> str:
    """Return the name of the state at the end of segment ``boundary``; 0 is the start."""
    return f"state-{boundary:06d}.bin"


Job = TrainJob | ReplayJob | EvaluateJob | InitJob | AggregateJob | SelftestJob | BenchmarkJob

_KINDS: dict[str, type[Job]] = {
    cls.kind: cls
    for cls in (
        TrainJob,
        ReplayJob,
        EvaluateJob,
        InitJob,
        AggregateJob,
        SelftestJob,
        BenchmarkJob,
    )
}


def _encode(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if dataclasses.is_dataclass(value):
        return {f.name: _encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return [_encode(item) for item in value] if isinstance(value, tuple) else value


def job_to_json(job: Job) -> str:
    """Return the JSON line that starts ``job``."""
    return json.dumps({"kind": job.kind, **_encode(job)})


def _decode(annotation: Any, value: Any, where: str) -> Any:
    """Read one field of a job; the annotations are those of the classes above."""
    if dataclasses.is_dataclass(annotation):
        return _decode_object(annotation, value, where)
    if annotation in (bytes, bytes | None):
        if value is None and annotation is not bytes:
            return None
        if isinstance(value, str) and len(value) == 64:
            try:
                return bytes.fromhex(value)
            except ValueError as error:
                raise BadRequest(f"{where} is not hexadecimal") from error
    elif annotation == tuple[SegmentStart, ...]:
        if isinstance(value, list):
            return tuple(_decode_object(SegmentStart, item, where) for item in value)
    elif isinstance(value, annotation) and not isinstance(value, bool):
        return value
    raise BadRequest(f"{where} has the wrong type", hint=f"expected {annotation}")


def _decode_object(cls: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise BadRequest(f"{where} is not an object")
    fields = {field.name: field for field in dataclasses.fields(cls)}
    unknown = value.keys() - fields.keys()
    required = {name for name, f in fields.items() if f.default is dataclasses.MISSING}
    missing = required - value.keys()
    if unknown or missing:
        raise BadRequest(f"{where}: unknown keys {sorted(unknown)}, missing {sorted(missing)}")
    return cls(**{key: _decode(fields[key].type, value[key], f"{where}.{key}") for key in value})


def job_from_json(line: str | bytes) -> Job:
    """Read a job from its JSON line.

    Raises:
        BadRequest: if the line is not a job.
    """
    try:
        value = json.loads(line)
    except ValueError as error:
        raise BadRequest("the job is not JSON") from error
    kind = value.pop("kind", None) if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BadRequest("the job has no known kind", hint=f"one of {sorted(_KINDS)}")
    job: Job = _decode_object(_KINDS[kind], value, "job")
    return job
