"""What the market does at a start, at another one, and when a task ends; and what it tells."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from tests.devnet_market.test_members import INFO
from tests.docs.commands import check_command, list_commands
from walrusd.core.lifecycle import TaskPhase
from walrusd.devnet_market.layout import SEATS, VERIFIERS, MarketFiles
from walrusd.devnet_market.market import LOOK_S, REMIND_S, Market, describe_phase, has_ended
from walrusd.devnet_market.offer import PLACES
from walrusd.devnet_market.state import MarketState, read_market_state
from walrusd.devnet_market.up import describe_ready
from walrusd.errors import ChainUnreachable, DevnetFailed, InsufficientBalance


def make_task(phase: TaskPhase = TaskPhase.JOINING, joined: int = 2, accepted: int = 0) -> Any:
    """Return what the market looks at in a task, the first ``accepted`` of it accepted."""
    terms = SimpleNamespace(
        max_submissions=PLACES, k_min=PLACES, reward=1_500_000_000, stake=10_000_000_000
    )
    return SimpleNamespace(
        id="0x" + "a" * 64,
        phase=phase,
        entries=[None] * joined,
        committed=0,
        ended=0,
        accepted=(1 << accepted) - 1,
        terms=terms,
    )


class Chain:
    """Daemons and reader in one: commands are kept, and open tasks in which two have joined."""

    def __init__(self) -> None:
        self.tasks: dict[str, Any] = {}
        self.seats = SEATS * len(VERIFIERS)
        self.commands: list[tuple[str, ...]] = []
        self.refusal: Exception | None = None
        self.failures = 0

    async def wait_ready(self, tell: Any) -> None:
        tell("the daemon of anybody")

    async def command(self, member: str, *arguments: str) -> dict[str, str]:
        if self.refusal is not None:
            raise self.refusal
        self.commands.append((member, *arguments))
        if arguments[0] == "dataset":
            return {"dataset": "0xd"}
        task = f"0x{len(self.tasks) + 1}"
        self.tasks[task] = make_task()
        return {"task": task}

    def forget(self, object_id: str) -> None:
        pass

    @property
    def pool_ids(self) -> tuple[str, ...]:
        return ("0xp",)

    async def pool(self, pool: str) -> Any:
        assert pool == "0xp"
        if self.failures:
            self.failures -= 1
            raise ChainUnreachable("busy")
        return SimpleNamespace(seats=[None] * self.seats)

    async def task(self, object_id: str) -> Any:
        return self.tasks[object_id]


@pytest.fixture
def files(tmp_path: Path) -> MarketFiles:
    return MarketFiles(tmp_path)


def open_market(files: MarketFiles, chain: Any) -> tuple[Market, list[str]]:
    said: list[str] = []
    return Market(files, read_market_state(files), chain, chain, said.append), said


async def test_a_first_start_lists_the_dataset_and_opens_a_task(files, autojump_clock) -> None:
    chain = Chain()
    market, said = open_market(files, chain)
    task = await market.prepare()
    assert (task.places_left, task.is_joinable) == (1, True)
    (who, *listed), (publisher, *published) = chain.commands
    assert who == publisher == "publisher"
    assert listed[:3] == ["dataset", "add", str(files.rows)]
    assert published == ["task", "publish", str(files.task(1))]
    assert json.loads(files.task(1).read_text())["datasets"][0]["dataset"] == "0xd"
    assert read_market_state(files) == MarketState(dataset="0xd", task="0x1", number=1)
    assert any("2 of 3 places are taken" in line for line in said)


async def test_another_start_continues(files, autojump_clock) -> None:
    chain = Chain()
    await open_market(files, chain)[0].prepare()
    done = len(chain.commands)
    await open_market(files, chain)[0].prepare()
    assert len(chain.commands) == done
    chain.tasks["0x1"] = make_task(TaskPhase.TRAINING, joined=3)
    found = await open_market(files, chain)[0].prepare()
    assert len(chain.commands) == done
    assert not found.is_joinable


async def test_after_a_crash_while_opening_the_same_file_is_published(files, autojump_clock):
    """The publisher's daemon opens one task only for one file."""
    chain = Chain()
    chain.refusal = ChainUnreachable("killed here")
    market, _ = open_market(files, chain)
    market._remember(dataset="0xd")
    with pytest.raises(ChainUnreachable):
        await market.prepare()
    before = files.task(1).read_bytes()
    chain.refusal = None
    await open_market(files, chain)[0].prepare()
    assert files.task(1).read_bytes() == before


