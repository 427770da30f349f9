"""A start without a network: waited out, told of, and ended only by what its owner must change."""

import dataclasses
import os
import shutil
import signal
import socket
import tempfile
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing

from tests.support.guards import GUARD_S
from tests.support.market.world import InlineTraining, World
from tests.support.refusals import refused
from walrusd.admin.network_check import check_on_network
from walrusd.app import run_daemon
from walrusd.chain.follow.cursor import Cursor
from walrusd.compose import build_parts
from walrusd.control.starting_api import StartingApi
from walrusd.devnet.app import DevnetInfo, DevnetOptions, serve_devnet
from walrusd.engine.starting import LONGEST_PAUSE_S, Starting, wait_out
from walrusd.errors import (
    ChainRefused,
    ChainUnreachable,
    ContractMismatch,
    DaemonStarting,
    DatabaseCorrupt,
    DatabaseLost,
    DiskFull,
    DoubleAction,
    HistoryPruned,
    MalformedData,
    MethodMissing,
    PackageNotFound,
    TransactionUncertain,
    WalrusdError,
    WrongNetwork,
    needs_owner,
)
from walrusd.runtime.groups import most_significant
from walrusd.settings.model import Role, Settings
from walrusd.state.database import DATABASE_NAME, Database
from walrusd.state.stores import KeyValue
from walrusd.units import MIST_PER_SUI, Mist

# --- what is waited out --------------------------------------------------------------------------

PASSING = [
    ChainUnreachable("down"),
    ChainRefused("busy"),
    MethodMissing("a proxy whose node is down"),
    TransactionUncertain("?"),
    HistoryPruned("gone"),
    MalformedData("a node talks nonsense"),
    ExceptionGroup("g", [ChainUnreachable("down")]),
]
LASTING = [
    WrongNetwork("another chain"),
    ContractMismatch("another contract"),
    PackageNotFound("no package"),
    DoubleAction("locked"),
    DatabaseCorrupt("damaged"),
    ExceptionGroup("g", [WrongNetwork("another chain"), ChainUnreachable("down")]),
]


@pytest.mark.parametrize("error", PASSING)
async def test_an_outage_is_waited_out_however_long(error, autojump_clock) -> None:
    tries: list[float] = []
    told: list[str] = []
    starting = Starting(told.append)

    async def step() -> None:
        tries.append(trio.current_time())
        if len(tries) < 20:
            raise error

    await wait_out(step, starting)
    pauses = [b - a for a, b in pairwise(tries)]
    assert max(pauses) <= LONGEST_PAUSE_S + 0.1
    assert tries[-1] > 400  # not given up after a few
    assert len(told) == 19
    assert starting.last_error == {}


@pytest.mark.parametrize("error", LASTING)
async def test_what_the_owner_must_change_ends_the_start_at_once(error, autojump_clock) -> None:
    async def step() -> None:
        raise error

    with pytest.raises(WalrusdError) as caught:
        await wait_out(step, Starting())
    assert needs_owner(caught.value)
    assert trio.current_time() == 0


@pytest.mark.parametrize(("error", "final"), [(DiskFull("x"), False), (DatabaseLost("x"), True)])
def test_a_full_disk_is_no_reason_to_stay_away(error, final) -> None:
    assert needs_owner(error) == final


# --- the whole daemon ----------------------------------------------------------------------------


class Systemd:
    """Hears what a daemon tells systemd."""

    def __init__(self, path: Path, monkeypatch) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        self.notices: list[str] = []

    def heard(self, beginning: str) -> bool:
        while True:
            try:
                self.notices.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return any(notice.startswith(beginning) for notice in self.notices)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def short():
    """A directory with a short path: a socket's has at most 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="wst"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def systemd(short: Path, monkeypatch):
    heard = Systemd(short / "notify", monkeypatch)
    yield heard
    heard.close()


async def make_settings(short: Path, nursery: trio.Nursery, *roles: Role) -> Settings:
    """Return the settings of a daemon on a devnet that is not there any more."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as inner:
            info = await inner.start(serve_devnet, DevnetOptions(short / "net", seed=5, accounts=2))
            scope.cancel()
    world = World(info, short, nursery)
    world.write_keys("d")
    return world.settings("d", set(roles))


def options_of(settings: Settings, short: Path) -> DevnetOptions:
    """Return what brings that devnet back where it was."""
    ports = [int(url.rsplit(":", 1)[1]) for url in (settings.sui.urls[0],)]
    return DevnetOptions(short / "net", seed=5, accounts=2, sui_port=ports[0])


