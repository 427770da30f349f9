"""Killed between any two steps, publishing goes on where it stopped."""

from pathlib import Path

import httpx
import pytest

from tests.admin.places import BUDGET, address_of, make_settings, open_devnet
from tests.support.guards import GUARD_S
from tests.support.market_params import DEFAULT_PARAMS, DEFAULT_POOL
from walrusd.admin import contract
from walrusd.admin.contract import publish_contract, upgrade_contract
from walrusd.chain.nodes.connect import open_client
from walrusd.chain.packages.publish import UPGRADE_CAP_TYPE
from walrusd.chain.send.outbox import SqliteOutbox
from walrusd.settings.profile import load_profile

PUBLISH_STEPS = [*["save", "mark"] * 3, "write"]
"""A transaction is journalled, sent, and recorded: for the package, its market, its pool."""


PARAMS = DEFAULT_PARAMS, DEFAULT_POOL


class Killed(BaseException):
    """Stands for a SIGKILL: nothing catches it, nothing is cleaned up on its account."""


class Bomb:
    """Kills at the n-th step: after journalling, or before recording or writing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.steps: list[str] = []
        self.at = at
        save, mark, write = SqliteOutbox.save, SqliteOutbox.mark, contract.write_profile

        def saving(outbox, *arguments):
            save(outbox, *arguments)
            self.step("save")

        def marking(outbox, *arguments):
            self.step("mark")
            mark(outbox, *arguments)

        def writing(*arguments):
            self.step("write")
            write(*arguments)

        monkeypatch.setattr(SqliteOutbox, "save", saving)
        monkeypatch.setattr(SqliteOutbox, "mark", marking)
        monkeypatch.setattr(contract, "write_profile", writing)

    def step(self, name: str) -> None:
        self.steps.append(name)
        if len(self.steps) - 1 == self.at:
            raise Killed


async def run_until_killed(work) -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        await work
    assert caught.value.split(Killed)[1] is None


async def count_transactions(info) -> int:
    async with httpx.AsyncClient(timeout=GUARD_S) as http:
        return (await http.get(info.admin_url + "/status")).json()["transactions"]


@pytest.mark.parametrize("at", range(len(PUBLISH_STEPS)))
async def test_publishing_is_done_once(tmp_path: Path, monkeypatch, at: int) -> None:
    path = tmp_path / "mine.toml"
    async with open_devnet(tmp_path / "devnet") as info:
        settings = make_settings(tmp_path / "me", info, info.accounts[0]["key"])
        before = await count_transactions(info)
        with monkeypatch.context() as patch:
            bomb = Bomb(patch, at)
            await run_until_killed(publish_contract(settings, path, *PARAMS, BUDGET))
            assert bomb.steps == PUBLISH_STEPS[: at + 1]
        assert not path.exists()
        made = await publish_contract(settings, path, *PARAMS, BUDGET)
        assert await count_transactions(info) == before + 3
        assert load_profile(path).contract.package_id == made["package_id"]
        async with open_client([info.sui_url]) as client:
            owner = address_of(info.accounts[0]["key"])
            assert len(await client.list_owned(owner, UPGRADE_CAP_TYPE)) == 1


@pytest.mark.parametrize("at", range(3))
async def test_upgrading_is_done_once(tmp_path: Path, monkeypatch, at: int) -> None:
    path, second = tmp_path / "v1.toml", tmp_path / "v2.toml"
    async with open_devnet(tmp_path / "devnet") as info:
        settings = make_settings(tmp_path / "me", info, info.accounts[0]["key"])
        await publish_contract(settings, path, *PARAMS, BUDGET)
        old, before = load_profile(path).contract, await count_transactions(info)
        with monkeypatch.context() as patch:
            Bomb(patch, at)
            await run_until_killed(upgrade_contract(settings, old, second, BUDGET, same=True))
        assert not second.exists()
        made = await upgrade_contract(settings, old, second, BUDGET, same=True)
        assert made["version"] == 2
        assert await count_transactions(info) == before + 1
