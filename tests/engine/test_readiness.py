"""No stake and no seat on work that this machine cannot do; and its owner is told why."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from tests.support.market.bench import DATASET, TASK, Network, decisions, failures, make_staker
from tests.support.market.world import open_world, wait_for
from tests.support.refusals import refused
from walrusd.chain.layouts import objects as ob
from walrusd.core.disk import FLOOR_BYTES, DiskShape, compute_disk_need
from walrusd.core.lifecycle import TaskPhase
from walrusd.engine import probes
from walrusd.engine.probes import Ability, format_size
from walrusd.engine.readiness import LIFETIMES, NEEDS, Readiness, ReadinessWatch, list_needs
from walrusd.engine.tools import Tools
from walrusd.engine.training_backend import ChildTraining
from walrusd.errors import DeviceRefused, TrainingFailed
from walrusd.market.fetch import Fetcher
from walrusd.services.committee.registrar import Registrar
from walrusd.services.contributor.disk import DiskShapes, compute_reserved
from walrusd.services.contributor.staker import Staker
from walrusd.settings.model import Role, VerifierSettings
from walrusd.training.run.jobs import SelftestJob
from walrusd.units import Mist, normalize_address


class _Machine:
    """Runs the selftest as told; anything else would be a surprise."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.hangs = False
        self.selftests = 0

    async def run(self, job: Any, _on_line: Any) -> dict[str, Any]:
        assert isinstance(job, SelftestJob)
        self.selftests += 1
        if self.hangs:
            await trio.sleep_forever()
        if self.error is not None:
            raise self.error
        return {}


def _staker(tools: Tools, readiness: Readiness | None = None) -> Staker:
    return make_staker(tools, readiness=readiness or Readiness(tools))


def _no_gpu(_tools: Tools, machine: _Machine, _patch: pytest.MonkeyPatch) -> None:
    machine.error = DeviceRefused("GPU", hint="use the CPU")


def _no_child(_tools: Tools, machine: _Machine, _patch: pytest.MonkeyPatch) -> None:
    machine.error = TrainingFailed("No module named torch")


def _no_process(_tools: Tools, machine: _Machine, _patch: pytest.MonkeyPatch) -> None:
    machine.error = BlockingIOError(11, "Resource temporarily unavailable")


def _hanging_child(_tools: Tools, machine: _Machine, _patch: pytest.MonkeyPatch) -> None:
    machine.hangs = True