class Asking:
    """A client of the control interface."""

    def __init__(self, path: Path) -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://d", timeout=GUARD_S)

    async def call(self, method: str):
        try:
            answer = await self.http.post("/", json={"jsonrpc": "2.0", "id": 1, "method": method})
        except httpx.TransportError:
            return None
        return answer.json()

    async def until(self, is_there) -> dict:
        with trio.fail_after(GUARD_S):
            while True:
                answer = await self.call("status")
                if answer is not None and is_there(answer["result"]):
                    return answer["result"]
                await trio.sleep(0.05)


async def test_a_daemon_waits_for_its_network(short, systemd, nursery) -> None:
    settings = await make_settings(short, nursery, Role.DATASET_OWNER)
    asking = Asking(settings.daemon.socket)
    ended = trio.Event()

    async def run() -> None:
        await run_daemon(settings, InlineTraining)
        ended.set()

    async with asking.http:
        nursery.start_soon(run)
        status = await asking.until(lambda result: result["last_error"])
        assert status["state"].startswith("starting: waiting for the chain (")
        assert status["last_error"]["code"] == "chain.unreachable"
        assert status["healthy"] is False
        assert (await asking.call("task.list"))["error"]["data"]["code"] == "daemon.starting"
        ready = await asking.http.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert systemd.heard("READY=1")
        assert systemd.heard("STATUS=starting: waiting for the chain")
        os.kill(os.getpid(), signal.SIGHUP)  # a closed terminal
        assert await asking.call("status") is not None
        net: DevnetInfo = await nursery.start(serve_devnet, options_of(settings, short))
        assert net.chain_id == settings.sui.chain_id
        status = await asking.until(lambda result: result["state"] == "running")
        assert status["healthy"]  # although nothing of Walrus is there
        os.kill(os.getpid(), signal.SIGHUP)
        assert await asking.call("task.list") == {
            "jsonrpc": "2.0", "id": 1, "result": {"tasks": []},
        }  # fmt: skip
        os.kill(os.getpid(), signal.SIGTERM)
        with trio.fail_after(GUARD_S):
            await ended.wait()
    assert not settings.daemon.socket.exists()
    assert systemd.heard("STATUS=running")
    assert systemd.heard("STOPPING=1")
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
async def test_a_waiting_daemon_stops_when_it_is_told(short, nursery, number) -> None:
    settings = await make_settings(short, nursery, Role.DATASET_OWNER)
    asking = Asking(settings.daemon.socket)
    async with asking.http, trio.open_nursery() as inner:
        inner.start_soon(run_daemon, settings, InlineTraining)
        await asking.until(lambda result: result["last_error"])
        os.kill(os.getpid(), number)
    assert not settings.daemon.socket.exists()


class Lingering:
    """A service that takes its time to end, as a training step does."""

    name = "lingering"

    def __init__(self) -> None:
        self.running, self.ending, self.released = trio.Event(), trio.Event(), trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        self.running.set()
        try:
            await trio.sleep_forever()
        finally:
            self.ending.set()
            with trio.CancelScope(shield=True):
                await self.released.wait()


async def test_more_signals_do_not_cut_the_end_short(short, nursery) -> None:
    numbers = [signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT]
    settings = await make_settings(short, nursery, Role.DATASET_OWNER)
    await nursery.start(serve_devnet, options_of(settings, short))
    service = Lingering()

    def build(tools):
        return dataclasses.replace(build_parts(tools), services=(service,))

    unheeded: list[int] = []
    before = [signal.signal(number, lambda *got: unheeded.append(got[0])) for number in numbers]
    try:
        async with trio.open_nursery() as inner:
            inner.start_soon(run_daemon, settings, InlineTraining, build)
            await service.running.wait()
            os.kill(os.getpid(), signal.SIGTERM)
            await service.ending.wait()
            for number in numbers:
                os.kill(os.getpid(), number)
                await trio.testing.wait_all_tasks_blocked(0.01)
            assert settings.daemon.socket.exists()
            service.released.set()
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    assert unheeded == []
    assert not settings.daemon.socket.exists()
    nursery.cancel_scope.cancel()


