"""What an owner says of a task is refused where nothing could come of it."""

from pathlib import Path

import pytest

from tests.support.market.bench import TASK, Network, decisions, make_api
from tests.support.refusals import refused
from walrusd.core.lifecycle import TaskPhase


async def test_an_owner_joins_a_task_that_takes_contributors(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "contributor") as tools:
        api = make_api(tools)
        assert (await api.task_join(TASK))["override"] == "join"


@pytest.mark.parametrize("phase", [p for p in TaskPhase if p != TaskPhase.JOINING])
async def test_an_owner_cannot_join_a_task_whose_joining_is_over(tmp_path: Path, phase) -> None:
    net = Network()
    with net.daemon(tmp_path, "contributor") as tools:
        net.task.phase = phase
        api = make_api(tools)
        with refused("daemon.not_allowed", phase.name.lower()):
            await api.task_join(TASK)
        assert not decisions(tools, TASK)


async def test_an_owner_cannot_join_twice(tmp_path: Path) -> None:
    net = Network()
    with net.daemon(tmp_path, "contributor") as tools:
        net.join(tools.address)
        with refused("daemon.not_allowed", "already"):
            await make_api(tools).task_join(TASK)
