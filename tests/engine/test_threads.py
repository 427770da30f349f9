"""``daemon.threads``: every job asks for as many, and 0 is one per core."""

import ast
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import trio
import trio.testing
from click.testing import CliRunner

import walrusd
from tests.support.market.bench import Network
from tests.support.market.opened import Bench
from tests.support.market.world import InlineTraining
from walrusd.cli.verify import verify
from walrusd.core.lifecycle import SubmissionState
from walrusd.engine import training_backend
from walrusd.engine.jobs import run_training_job
from walrusd.engine.tools import Tools
from walrusd.engine.training_backend import ChildTraining
from walrusd.market.fetch import Fetcher
from walrusd.runtime.pool import discard_progress, run_pieces
from walrusd.services.committee.verifier import Verifier
from walrusd.services.contributor.trainer import Trainer
from walrusd.services.publisher.publication import make_initial_weights
from walrusd.services.publisher.publisher import Publisher
from walrusd.training.run.jobs import AggregateJob, InitJob, ReplayJob, SelftestJob, TrainJob
from walrusd.training.run.threads import count_threads

SOURCES = Path(walrusd.__file__).parent
CORES = 3


class Noting(InlineTraining):
    """Notes how many threads each job asks for."""

    def __init__(self) -> None:
        self.asked: dict[type, int] = {}

    async def run(self, job, on_line):
        self.asked[type(job)] = job.limits.threads
        if isinstance(job, AggregateJob):
            return {"weights": "w", "state_root_0": "00" * 32}
        return await super().run(job, on_line)


@pytest.fixture(autouse=True)
def cores(monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(CORES)))


def with_threads(tools: Tools, threads: int) -> tuple[Tools, Noting]:
    """Return the tools of a daemon whose owner has set ``threads``."""
    training = Noting()
    daemon = replace(tools.settings.daemon, threads=threads)
    return replace(
        tools, settings=replace(tools.settings, daemon=daemon), training=training
    ), training


@pytest.mark.parametrize(("setting", "expected"), [(0, CORES), (1, 1), (7, 7)])
async def test_every_service_asks_for_as_many_threads_as_are_set(
    bench: Bench,
    tmp_path: Path,
    setting: int,
    expected: int,
) -> None:
    net = bench.net
    await bench.open_work()
    tools, training = with_threads(bench.contributor, setting)
    tools.work.delete("trained", net.submission.id)
    net.submission.state = SubmissionState.SEATED
    await Trainer(tools, Fetcher(tools)).run_once()
    net.submission.state = SubmissionState.OPENED
    assert training.asked == {TrainJob: expected}

    tools, training = with_threads(bench.verifier, setting)
    await Verifier(tools, Fetcher(tools)).run_once()
    assert training.asked == {ReplayJob: expected}

    with net.daemon(tmp_path, "publisher") as opened:
        tools, training = with_threads(opened, setting)
        aggregate = SimpleNamespace(vector=b"")

        class Checker:
            async def verify(self, _task):
                return SimpleNamespace(aggregate=aggregate, total_weight=1)

        publisher = Publisher(tools, Fetcher(tools), Checker())
        await make_initial_weights(tools, net.plan)
        await publisher._apply(net.task)
        assert training.asked == {InitJob: expected, AggregateJob: expected}


async def test_other_limits_of_a_job_stay(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as opened:
        tools, training = with_threads(opened, 0)
        seen = []

        async def run(job, _on_line):
            seen.append(job)
            return {}

        training.run = run
        job = SelftestJob()
        await run_training_job(tools, replace(job, limits=replace(job.limits, cpu_seconds=5)))
        assert (seen[0].limits.cpu_seconds, seen[0].limits.threads) == (5, CORES)


async def test_pieces_run_on_as_many_cores() -> None:
    running, most = 0, 0

    async def work(_piece: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.testing.wait_all_tasks_blocked()
        running -= 1

    await run_pieces(10, work, discard_progress, count_threads(0))
    assert most == CORES


async def test_threads_of_a_child_sleep_while_they_wait(monkeypatch) -> None:
    given = {}

    async def run_child(*_arguments, env, **_options):
        given.update(env)
        return {}

    monkeypatch.setattr(training_backend, "run_child", run_child)
    await ChildTraining().run(SelftestJob(), None)
    assert given == {"OMP_WAIT_POLICY": "PASSIVE"}


def test_threads_of_a_command_sleep_while_they_wait(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY")
    CliRunner().invoke(verify, ["file", str(tmp_path / "absent")])
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_zero_is_the_number_of_usable_cores() -> None:
    assert [count_threads(setting) for setting in (0, 1, 5)] == [CORES, 1, 5]


def test_nobody_runs_a_job_or_counts_cores_in_another_way() -> None:
    """A new job cannot forget the setting: only ``run_training_job`` speaks to the backend."""
    runs, counts = set(), set()
    for path in SOURCES.rglob("*.py"):
        name, text = path.relative_to(SOURCES).as_posix(), path.read_text(encoding="utf-8")
        if not any(word in text for word in (".training", "cpu_count", "sched_getaffinity")):
            continue
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Attribute):
                continue
            if node.attr in {"cpu_count", "sched_getaffinity", "process_cpu_count"}:
                counts.add(name)
            if node.attr == "training" and isinstance(node.value, ast.Name | ast.Attribute):
                runs.add(name)
    assert runs == {"engine/jobs.py"}
    assert counts == {"training/run/threads.py"}