def _full_disk(_tools: Tools, _machine: _Machine, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(probes.shutil, "disk_usage", lambda _path: SimpleNamespace(free=1000))


def _no_room_for_the_task(_tools: Tools, _machine: _Machine, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        probes.shutil, "disk_usage", lambda _path: SimpleNamespace(free=FLOOR_BYTES + 1000)
    )


def _lost_disk(_tools: Tools, _machine: _Machine, patch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> None:
        raise OSError(5, "Input/output error")

    patch.setattr(probes.shutil, "disk_usage", refuse)


def _no_publisher(tools: Tools, _machine: _Machine, patch: pytest.MonkeyPatch) -> None:
    async def complain() -> str:
        return "http://x: unreachable"

    patch.setattr(tools.store, "find_publisher_trouble", complain)


def _hanging_aggregator(tools: Tools, _machine: _Machine, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tools.store, "find_aggregator_trouble", trio.sleep_forever)


Spoil = Callable[[Tools, _Machine, pytest.MonkeyPatch], None]
CASES: list[tuple[Spoil, str, str]] = [
    (_no_gpu, "device", "GPU"),
    (_no_child, "device", "No module named torch"),
    (_no_process, "device", "cannot be started: Resource temporarily unavailable"),
    (_hanging_child, "device", "did not pass its selftest in 300 s"),
    (_full_disk, "disk", "268.5 MB are needed"),
    (_no_room_for_the_task, "disk", "less is free"),
    (_lost_disk, "disk", "Input/output error"),
    (_no_publisher, "storing", "no Walrus publisher would serve us: http://x: unreachable"),
    (_hanging_aggregator, "reading", "no answer in 20 s"),
]


@pytest.mark.parametrize(("spoil", "rule", "reason"), CASES)
@pytest.mark.parametrize("override", [None, "join"])
async def test_nothing_is_staked_until_the_machine_can_do_it(
    tmp_path: Path, monkeypatch, autojump_clock, spoil: Spoil, rule, reason, override
) -> None:
    net, machine = Network(), _Machine()
    with net.daemon(tmp_path, "c", training=machine) as tools:
        net.grant(tools.address, tools.keys.encryption_key)
        if override is not None:
            tools.records.put("stake_override", TASK, override)
        readiness = Readiness(tools)
        staker = _staker(tools, readiness)
        with monkeypatch.context() as patch:
            spoil(tools, machine, patch)
            for _look in range(2):
                await staker.run_once()
            assert not tools.contract.sent
            assert decisions(tools, TASK) == ["decline"]
            assert reason in tools.records.get("decisions", TASK)[1]
            decision = await staker.estimate(net.task)
            assert [v.rule for v in decision.verdicts if not v.ok] == [rule]
            assert not list(failures(tools, TASK))  # nobody else is to blame
        machine.error, machine.hangs = None, False
        await trio.sleep(61)
        await staker.run_once()
        assert len(tools.contract.calls("join")) == 1


async def test_a_task_that_is_declined_anyway_costs_no_probe(tmp_path: Path) -> None:
    net, machine = Network(), _Machine()
    with net.daemon(tmp_path, "c", training=machine, min_reward=10**18) as tools:
        staker = _staker(tools)
        await staker.run_once()
        assert machine.selftests == 0
        machine.error = DeviceRefused("GPU")
        decision = await staker.estimate(net.task)  # a person is told all the same
        assert {"reward", "device"} <= {v.rule for v in decision.verdicts if not v.ok}


async def test_a_machine_that_works_is_not_tested_for_every_task(
    tmp_path: Path, autojump_clock
) -> None:
    net, machine = Network(), _Machine()
    with net.daemon(tmp_path, "c", training=machine, max_open_tasks=9) as tools:
        for number in range(5):
            task = dataclasses.replace(net.task, id=normalize_address(hex(0x90 + number)))
            net.objects[task.id] = task
            tools.chain_log.note("task", task.id)
        staker = _staker(tools)
        for _look in range(3):
            await staker.run_once()
        assert len(tools.contract.calls("request_key")) == 6 * 3
        assert machine.selftests == 1
        await trio.sleep(LIFETIMES[Ability.DEVICE].passed_s)
        await staker.run_once()
        assert machine.selftests == 2


async def test_what_failed_is_told_once_and_looked_at_again(tmp_path: Path, autojump_clock) -> None:
    net, machine = Network(), _Machine()
    machine.error = DeviceRefused("GPU", hint="use the CPU")
    for _restart in range(2):
        with net.daemon(tmp_path, "c", training=machine) as tools:
            readiness = Readiness(tools)
            watch = ReadinessWatch(tools, readiness)
            for _look in range(3):
                await watch.run_once()
            (fault,) = readiness.faults
            assert fault.to_json() == {
                "what": "device",
                "reason": "GPU",
                "hint": "use the CPU",
            }
            assert decisions(tools, tools.address) == ["cannot"]
    assert machine.selftests == 2
    with net.daemon(tmp_path, "c", training=machine) as tools:
        machine.error = None
        readiness = Readiness(tools)
        await ReadinessWatch(tools, readiness).run_once()
        assert readiness.faults == []
        assert decisions(tools, tools.address) == ["cannot", "can"]


async def test_the_watch_tries_again_what_failed_and_leaves_a_good_device_alone(
    tmp_path: Path, autojump_clock
) -> None:
    net, machine = Network(), _Machine()
    with net.daemon(tmp_path, "c", training=machine) as tools:
        machine.error = DeviceRefused("GPU")
        readiness = Readiness(tools)
        watch = ReadinessWatch(tools, readiness)
        async with trio.open_nursery() as nursery:
            await nursery.start(watch.run)
            await trio.sleep(59)
            assert machine.selftests == 1
            machine.error = None
            await trio.sleep(5)
            assert readiness.faults == []
            await trio.sleep(3600)
            assert machine.selftests == 2
            nursery.cancel_scope.cancel()


async def test_only_what_the_roles_take_is_looked_at(tmp_path: Path) -> None:
    net, machine = Network(), _Machine()
    with net.daemon(tmp_path, "p", training=machine) as opened:
        daemon = dataclasses.replace(opened.settings.daemon, roles=frozenset({Role.PUBLISHER}))
        settings = dataclasses.replace(opened.settings, daemon=daemon)
        tools = dataclasses.replace(opened, settings=settings)
        assert list_needs(tools.settings) == [Ability.DISK, Ability.STORING, Ability.READING]
        await Readiness(tools).refresh()
        decision = await _staker(tools).estimate(net.task)
        assert machine.selftests == 0
        assert not {v.rule for v in decision.verdicts} & set(Ability)


def test_each_role_has_its_needs() -> None:
    assert set(NEEDS) == set(Role)


# --- verifiers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(_no_gpu, "GPU"), (_full_disk, "needed"), (_lost_disk, "error")],
)
async def test_no_seat_is_staked_on_a_machine_that_cannot_replay(
    tmp_path: Path, monkeypatch, autojump_clock, spoil: Spoil, reason: str
) -> None:
    net, machine = Network(), _Machine()
    takes = Mist(net.pool.params.stake + net.pool.params.fee)
    with net.daemon(tmp_path, "v", training=machine) as opened:
        verifier = VerifierSettings(auto_register=True, max_stake=takes, rate=10**9)
        settings = dataclasses.replace(opened.settings, verifier=verifier)
        tools = dataclasses.replace(opened, settings=settings)
        send = tools.contract.register_seat

        async def register_seat(*arguments: Any, **keywords: Any) -> Any:
            executed = await send(*arguments, **keywords)
            net.register(tools.address, tools.keys)
            return executed

        tools.contract.register_seat = register_seat
        registrar = Registrar(tools, Readiness(tools))
        with monkeypatch.context() as patch:
            spoil(tools, machine, patch)
            await registrar.run_once()
            with refused("daemon.unfit", reason):
                await Readiness(tools).check_seat()
        assert not tools.contract.calls("register_seat")
        assert list(failures(tools, tools.address)) == ["daemon.unfit"]
        machine.error = None
        await trio.sleep(61)
        await registrar.run_once()
        assert len(tools.contract.calls("register_seat")) == 1


async def test_a_seat_needs_no_publisher(tmp_path: Path, monkeypatch) -> None:
    net, machine = Network(), _Machine()
    with net.daemon(tmp_path, "v", training=machine) as tools:
        _no_publisher(tools, machine, monkeypatch)
        await Readiness(tools).check_seat()


# --- the disk -------------------------------------------------------------------------------------


def test_what_is_there_is_not_counted_again() -> None:
    shape = DiskShape(state=10, segments=4, model=100, rows=1000, opening=7)
    assert compute_disk_need(shape) == 50 + 300 + 2000 + 7 + FLOOR_BYTES
    there = dataclasses.replace(shape, has_model=True, has_rows=True)
    assert compute_disk_need(there) == 50 + 200 + 7 + FLOOR_BYTES


async def test_a_tasks_sizes_come_from_its_plan_and_listing(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        fetcher = Fetcher(tools)
        shapes = DiskShapes(tools, fetcher)
        found = await shapes.find(net.task)
        assert (found.state, found.segments) == (net.plan.state_bytes, net.plan.segments)
        assert found.model == 4 * net.plan.model.size
        assert found.rows == net.version.rows * net.version.row_bytes
        assert found.opening > 5 * net.plan.state_bytes
        assert not found.has_model
        await fetcher.ready_weights(net.task)
        assert (await shapes.find(net.task)).has_model


async def test_without_plan_and_dataset_the_terms_decide(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.blobs.clear()
        del net.objects[DATASET]
        found = await DiskShapes(tools, Fetcher(tools)).find(net.task)
        assert found.state == found.model == net.terms.state_bytes
        assert found.rows == 0


async def test_tasks_in_progress_keep_their_share(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "c") as tools:
        net.join(tools.address)
        whole = (net.terms.segments + 1) * net.terms.state_bytes
        assert compute_reserved(tools, [net.task]) == whole
        workdir = tools.files.work / net.submission.id / "states"
        workdir.mkdir(parents=True)
        (workdir / "one").write_bytes(bytes(100))
        assert compute_reserved(tools, [net.task]) == whole - 100


async def test_room_is_not_promised_twice(tmp_path: Path, monkeypatch) -> None:
    net, machine = Network(), _Machine()
    with net.daemon(tmp_path, "c", training=machine, max_open_tasks=5) as tools:
        need = compute_disk_need(await DiskShapes(tools, Fetcher(tools)).find(net.task))
        monkeypatch.setattr(
            probes.shutil, "disk_usage", lambda _path: SimpleNamespace(free=need + 100)
        )
        staker = _staker(tools)
        assert (await staker.estimate(net.task)).join
        other = dataclasses.replace(
            net.task,
            id=normalize_address("0x91"),
            phase=TaskPhase.TRAINING,
            entries=[ob.Entry(tools.address, normalize_address("0x92"))],
        )
        net.objects[other.id] = other
        tools.chain_log.note("task", other.id)
        decision = await staker.estimate(net.task)
        assert [v.rule for v in decision.verdicts if not v.ok] == ["disk"]


async def test_a_lack_of_room_is_told_once_while_other_tasks_write(
    tmp_path: Path, monkeypatch
) -> None:
    """What they will still take grows less by itself; that is no news."""
    with Network().daemon(tmp_path, "c", _Machine()) as tools:
        _full_disk(tools, _Machine(), monkeypatch)
        faults = {probes.find_disk_fault(tools, 10**9, reserved=n * 10**8) for n in (1, 2, 3)}
        assert len(faults) == 1


@pytest.mark.parametrize(
    ("size", "text"), [(5, "5 bytes"), (1_000_001, "1.1 MB"), (3 * 10**9, "3.0 GB")]
)
def test_sizes_are_rounded_up(size: int, text: str) -> None:
    assert format_size(size) == text


# --- the real thing -------------------------------------------------------------------------------


async def test_the_real_child_finds_out_that_a_device_is_missing(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("WALRUSD_DEVICE", "cuda:99")
    net = Network()
    with net.daemon(tmp_path, "c", training=ChildTraining()) as tools:
        net.grant(tools.address, tools.keys.encryption_key)
        readiness = Readiness(tools)
        await _staker(tools, readiness).run_once()
        assert not tools.contract.sent
        (fault,) = readiness.faults
        assert fault.ability is Ability.DEVICE
        assert "cuda:99" in fault.reason
        monkeypatch.delenv("WALRUSD_DEVICE")
        again = Readiness(tools)
        assert await again.find_faults([Ability.DEVICE]) == []


async def test_a_whole_daemon_says_so_and_takes_no_seat(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("WALRUSD_DEVICE", "cuda:99")
    async with open_world(tmp_path) as world:
        peer = await world.start("v", Role.VERIFIER, Role.CONTRIBUTOR, training=ChildTraining)

        async def find_faults() -> list[dict[str, str]]:
            return (await peer.api.status())["cannot"]

        (fault,) = await wait_for(find_faults, 120)
        assert fault["what"] == "device"
        assert "cuda:99" in fault["reason"]
        assert fault["hint"]
        with refused("daemon.unfit", "cuda:99"):
            await peer.api.node_register({})

        async def has_journalled() -> bool:
            return "failed" in decisions(peer.tools, peer.address)

        await wait_for(has_journalled, 120)
        assert await peer.tools.contract.verifier_caps(peer.address) == []