async def test_it_waits_for_seats_and_for_a_busy_machine(files, autojump_clock) -> None:
    chain = Chain()
    chain.seats, chain.failures = 0, 3
    market, said = open_market(files, chain)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(market.remind)
        nursery.start_soon(market.prepare)
        await trio.sleep(REMIND_S * 1.5)
        assert said == ["still waiting for 16 seats of 8 verifiers, 0 so far"]
        assert chain.commands == []
        chain.seats = SEATS * len(VERIFIERS)
        await trio.sleep(2 * LOOK_S)
        assert len(chain.commands) == 2
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("end", [make_task(TaskPhase.AGGREGATED, 3, 3), make_task(TaskPhase.VOID)])
async def test_when_a_task_has_ended_another_is_opened(files, autojump_clock, end) -> None:
    chain = Chain()
    market, said = open_market(files, chain)
    await market.prepare()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(market.keep_task_open)
        await trio.sleep(10 * LOOK_S)
        assert len(chain.tasks) == 1
        chain.tasks["0x1"] = end
        await trio.sleep(10 * LOOK_S)
        nursery.cancel_scope.cancel()
    assert list(chain.tasks) == ["0x1", "0x2"]
    assert read_market_state(files).number == 2
    assert describe_phase(end) in "\n".join(said)


async def test_a_publisher_without_money_opens_no_further_task(files, autojump_clock) -> None:
    chain = Chain()
    market, said = open_market(files, chain)
    await market.prepare()
    chain.tasks["0x1"] = make_task(TaskPhase.VOID)
    chain.refusal = InsufficientBalance("it has nothing left")
    await market.keep_task_open()
    assert said[-1] == "no further task is opened: it has nothing left"


async def test_a_passing_fault_does_not_end_the_offer(files, autojump_clock) -> None:
    chain = Chain()
    market, said = open_market(files, chain)
    await market.prepare()
    chain.tasks["0x1"] = make_task(TaskPhase.VOID)
    chain.refusal = DevnetFailed("walrusctl ended with exit status 1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(market.keep_task_open)
        await trio.sleep(3 * REMIND_S)
        assert len(chain.tasks) == 1
        chain.refusal = None
        await trio.sleep(2 * REMIND_S)
        nursery.cancel_scope.cancel()
    assert list(chain.tasks) == ["0x1", "0x2"]
    assert (
        said.count("no task could be opened, trying again: walrusctl ended with exit status 1") > 1
    )


@pytest.mark.parametrize(
    ("phase", "accepted", "over"),
    [
        (TaskPhase.JOINING, 0, False),
        (TaskPhase.VERIFYING, 3, False),
        (TaskPhase.SETTLED, 3, False),  # the publisher still adds up the updates
        (TaskPhase.SETTLED, 2, True),
        (TaskPhase.AGGREGATED, 3, True),
        (TaskPhase.VOID, 0, True),
    ],
)
def test_a_task_has_ended_when_nothing_more_happens(phase, accepted, over) -> None:
    assert has_ended(make_task(phase, 3, accepted)) == over


@pytest.mark.parametrize("phase", TaskPhase)
def test_every_phase_has_words(phase: TaskPhase) -> None:
    assert describe_phase(make_task(phase, 3))


async def test_what_is_printed_to_be_typed_exists(files, monkeypatch, autojump_clock) -> None:
    monkeypatch.chdir(files.root)
    found = await open_market(files, Chain())[0].prepare()
    lines = describe_ready(MarketFiles(files.root / "devnet"), INFO, found, 12.0)
    text = "\n".join(lines)
    commands = list(list_commands(text.replace("`", "\n")))
    assert len(commands) == 5
    for words in commands:
        check_command(words)
    assert "--network devnet/network.json" in text
    spaced = describe_ready(MarketFiles(files.root / "my net"), INFO, found, 12.0)
    assert "--network 'my net/network.json'" in "\n".join(spaced)
    assert "1 of 3 places left" in text
    elsewhere = describe_ready(MarketFiles(Path("/srv/net")), INFO, found, 12.0)
    assert "walrusd devnet down --dir /srv/net" in "\n".join(elsewhere)
