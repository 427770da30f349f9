import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import walrusd
from tests.adversaries.results import read_records, read_states
from tests.support.disk import record_disk
from tests.support.guards import GUARD_S
from tests.training.process.child_jobs import segments_of, train_job
from walrusd.errors import BadRequest, PlanRefused, TrainingFailed
from walrusd.runtime.child import error_from_json
from walrusd.training.native import library
from walrusd.training.numerics.random import compute_segment_rows
from walrusd.training.plan.plan import read_plan
from walrusd.training.run.aborts import AbortCode
from walrusd.training.run.jobs import (
    AggregateJob,
    EvaluateJob,
    InitJob,
    JobLimits,
    ReplayJob,
    RowsFile,
    SegmentStart,
    SelftestJob,
    job_from_json,
    job_to_json,
    state_name,
)
from walrusd.training.run.weights import init_weights, weights_from_bytes, weights_to_bytes

# Where no kernels were built, a child that trains says so, and nothing else.
SAID = (
    ""
    if library.find_library(Path(library.__file__).parent)
    else "the compiled kernels are missing: training runs in torch alone, slower\n"
)
CAPABILITIES = ("default", "avx2", "avx512")


def finish(process, job):
    """Return the exit code and the lines, as (key, value) pairs."""
    out, err = process.communicate(job_to_json(job) + "\n", timeout=GUARD_S)
    assert err in {"", SAID}, err
    lines = [next(iter(json.loads(line).items())) for line in out.splitlines()]
    return process.returncode, lines


@pytest.fixture
def long_files(files, document):
    """A plan that is far from its end when somebody stops it, however late."""
    plan = read_plan(document(steps=200_000, segments=10_000, segment_steps=20))
    (files / "plan.json").write_bytes(plan.to_bytes())
    return files


def supported(capability):
    order = ["DEFAULT", "AVX2", "AVX512"]
    here = torch.backends.cpu.get_cpu_capability()
    return here in order and order.index(capability.upper()) <= order.index(here)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_the_same_bits_whatever_the_threads_and_instructions(
    child, files, trained, capability, threads
):
    if not supported(capability):
        pytest.skip(f"this processor has no {capability}: NOT TESTED HERE")
    job = train_job(files, limits=JobLimits(threads=threads))
    code, lines = finish(child(ATEN_CPU_CAPABILITY=capability), job)
    assert code == 0, lines
    result = lines[-1][1]
    states, records = trained
    assert read_records(result) == records
    assert read_states(result) == states


def test_selftest_says_where_it_ran(run):
    code, lines = run(SelftestJob(limits=JobLimits(threads=2)))
    assert (code, [key for key, _ in lines]) == (0, ["result"])
    assert lines[0][1]["capability"] == torch.backends.cpu.get_cpu_capability()
    assert lines[0][1]["threads"] == 2


def test_a_whole_round(run, files, plan, assignment, rows, trained):
    """init, train, replay of packed rows (one of them from a forged state), aggregate, evaluate."""
    made = run(InitJob(str(files / "plan.json"), str(files / "fresh")))[1][-1][1]
    assert Path(made["weights"]).read_bytes() == (files / "weights").read_bytes()

    code, lines = run(train_job(files))
    trained_lines, result = lines, lines[-1][1]
    assert code == 0
    assert result["state_root_0"] == made["state_root_0"]
    assert {key for key, _ in lines} == {"progress", "segment", "result"}
    assert [value["segment"] for key, value in lines if key == "segment"] == [1, 2, 3]
    progress = [value for key, value in lines if key == "progress"]
    assert progress[-1]["step"] == 12
    assert progress[-1]["eta_seconds"] == 0.0
    update = np.frombuffer(Path(result["update"]).read_bytes(), "<i4")
    assert (files / "work" / "update.bin").stat().st_mode & 0o777 == 0o600

    wanted = [compute_segment_rows(plan, assignment.seed, i, rows.count) for i in (1, 3)]
    indices = np.unique(np.concatenate(wanted))
    (files / "indices").write_bytes(indices.astype("<u8").tobytes())
    (files / "packed").write_bytes(rows.rows(indices))
    minus_zero = b"\0\0\0\x80"
    (files / "bad").write_bytes(minus_zero + trained[0][1][4:])
    replay = ReplayJob(
        plan=str(files / "plan.json"),
        rows=RowsFile(str(files / "packed"), str(files / "indices"), rows.count),
        ctx=b"c" * 32,
        seed=b"s" * 32,
        slots=5,
        segments=(
            SegmentStart(3, str(files / "work" / state_name(2))),
            SegmentStart(2, str(files / "bad")),
            SegmentStart(1, str(files / "work" / state_name(0))),
        ),
    )
    code, lines = run(replay)
    assert code == 0
    third, second, first = segments_of(lines)
    told = segments_of(trained_lines)
    assert [third, first] == [told[2], told[0]]
    assert lines[-1][1] == {"segments": 3}
    assert second["state_root"] == "00" * 32
    assert second["abort"] == {
        "segment": 2,
        "step": 5,
        "code": AbortCode.BAD_DATA,
        "message": second["abort"]["message"],
    }

    (files / "sum").write_bytes((2 * update.astype("<i8")).tobytes())
    aggregate = AggregateJob(
        plan=str(files / "plan.json"),
        workdir=str(files / "next"),
        weights=str(files / "weights"),
        weighted_sum=str(files / "sum"),
        total_weight=2,
    )
    new = run(aggregate)[1][-1][1]
    found = weights_from_bytes(plan, Path(new["weights"]).read_bytes())
    trained_weights = weights_from_bytes(plan, Path(result["weights"]).read_bytes())
    for name, tensor in found.items():
        assert np.abs(tensor - trained_weights[name]).max() <= 2.0**-20

    evaluation = EvaluateJob(
        str(files / "plan.json"), new["weights"], RowsFile(str(files / "rows"))
    )
    seen = run(evaluation)[1][-1][1]
    assert seen["rows"] == 75
    assert seen["accuracy"] == seen["correct"] / 75


