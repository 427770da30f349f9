"""Publishing and verifying where full nodes do not all know the contract yet."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import trio
from click.testing import CliRunner

from tests.admin.places import BUDGET, Raises, make_settings, open_devnet
from tests.support.guards import GUARD_S
from tests.support.market_params import DEFAULT_PARAMS, DEFAULT_POOL
from walrusd.admin.contract import (
    publish_contract,
    upgrade_contract,
    verify_published,
)
from walrusd.chain.nodes import own_writes
from walrusd.chain.packages import publish as chain_publish
from walrusd.cli.contract import contract as contract_command
from walrusd.errors import ContractNotPublished
from walrusd.market import contract_check
from walrusd.settings.model import Settings
from walrusd.settings.profile import load_profile, write_profile

from .test_flow import named, start
from .test_killed import count_transactions


@pytest.fixture
async def devnet(tmp_path: Path):
    async with open_devnet(tmp_path / "devnet", endpoints=2) as info:
        yield info


@pytest.fixture
def settings(tmp_path: Path, devnet) -> Settings:
    settings = make_settings(tmp_path / "me", devnet, devnet.accounts[0]["key"])
    return replace(settings, sui=replace(settings.sui, urls=tuple(devnet.sui_urls)))


async def control(devnet, path: str, **body: object) -> None:
    async with httpx.AsyncClient(timeout=GUARD_S) as http:
        (await http.post(devnet.admin_url + path, json=body)).raise_for_status()


class Looks:
    """What nodes said when asked for a package; the frozen node is thawed after ``patience``.

    With ``trap`` nodes begin to differ only when a package was shown: that of the old version.
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, devnet, *, patience: int = 2, trap: bool = False
    ) -> None:
        self.seen: list[bool] = []
        # The nodes' time is counted in looks.
        monkeypatch.setattr(contract_check, "PATIENCE_S", GUARD_S)
        monkeypatch.setattr(own_writes, "PATIENCE_S", GUARD_S)
        ask = chain_publish._ask_for_package

        async def looking(client, package_id):
            found = await ask(client, package_id)
            self.seen.append(found is not None)
            if trap and len(self.seen) == 1:
                await fail_over(devnet)
            if found is None and self.seen.count(False) == patience:
                await control(devnet, "/endpoints", frozen=False)
            return found

        monkeypatch.setattr(chain_publish, "_ask_for_package", looking)


async def fail_over(devnet) -> None:
    """Let the second node stand still, and the first fail when it is asked for a package."""
    await control(devnet, "/endpoints", endpoint=1, frozen=True)
    rule = {"kind": "fail", "rpc": "GetPackage", "times": 1}
    await control(devnet, "/faults", endpoint=0, rules=[rule])


async def test_the_publisher_waits_for_a_node_that_does_not_know_the_package_yet(
    tmp_path: Path, devnet, settings: Settings, monkeypatch
) -> None:
    await fail_over(devnet)
    path, before = tmp_path / "mine.toml", await count_transactions(devnet)
    looks = Looks(monkeypatch, devnet)
    await publish_contract(settings, path, DEFAULT_PARAMS, DEFAULT_POOL, BUDGET)
    assert looks.seen == [False, False, True]
    assert await count_transactions(devnet) == before + 3


async def test_the_upgrader_waits_for_a_node_that_does_not_know_the_version_yet(
    tmp_path: Path, devnet, settings: Settings, monkeypatch
) -> None:
    path, new = tmp_path / "mine.toml", tmp_path / "new.toml"
    await publish_contract(settings, path, DEFAULT_PARAMS, DEFAULT_POOL, BUDGET)
    looks = Looks(monkeypatch, devnet, trap=True)
    await upgrade_contract(settings, load_profile(path).contract, new, BUDGET, same=True)
    assert looks.seen == [True, False, False, True]


