"""From an earlier release's contract to this one's, with other bytecode, on a devnet."""

import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.admin.earlier import build_earlier
from tests.admin.places import BUDGET, Raises, make_settings, open_devnet, take_seat
from tests.docs.guide import UPGRADE, run_commands
from tests.support.market.world import InlineTraining
from tests.support.market_params import DEFAULT_PARAMS, DEFAULT_POOL
from tests.support.refusals import refused
from walrusd.admin import contract as admin_contract
from walrusd.admin.contract import (
    publish_contract,
    upgrade_contract,
    verify_published,
)
from walrusd.admin.migration import migrate_contract
from walrusd.chain.calls.contract import ContractClient
from walrusd.chain.calls.reads import MarketReader
from walrusd.chain.layouts.events import DatasetListed
from walrusd.chain.layouts.objects import DatasetVersion
from walrusd.chain.nodes.connect import open_client
from walrusd.chain.packages.bytecode import Bytecode, load_bytecode
from walrusd.chain.packages.publish import read_package
from walrusd.chain.send.outbox import SqliteOutbox
from walrusd.chain.send.signer import Signer, decode_private_key
from walrusd.chain.send.transactions import Sender
from walrusd.compose import open_tools
from walrusd.devnet.chain_file import open_chain_file
from walrusd.errors import BadRequest, ContractMismatch, NotAllowed
from walrusd.settings.adopt import adopt_contract
from walrusd.settings.load import load_settings
from walrusd.settings.model import Settings
from walrusd.settings.profile import load_profile

from .test_flow import named, start


@pytest.fixture
def earlier(tmp_path: Path, monkeypatch):
    folder = tmp_path / "earlier"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return build_earlier(folder)


@pytest.fixture
async def devnet(tmp_path: Path, earlier):
    async with open_devnet(tmp_path / "devnet", further=(earlier,)) as info:
        yield info


@pytest.fixture
async def published(tmp_path: Path, devnet, earlier, monkeypatch):
    """Settings, and the profile that the earlier release wrote."""
    settings = make_settings(tmp_path / "me", devnet, devnet.accounts[0]["key"])
    path = tmp_path / "old.toml"
    bytecode = Bytecode(earlier.modules, earlier.dependencies, earlier.digest)
    with monkeypatch.context() as patch:
        patch.setattr(admin_contract, "load_bytecode", lambda: bytecode)
        await publish_contract(settings, path, DEFAULT_PARAMS, DEFAULT_POOL, BUDGET)
    return settings, path


async def test_an_upgrade_to_other_code_takes_over_market_and_pool(
    tmp_path: Path, devnet, published
) -> None:
    settings, old = published
    before = load_profile(old).contract
    assert before.digest != load_bytecode().digest.hex()
    with Raises(ContractMismatch, "market differ"):
        await start(named(settings, old))

    new = tmp_path / "new.toml"
    await upgrade_contract(settings, before, new, BUDGET)
    after = load_profile(new).contract
    assert (after.version, after.original_package_id) == (2, before.package_id)
    assert after.digest == load_bytecode().digest.hex()
    async with open_client([devnet.sui_url]) as client:
        digests = [
            (await read_package(client, contract.package_id)).compute_digest().hex()
            for contract in (before, after)
        ]
        assert digests == [before.digest, after.digest]

        # The market is the earlier version's: nothing is done for it before it is handed over.
        with Raises(ContractMismatch, "has version 0", "speaks version 1"):
            await start(named(settings, new))
        moved = await migrate_contract(settings, after, [], BUDGET)
        assert set(moved["transactions"]) == {after.market_id, after.pool_id}
        reader = MarketReader(client, after.original_package_id, after.market_id)
        market, pool = await reader.market(), await reader.pool(after.pool_id)
        assert (market.version, market.allowed_versions, pool.version) == (1, [1], 1)
    assert (await migrate_contract(settings, after, [], BUDGET))["migrated"] == 0

    profile = load_profile(new)
    assert (await verify_published(profile, profile.require_contract()))["version"] == 2
    async with open_tools(named(settings, new), InlineTraining) as (tools, _clock, _client):
        assert len((await take_seat(tools)).seats) == 1
        tools.contract._called_package_id = before.package_id
        with refused("chain.move_abort", "EWrongVersion"):
            await take_seat(tools)


def write_config(path: Path, devnet, settings: Settings) -> None:
    path.write_text(
        "\n".join(
            (
                "[daemon]",
                f'data_dir = "{settings.daemon.data_dir}"',
                f'socket = "{settings.daemon.socket}"',
                'roles = ["publisher"]',
                "[sui]",
                f'urls = ["{devnet.sui_url}"]',
                f'chain_id = "{devnet.chain_id}"',
                "[walrus]",
                f'aggregators = ["{devnet.walrus_url}"]',
                f'publishers = ["{devnet.walrus_url}"]',
                "[keys]",
                f'keystore = "{settings.keys.keystore}"',
                f'kek_file = "{settings.keys.kek_file}"',
            )
        )
    )