async def test_another_network_ends_the_start(short, nursery) -> None:
    settings = await make_settings(short, nursery, Role.DATASET_OWNER)
    await nursery.start(serve_devnet, options_of(settings, short))
    other = dataclasses.replace(
        settings.sui, chain_id="4btiuiMPvEENsttpZC7CZ53DruC3MAgfznDbASZ7DR6S"
    )
    with pytest.raises(BaseExceptionGroup) as caught, trio.fail_after(GUARD_S):
        await run_daemon(dataclasses.replace(settings, sui=other), InlineTraining)
    found = most_significant(caught.value)
    assert isinstance(found, WrongNetwork)
    assert needs_owner(found)
    assert not settings.daemon.socket.exists()
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "loss",
    [Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"S")],
)
async def test_a_lost_database_is_refused_until_its_owner_accepts_it(short, nursery, loss) -> None:
    settings = await make_settings(short, nursery, Role.DATASET_OWNER)
    asking = Asking(settings.daemon.socket)

    async def run_for_a_moment(*, accept: bool = False) -> None:
        async with trio.open_nursery() as inner:
            inner.start_soon(
                lambda: run_daemon(settings, InlineTraining, accept_new_database=accept)
            )
            await asking.until(lambda result: result["state"])
            inner.cancel_scope.cancel()

    async with asking.http:
        await run_for_a_moment()
        for leftover in settings.daemon.data_dir.glob("walrusd.sqlite-*"):
            leftover.unlink()
        loss(settings.daemon.data_dir / "walrusd.sqlite")
        for _try in range(2):  # a second start must not pass for the owner's word
            with pytest.raises(DatabaseLost) as caught:
                await run_daemon(settings, InlineTraining)
            assert "--accept-new-database" in caught.value.hint
            assert needs_owner(caught.value)
        await run_for_a_moment(accept=True)
        await run_for_a_moment()


async def test_a_call_during_a_good_start_is_answered_at_its_end(autojump_clock, nursery) -> None:
    class Real:
        async def task_list(self) -> str:
            return "tasks"

    starting = Starting()
    early = StartingApi(None, "0x1", starting)
    answers: list[str] = []

    async def ask() -> None:
        answers.append(await early.task_list())

    nursery.start_soon(ask)
    await trio.sleep(5)
    assert answers == []
    starting.enter("catching up")
    early.hand_over_to(Real())
    await trio.testing.wait_all_tasks_blocked()
    assert answers == ["tasks"]


async def test_a_call_during_a_bad_start_is_refused(autojump_clock) -> None:
    starting = Starting()
    early = StartingApi(None, "0x1", starting)
    with pytest.raises(DaemonStarting):
        await early.task_list()
    assert trio.current_time() > 10
    starting.fail(ChainUnreachable("no node answers"))
    before = trio.current_time()
    with refused("daemon.starting", "answers"):
        await early.task_list()
    assert trio.current_time() == before


async def test_a_service_in_trouble_is_the_reason_of_a_start_that_does_not_go_on(
    autojump_clock,
) -> None:
    health: dict = {"name": "chain_watcher", "state": "running", "last_error": {}}
    starting = Starting()
    starting.list_services = lambda: [health]
    starting.enter("catching up with the chain")
    early = StartingApi(None, "0x1", starting)

    async def get_in_trouble() -> None:
        await trio.sleep(3)
        error = HistoryPruned("checkpoints 0 to 6 are forgotten").to_json()
        health.update(state="backing_off", last_error=error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(get_in_trouble)
        with refused("daemon.starting", "0", "6"):
            await early.task_list()
    assert trio.current_time() < 5
    told = starting.to_json()
    assert told["last_error"]["code"] == "chain.history_pruned"
    assert "forgotten" in told["state"]
    health["state"] = "running"  # it tries again, and may succeed
    assert starting.to_json()["last_error"] == {}


async def test_a_node_that_is_still_catching_up_is_waited_for(short, nursery) -> None:
    settings = await make_settings(short, nursery, Role.DATASET_OWNER)
    asking = Asking(settings.daemon.socket)
    net: DevnetInfo = await nursery.start(serve_devnet, options_of(settings, short))
    # It was away together with us, and knows neither the contract nor what we have read of it.
    data_dir = settings.daemon.data_dir
    data_dir.mkdir(parents=True)
    with Database.open(data_dir / DATABASE_NAME) as database:
        KeyValue(database).put("chain", "cursor", Cursor(checkpoint=3).to_json())
    unborn = dataclasses.replace(settings.sui, package_id="0x" + "77" * 32)
    async with asking.http, trio.open_nursery() as inner:
        inner.start_soon(run_daemon, dataclasses.replace(settings, sui=unborn), InlineTraining)
        status = await asking.until(lambda result: result["last_error"])
        assert status["last_error"]["code"] == "chain.unreachable"
        assert "3 was read before" in status["last_error"]["message"]
        os.kill(os.getpid(), signal.SIGTERM)
    assert net.chain_id == settings.sui.chain_id
    nursery.cancel_scope.cancel()


async def test_settings_are_compared_with_the_market(short, nursery) -> None:
    settings = await make_settings(short, nursery, Role.VERIFIER)
    with pytest.raises(ChainUnreachable):
        await check_on_network(settings)
    await nursery.start(serve_devnet, options_of(settings, short))
    await check_on_network(settings)
    poor = dataclasses.replace(settings.verifier, max_stake=Mist(MIST_PER_SUI))
    with refused("config.invalid", 1, "SUI", "64.01"):
        await check_on_network(dataclasses.replace(settings, verifier=poor))
    nursery.cancel_scope.cancel()