def test_killed_and_resumed_equals_uninterrupted(run, files, trained):
    """Any prefix of checkpoints, a damaged one and a half-written one lead to the same end."""
    code, lines = run(train_job(files))
    assert code == 0
    whole = lines[-1][1]
    work = files / "work"
    (work / "segment-000003.json").unlink()
    (work / "state-000002.bin").write_bytes(b"torn")
    (work / ".state-000003.bin.0.part").write_bytes(b"half")
    (work / "state-000003.bin.partial").write_bytes(b"half, by an earlier version")
    code, lines = run(train_job(files))
    assert code == 0
    assert not list(work.glob("*part*"))
    assert [value["segment"] for key, value in lines if key == "segment"] == [2, 3]
    assert lines[-1][1] == whole

    code, lines = run(train_job(files, seed=b"t" * 32))
    assert (code, lines[-1][1]["code"]) == (3, "config.invalid")


def test_a_checkpoint_is_on_the_disk_before_it_counts(run, files, monkeypatch):
    """State first: a segment's record names a state that is there."""
    calls = record_disk(monkeypatch)
    assert run(train_job(files))[0] == 0
    for segment in (1, 2, 3):
        first = calls.index(("fsync", f".state-{segment:06d}.bin.0.part"))
        assert calls[first : first + 6] == [
            ("fsync", f".state-{segment:06d}.bin.0.part"),
            ("replace", f"state-{segment:06d}.bin"),
            ("fsync", "work"),
            ("fsync", f".segment-{segment:06d}.json.0.part"),
            ("replace", f"segment-{segment:06d}.json"),
            ("fsync", "work"),
        ]


@pytest.mark.parametrize("name", ["segment-000002.json", "state-000002.bin"])
def test_a_checkpoint_that_the_disk_does_not_give_back_is_made_again(run, files, monkeypatch, name):
    whole = run(train_job(files))[1][-1][1]
    read = Path.read_bytes

    def fail(path):
        if path.name == name:
            raise OSError(errno.EIO, "Input/output error")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", fail)
    code, lines = run(train_job(files))
    assert code == 0
    assert [value["segment"] for key, value in lines if key == "segment"] == [2, 3]
    assert lines[-1][1] == whole


def test_a_record_that_is_nested_without_end_is_damaged(run, files):
    whole = run(train_job(files))[1][-1][1]
    (files / "work" / "segment-000003.json").write_bytes(b"[" * 200_000)
    code, lines = run(train_job(files))
    assert code == 0
    assert lines[-1][1] == whole


def start_until_segment(process, job):
    """Start ``job``, wait until its first checkpoint is reported, and return its segment."""
    process.stdin.write(job_to_json(job) + "\n")
    process.stdin.flush()
    for line in process.stdout:
        if line.startswith('{"segment"'):
            return json.loads(line)["segment"]["segment"]
    raise AssertionError(process.stderr.read())


def test_kill_9_loses_at_most_a_segment(child, long_files):
    job = train_job(long_files)
    process = child()
    assert start_until_segment(process, job) == 1
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    kept = sorted(path.name for path in (long_files / "work").glob("segment-*.json"))
    assert kept
    process = child()
    assert start_until_segment(process, job) == len(kept) + 1
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    assert err in {"", SAID}
    stopped = json.loads(out.splitlines()[-1])["stopped"]
    assert process.returncode == 4
    assert stopped["step"] > 20 * len(kept)
    assert stopped["segment"] == (stopped["step"] - 1) // 20 + 1


def test_a_vanished_parent_ends_the_child(child, long_files):
    process = child()
    start_until_segment(process, train_job(long_files))
    process.stdout.close()
    assert process.wait(timeout=GUARD_S) == 4
    assert process.stderr.read() in {"", SAID}
    process.stderr.close()
    process.stdin.close()


def test_errors_are_typed_lines(run, files, plan):
    weights = init_weights(plan)
    weights["linear00.weight"] = weights["linear00.weight"] * np.float32(1e38)
    (files / "weights").write_bytes(weights_to_bytes(plan, weights))
    code, lines = run(train_job(files))
    assert code == 0
    abort = lines[-1][1]["abort"]
    assert (abort["segment"], abort["step"], abort["code"]) == (1, 1, AbortCode.NON_FINITE)

    (files / "plan.json").write_bytes(plan.to_bytes() + b" ")
    code, lines = run(train_job(files))
    assert code == 3
    assert isinstance(error_from_json(lines[-1][1]), PlanRefused)