async def test_the_guide_leads_through_an_upgrade_and_the_devnet_opens_again(
    tmp_path: Path, devnet, published, earlier
) -> None:
    """What docs/testnet.md says of an upgrade is done, by commands, to an earlier contract."""
    settings, old = published
    before = load_profile(old)
    dataset = await list_dataset(devnet, before.contract.package_id, before.contract.market_id)
    networks = tmp_path / "config" / "networks"
    networks.mkdir(parents=True)
    shutil.copy(old, networks / "run1.toml")
    stranger = make_settings(tmp_path / "stranger", devnet, devnet.accounts[2]["key"])
    configs = [tmp_path / who / "walrusd.toml" for who in ("publisher", "contributor", "verifier")]
    for config, whose in zip(configs, (settings, stranger, stranger), strict=True):
        config.parent.mkdir()
        write_config(config, devnet, whose)
        adopt_contract(config, before)

    who = "publisher contributor verifier"
    names = {"ADMIN": devnet.admin_url, "DATASET": dataset, "EVERYONE": who}
    run = partial(run_commands, UPGRADE, tmp_path, **names)
    done = await trio.to_thread.run_sync(run)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    contract = load_profile(networks / "run2.toml").contract
    assert (contract.version, contract.original_package_id) == (2, before.contract.package_id)
    for config in configs:
        ids = load_settings(config).sui.require_contract()
        assert (ids.package, ids.latest) == (before.contract.package_id, contract.package_id)
    assert (await migrate_contract(settings, contract, [dataset], BUDGET))["migrated"] == 0

    # Opened again, both packages stand for the code that was published, old and new.
    copy = tmp_path / "again.sqlite"
    with (
        closing(sqlite3.connect(tmp_path / "devnet" / "sui.sqlite")) as live,
        closing(sqlite3.connect(copy)) as saved,
    ):
        live.backup(saved)
    ledger = open_chain_file(copy, further=(earlier,))
    bound = {
        p.version: p
        for p in ledger.packages.versions_of(ledger.packages.by_id[contract.package_id])
    }
    ledger.store.close()
    key = "market", "migrate_market"
    assert bound[1].functions[key].impl.__module__.startswith("contract_where_")
    assert bound[2].functions[key].impl.__module__.startswith("walrusd.")


async def list_dataset(devnet, package: str, market: str) -> str:
    async with open_client([devnet.sui_url]) as client:
        signer = Signer(decode_private_key(devnet.accounts[1]["key"]))
        with closing(sqlite3.connect(":memory:")) as outbox:
            contract = ContractClient(
                client, Sender(client, signer, SqliteOutbox(outbox)), package, market
            )
            version = DatasetVersion(1, 7, bytes(32), bytes(32), 1, 1, bytes(32))
            listed = await contract.list_dataset(
                title=b"x", description_blob=1, version=version, once="list"
            )
            (event,) = listed.emitted("events::DatasetListed")
            return DatasetListed.from_bcs(event.contents).dataset


async def test_only_the_administrator_hands_the_market_over_and_anybody_the_rest(
    tmp_path: Path, devnet, published
) -> None:
    settings, old = published
    before = load_profile(old).contract
    dataset = await list_dataset(devnet, before.package_id, before.market_id)
    await upgrade_contract(settings, before, tmp_path / "new.toml", BUDGET)
    contract = load_profile(tmp_path / "new.toml").contract
    stranger = make_settings(tmp_path / "stranger", devnet, devnet.accounts[1]["key"])
    with Raises(NotAllowed, "administrator capability"):
        await migrate_contract(stranger, contract, [], BUDGET)
    with Raises(BadRequest, "does not exist on this network"):
        await migrate_contract(settings, contract, ["0x" + "99" * 32], BUDGET)
    with Raises(BadRequest, "AdminCap"):
        await migrate_contract(settings, contract, [contract.admin_cap_id], BUDGET)
    with Raises(BadRequest, "at most 100"):
        await migrate_contract(settings, contract, [dataset] * 101, BUDGET)
    moved = await migrate_contract(settings, contract, [], BUDGET)
    assert moved["migrated"] == 2, "nothing was migrated before"
    for expected in ({dataset}, set()):
        moved = await migrate_contract(stranger, contract, [dataset], BUDGET)
        assert set(moved["transactions"]) == expected