async def test_a_publication_that_was_cut_off_is_waited_for_as_well(
    tmp_path: Path, devnet, settings: Settings, monkeypatch
) -> None:
    path = tmp_path / "mine.toml"
    await control(devnet, "/endpoints", endpoint=1, frozen=True)
    made = await publish_contract(settings, path, DEFAULT_PARAMS, DEFAULT_POOL, BUDGET)
    path.unlink()
    await fail_over(devnet)
    looks = Looks(monkeypatch, devnet)
    assert await publish_contract(settings, path, DEFAULT_PARAMS, DEFAULT_POOL, BUDGET) == made
    assert looks.seen == [False, False, True]


async def test_who_verifies_gives_a_node_a_little_time(
    tmp_path: Path, devnet, settings: Settings, monkeypatch
) -> None:
    path = tmp_path / "mine.toml"
    await control(devnet, "/endpoints", endpoint=1, frozen=True)
    await publish_contract(settings, path, DEFAULT_PARAMS, DEFAULT_POOL, BUDGET)
    profile = load_profile(path)
    behind = tmp_path / "behind.toml"
    write_profile(behind, replace(profile, name="behind", urls=(devnet.sui_urls[1],)))
    looks = Looks(monkeypatch, devnet)
    await trio.to_thread.run_sync(run_verify, behind)
    assert looks.seen == [False, False, True]

    monkeypatch.setattr(contract_check, "PATIENCE_S", 0.0)
    await control(devnet, "/endpoints", endpoint=1, frozen=True)
    second = tmp_path / "second.toml"
    await publish_contract(settings, second, DEFAULT_PARAMS, DEFAULT_POOL, BUDGET)
    unseen = replace(load_profile(second), urls=(devnet.sui_urls[1],))
    with Raises(ContractNotPublished, "no package"):
        await verify_published(unseen, unseen.require_contract())


def run_verify(profile: Path) -> None:
    done = CliRunner().invoke(contract_command, ["verify", "--network", str(profile)])
    assert done.exit_code == 0, done.output


async def test_a_node_that_stopped_is_left_for_one_that_knows_the_contract(
    tmp_path: Path, devnet, settings: Settings
) -> None:
    await control(devnet, "/endpoints", endpoint=0, frozen=True)
    path = tmp_path / "mine.toml"
    alone = replace(settings, sui=replace(settings.sui, urls=(devnet.sui_urls[1],)))
    await publish_contract(alone, path, DEFAULT_PARAMS, DEFAULT_POOL, BUDGET)
    await control(devnet, "/clock/advance", ms=60_000)
    both = replace(load_profile(path), urls=tuple(devnet.sui_urls))
    assert (await verify_published(both, both.require_contract()))["current"]
    await start(named(settings, path))


async def test_two_nodes_that_lag_lead_to_a_contract_that_verifies(
    tmp_path: Path, devnet, settings: Settings
) -> None:
    """Each fails now and then, so that what one has shown is asked of the other."""
    for endpoint, lag_ms in enumerate((100, 700)):
        rule = {"kind": "fail", "rpc": "Get*", "probability": 0.2}
        await control(devnet, "/endpoints", endpoint=endpoint, lag_ms=lag_ms)
        await control(devnet, "/faults", endpoint=endpoint, rules=[rule], seed=endpoint)
    path, new = tmp_path / "mine.toml", tmp_path / "new.toml"
    await publish_contract(settings, path, DEFAULT_PARAMS, DEFAULT_POOL, BUDGET)
    await trio.to_thread.run_sync(run_verify, path)
    await upgrade_contract(settings, load_profile(path).contract, new, BUDGET, same=True)
    await trio.to_thread.run_sync(run_verify, new)


async def test_a_machine_that_is_slow_to_look_looks_again(monkeypatch, autojump_clock) -> None:
    looks: list[float] = []

    async def look(_reader, _ids):
        looks.append(trio.current_time())
        await trio.sleep(10 * contract_check.PATIENCE_S)
        raise ContractNotPublished("not yet")

    async def leave_stale():
        await trio.lowlevel.checkpoint()
        return False

    monkeypatch.setattr(contract_check, "_verify", look)
    reader = SimpleNamespace(
        client=SimpleNamespace(endpoints=SimpleNamespace(leave_stale=leave_stale))
    )
    with Raises(ContractNotPublished, "not yet"):
        await contract_check.verify_contract(reader, None)
    assert len(looks) == 2