def measure(lines):
    """Return the longest line of each kind."""
    longest = {}
    for key, value in lines:
        longest[key] = max(longest.get(key, 0), len(json.dumps(value)))
    return longest


def test_no_line_grows_with_the_plan(run, files, document):
    """Not with steps, micro-batches or segments; an abort's and a replay's lines neither."""
    measured = []
    for number, (segments, steps, micro_batches) in enumerate([(2, 1, [16]), (40, 3, [1] * 16)]):
        changes = {"segments": segments, "segment_steps": steps, "steps": segments * steps}
        plan = read_plan(document(micro_batches=micro_batches, **changes))
        (files / "plan.json").write_bytes(plan.to_bytes())
        workdir = files / f"work{number}"
        trained = run(train_job(files, workdir=str(workdir)))[1]
        starts = (SegmentStart(i, str(workdir / state_name(i - 1))) for i in range(1, segments + 1))
        replay = ReplayJob(
            plan=str(files / "plan.json"),
            rows=RowsFile(str(files / "rows")),
            ctx=b"c" * 32,
            seed=b"s" * 32,
            slots=5,
            segments=tuple(starts),
        )
        replayed = run(replay)[1]
        assert segments_of(replayed) == segments_of(trained)
        overflowing = document(
            micro_batches=micro_batches, update={"scale_bits": 20, "value_bits": 2}, **changes
        )
        (files / "plan.json").write_bytes(read_plan(overflowing).to_bytes())
        aborted = run(train_job(files, workdir=str(files / f"aborted{number}")))[1]
        assert aborted[-1][1]["abort"]["segment"] == segments
        measured.append([measure(trained), measure(replayed), measure(aborted)])
    for short, long in zip(*measured, strict=True):
        for kind in ("segment", "result"):
            assert long[kind] - short[kind] < 30


def test_losses_too_large_for_a_cost_do_no_harm_before_the_last_segment(run, tmp_path, document):
    plan = read_plan(
        document(
            model={"kind": "mlp", "inputs": 2, "hidden": [], "classes": 1},
            dataset={"kind": "tabular-f32", "features": 2, "targets": 1},
            loss="mse",
            optimizer={"kind": "sgd", "lr": "0.001", "momentum": "0"},
            batch=4,
            micro_batches=[2, 2],
            steps=2,
            segments=2,
            segment_steps=1,
        )
    )
    (tmp_path / "plan.json").write_bytes(plan.to_bytes())
    (tmp_path / "weights").write_bytes(weights_to_bytes(plan, init_weights(plan)))
    (tmp_path / "rows").write_bytes(np.array([[0.5, 0.25, 1e10]] * 9, "<f4").tobytes())
    code, lines = run(train_job(tmp_path))
    assert code == 0
    (first,) = segments_of(lines)
    assert first["loss"] > 2.0**32
    assert first["costs"]["final"] is None
    assert lines[-1][1]["abort"]["segment"] == 2


def test_no_threads_are_one_per_core(run):
    job = SelftestJob(limits=JobLimits(threads=0))
    assert run(job)[1][0][1]["threads"] == len(os.sched_getaffinity(0))


def test_missing_files_and_memory_are_the_worlds_fault(run, files):
    code, lines = run(train_job(files, weights=str(files / "absent")))
    assert (code, lines[-1][1]["code"]) == (3, "training.failed")
    assert "absent" in lines[-1][1]["message"]


def test_jobs_round_trip(files):
    job = train_job(files, limits=JobLimits(2, 1 << 33, 60))
    assert job_from_json(job_to_json(job)) == job
    assert os.linesep not in job_to_json(job)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "{}",
        '{"kind": "dance"}',
        '{"kind": ["train"]}',
        '{"kind": "selftest", "extra": 1}',
        '{"kind": "selftest", "limits": {"threads": "2"}}',
        '{"kind": "selftest", "limits": {"threads": true}}',
        '{"kind": "selftest", "limits": []}',
        '{"kind": "init", "plan": "p"}',
    ],
)
def test_malformed_jobs_are_refused(line):
    with pytest.raises(BadRequest):
        job_from_json(line)


def test_unknown_codes_become_a_training_failure():
    error = error_from_json({"code": "new.code", "message": "m", "hint": "h", "step": 2})
    assert isinstance(error, TrainingFailed)
    assert (error.message, error.hint, error.fields) == ("m", "h", {"step": 2})


def test_the_daemon_side_needs_no_torch():
    run = ["jobs", "data", "state", "weights", "update", "trace"]
    modules = ["plan.plan", "numerics.random", *(f"run.{name}" for name in run)]
    program = (
        "import sys\n"
        + "".join(f"import walrusd.training.{name}\n" for name in modules)
        + "sys.exit('torch' in sys.modules)"
    )
    root = str(Path(walrusd.__file__).parent.parent)
    done = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": root}, check=False)
    assert done.returncode == 0
