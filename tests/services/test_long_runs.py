"""Runs of any length: results, lines and work items keep their size; damage is mended."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.adversaries.results import read_records, read_states
from tests.support.market.bench import SUBMISSION, Network, failures
from tests.support.market.opened import Bench
from tests.support.market.world import make_plan
from walrusd.control.costs import show_losses
from walrusd.core.lifecycle import SubmissionState
from walrusd.core.secrets import derive_cost_key
from walrusd.crypto.vfile.checks import open_cost
from walrusd.crypto.vfile.vfile import read_verification_file
from walrusd.engine.training_backend import ChildTraining
from walrusd.market.case import read_cases
from walrusd.market.fetch import Fetcher
from walrusd.market.results import find_trained, load_costs, load_trace
from walrusd.runtime import child_output
from walrusd.services.committee.verifier import Verifier
from walrusd.services.contributor.committer import Committer
from walrusd.services.contributor.opener import Opener
from walrusd.services.contributor.trainer import Trainer
from walrusd.training.plan.plan import read_plan
from walrusd.training.run.jobs import ReplayJob, RowsFile, SegmentStart, state_name
from walrusd.units import address_bytes

SIZES = {
    "one-segment-of-64000-losses": (1, 1000, 64),
    "900-steps-of-64": (4, 225, 64),
    "50000-steps": (50, 1000, 1),
    "3500-segments": (3500, 2, 1),
}
"""Segments, steps of a segment, micro-batches of a step: none of these went through one line."""


def make_long_plan(segments: int, steps: int, micro_batches: int):
    document = make_plan(segments, steps)
    document["model"]["hidden"] = []
    document["batch"], document["micro_batches"] = micro_batches, [1] * micro_batches
    return read_plan(document)


def join(net: Network, tools) -> None:
    net.join(tools.address)
    net.grant(tools.address, tools.keys.encryption_key)


async def train(net: Network, tools) -> dict:
    """Train, and return the result as the work item has it."""
    if SUBMISSION not in net.objects:
        join(net, tools)
    await Trainer(tools, Fetcher(tools)).run_once()
    found = find_trained(tools, SUBMISSION)
    assert found is not None
    return found


async def commit(net: Network, tools) -> None:
    await Committer(tools, Fetcher(tools)).run_once()
    net.submission.commitment = tools.contract.arguments("commit")[0][2]


def read_committed_costs(net: Network, tools) -> np.ndarray:
    file = read_verification_file(net.blobs[net.submission.commitment.file_blob])
    return open_cost(file, derive_cost_key(tools.keys, address_bytes(SUBMISSION))).trajectory


# --- any length ---------------------------------------------------------------------------------


async def check_is_committed(tmp_path: Path, size: tuple[int, int, int]) -> None:
    """Train with a child and commit; a second run from the checkpoints gives the same."""
    net = Network(plan=make_long_plan(*size), terms={"segments_per_seat": 1})
    with net.daemon(tmp_path, "c", ChildTraining()) as tools:
        trained = await train(net, tools)
        assert len(json.dumps(trained)) < 2000
        await commit(net, tools)
        segments, steps, _micro_batches = size
        assert len(load_trace(trained).leaves()) == segments + 1
        assert len(read_committed_costs(net, tools)) == segments * steps
        tools.work.delete("trained", SUBMISSION)
        assert await train(net, tools) == trained


async def test_a_long_run_is_committed_through_short_lines(tmp_path, monkeypatch) -> None:
    """As those below, scaled down: so many losses and segments make no line longer."""
    monkeypatch.setattr(child_output, "MAX_LINE_BYTES", 2000)
    await check_is_committed(tmp_path, (20, 2, 12))


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_runs_of_full_length_are_committed(tmp_path: Path, size) -> None:
    await check_is_committed(tmp_path, size)


async def test_a_replay_of_many_segments_goes_through_short_lines(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(child_output, "MAX_LINE_BYTES", 2000)
    net = Network(plan=make_long_plan(20, 2, 12))
    with net.daemon(tmp_path, "c") as tools:
        trained = await train(net, tools)
        records = read_records(trained)
        workdir = Path(trained["states"])
        (tmp_path / "plan").write_bytes(net.plan.to_bytes())
        (tmp_path / "rows").write_bytes(b"".join(net.rows))
        (case,) = await read_cases(tools)
        job = ReplayJob(
            str(tmp_path / "plan"),
            RowsFile(str(tmp_path / "rows")),
            case.ctx,
            case.seed,
            case.task.terms.committee,
            tuple(SegmentStart(i, str(workdir / state_name(i - 1))) for i in range(1, 21)),
        )
        lines = []

        async def on_line(kind, payload):
            lines.append(kind)

        result = await ChildTraining().run(job, on_line)
        assert result["segments"] == [
            json.loads(json.dumps({**record.summarize(), "loss": found["loss"]}))
            for record, found in zip(records, result["segments"], strict=True)
        ]
        assert lines.count("segment") == 20


async def test_no_work_item_grows_with_the_plan(tmp_path: Path) -> None:
    """Neither of the contributor's nor of the verifier's: a look parses all of them."""
    sizes = []
    for name, size in (("short", (4, 1, 1)), ("long", (16, 4, 8))):
        terms = {"segments_per_seat": 1}
        net = Network(plan=make_long_plan(*size), terms=terms)
        with net.daemon(tmp_path, f"{name}-c") as tools, net.daemon(tmp_path, f"{name}-v") as seat:
            trained = await train(net, tools)
            await commit(net, tools)
            net.seat(seat.address, seat.keys.encryption_key)
            await Opener(tools, Fetcher(tools)).run_once()
            net.submission.opening = tools.contract.arguments("open")[0][2]
            net.submission.state = SubmissionState.OPENED
            await Verifier(seat, Fetcher(seat)).run_once()
            assert len(seat.contract.calls("attest")) == 1
            replayed = seat.work.get("replayed", SUBMISSION)
            sizes.append((len(json.dumps(trained)), len(json.dumps(replayed))))
    (short_trained, short_replayed), (long_trained, long_replayed) = sizes
    assert long_trained - short_trained < 20
    assert long_replayed - short_replayed < 20


# --- damage -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["trace.bin", "costs.bin", "state-000004.bin", "update.bin"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
async def test_no_damaged_file_is_committed(tmp_path: Path, name: str, damage: str) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        trained = await train(net, tools)
        path = Path(trained["states"]) / name
        data = path.read_bytes()
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(data[:-1] if damage == "cut" else bytes([data[0] ^ 1]) + data[1:])
        await Committer(tools, Fetcher(tools)).run_once()
        assert not tools.contract.sent
        assert list(failures(tools, SUBMISSION)) == ["local.file"]
        assert await train(net, tools) == trained
        assert path.read_bytes() == data
        await Committer(tools, Fetcher(tools)).run_once()
        assert tools.contract.calls("commit")


async def test_a_checkpoint_with_a_changed_loss_is_trained_again(tmp_path: Path) -> None:
    """The roots in it prove themselves; what the cost function is made from must not rot either."""
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        trained = await train(net, tools)
        costs = load_costs(trained)
        path = Path(trained["states"]) / "segment-000002.json"
        document = json.loads(path.read_bytes())
        document["record"]["losses"][0][0] += 0.5
        path.write_text(json.dumps(document))
        tools.work.delete("trained", SUBMISSION)
        assert await train(net, tools) == trained
        assert np.array_equal(load_costs(trained), costs)


# --- state of earlier versions ------------------------------------------------------------------


def write_as_before(tools, trained: dict) -> None:
    """Leave a result as earlier versions did: records in the item, none of the new files."""
    workdir = Path(trained["states"])
    records = read_records(trained)
    for record in records:
        path = workdir / f"segment-{record.segment:06d}.json"
        document = json.loads(path.read_bytes())
        document.pop("digest", None)
        path.write_text(json.dumps(document))
    for name in ("trace.bin", "costs.bin"):
        (workdir / name).unlink()
    kept = {key: trained[key] for key in ("trace_root", "state_root_0", "weights", "update")}
    old = {
        **kept,
        "segments": [record.to_json() for record in records],
        "states": [str(workdir / state_name(i)) for i in range(len(records) + 1)],
        "cost": trained["cost"],
        "loss": trained["loss"],
    }
    tools.work.put("trained", SUBMISSION, old)


async def test_a_result_of_an_earlier_version_is_made_anew_from_its_checkpoints(tmp_path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        trained = await train(net, tools)
        states, stamps = read_states(trained), _stamps(trained)
        write_as_before(tools, trained)
        await Committer(tools, Fetcher(tools)).run_once()
        assert not tools.contract.sent
        assert await train(net, tools) == trained
        assert read_states(trained) == states
        assert _stamps(trained) == stamps, "no segment was trained again"
        await commit(net, tools)
        net.submission.state = SubmissionState.COMMITTED
        write_as_before(tools, trained)
        net.seat("0x" + "5" * 64, bytes([3]) * 32)
        await Opener(tools, Fetcher(tools)).run_once()
        assert not tools.contract.calls("open")
        assert await train(net, tools) == trained
        await Opener(tools, Fetcher(tools)).run_once()
        assert tools.contract.calls("open")


def _stamps(trained: dict) -> list[int]:
    paths = [Path(trained["states"]) / state_name(i) for i in range(1, trained["segments"] + 1)]
    return [path.stat().st_mtime_ns for path in paths]


async def test_checkpoints_without_their_files_are_trained_from_the_start(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        trained = await train(net, tools)
        write_as_before(tools, trained)
        shutil.rmtree(trained["states"])
        assert await train(net, tools) == trained


async def test_replays_of_an_earlier_version_are_used(bench: Bench) -> None:
    await bench.open_work()
    tools = bench.verifier
    records = {r.segment: r for r in read_records(find_trained(bench.contributor, SUBMISSION))}
    saved = {}
    for segment in bench.net.segments():
        told = records[segment].to_json()
        saved[str(segment)] = {
            **{key: told[key] for key in ("chain", "state_root", "losses")},
            "abort": None,
        }
    tools.work.put("replayed", SUBMISSION, saved)

    class NoReplay:
        async def run(self, job, on_line):
            raise AssertionError("it was replayed before")

    await Verifier(replace(tools, training=NoReplay()), Fetcher(tools)).run_once()
    assert len(tools.contract.calls("attest")) == len(bench.net.segments())


# --- what is told -------------------------------------------------------------------------------


def test_the_losses_of_an_answer_are_bounded() -> None:
    costs = np.arange(1, 11, dtype=np.int64) << 32
    everything = [float(step) for step in range(1, 11)]
    assert show_losses(costs, 10) == {"steps": 10, "every": 1, "losses": everything}
    assert show_losses(costs, 9) == {"steps": 10, "every": 2, "losses": [2.0, 4.0, 6.0, 8.0, 10.0]}
    assert show_losses(costs, 4) == {"steps": 10, "every": 3, "losses": [3.0, 6.0, 9.0]}
    assert show_losses(costs[:0], 4) == {"steps": 0, "every": 1, "losses": []}
