"""Publish, verify, upgrade, and everything that stops them, on a devnet over real sockets."""

import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.admin.places import (
    BUDGET,
    Raises,
    address_of,
    flip_instruction,
    make_settings,
    open_devnet,
    take_seat,
    tamper,
)
from tests.support.guards import GUARD_S
from tests.support.market.world import InlineTraining
from tests.support.market_params import DEFAULT_PARAMS, DEFAULT_POOL
from walrusd.admin.contract import (
    open_admin,
    publish_contract,
    read_chain_id,
    upgrade_contract,
    verify_published,
)
from walrusd.chain.nodes.connect import open_client
from walrusd.chain.packages.bytecode import load_bytecode
from walrusd.chain.packages.publish import UPGRADE_CAP_TYPE, read_package
from walrusd.chain.send.outbox import SqliteOutbox
from walrusd.compose import open_tools
from walrusd.devnet.chain_file import load_contract
from walrusd.devnet.move.objects import compute_storage_cost
from walrusd.devnet.move.package_objects import encode_package
from walrusd.errors import (
    ChainUnreachable,
    ConfigError,
    ContractMismatch,
    ContractNotPublished,
    DoubleAction,
    InsufficientBalance,
    MoveAborted,
    NotAllowed,
    ObjectNotFound,
    WrongNetwork,
)
from walrusd.market import contract_check
from walrusd.settings.model import ContractIds, MarketSettings, Settings
from walrusd.settings.profile import load_profile
from walrusd.state.database import Database
from walrusd.units import MIST_PER_SUI, ObjectId, normalize_address

from .test_killed import Bomb, run_until_killed

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "testnet.md").read_text("utf-8")
PARAMS = DEFAULT_PARAMS, DEFAULT_POOL
ELSEWHERE = normalize_address("0x77")


@pytest.fixture
async def devnet(tmp_path: Path):
    async with open_devnet(tmp_path / "devnet") as info:
        yield info


@pytest.fixture
def settings(tmp_path: Path, devnet) -> Settings:
    return make_settings(tmp_path / "me", devnet, devnet.accounts[0]["key"])


async def balance(devnet, key: str) -> int:
    async with open_client([devnet.sui_url]) as client:
        return await client.balance(address_of(key))


async def start(settings: Settings) -> None:
    """Start a daemon up to where it would begin to work."""
    async with open_tools(settings, InlineTraining):
        pass


def named(settings: Settings, path: Path) -> Settings:
    ids = load_profile(path).require_contract()
    sui = replace(
        settings.sui,
        package_id=ids.package,
        market_id=ids.market,
        upgraded_package_id=ids.latest,
    )
    return replace(settings, sui=sui, market=MarketSettings(ids.pools))


async def test_a_published_contract_verifies_and_a_daemon_starts_on_it(
    tmp_path: Path, devnet, settings: Settings
) -> None:
    path = tmp_path / "networks" / "mine.toml"
    made = await publish_contract(settings, path, *PARAMS, BUDGET)
    profile = load_profile(path)
    assert made["package_id"] == profile.require_contract().package != devnet.package_id
    assert profile.contract.digest == load_bytecode().digest.hex()
    assert profile.chain_id == devnet.chain_id == await read_chain_id([devnet.sui_url])
    verified = await verify_published(profile, profile.require_contract())
    assert (verified["current"], verified["version"]) == (True, 1)
    assert verified["pool_ids"] == [profile.contract.pool_id] == [made["pool_id"]]
    await start(named(settings, path))


async def test_publishing_costs_what_the_guide_says(
    tmp_path: Path, devnet, settings: Settings
) -> None:
    (said,) = re.findall(r"Publishing costs about ([\d.]+) SUI, nearly all", GUIDE)
    before = await balance(devnet, devnet.accounts[0]["key"])
    made = await publish_contract(settings, tmp_path / "mine.toml", *PARAMS, BUDGET)
    paid = before - await balance(devnet, devnet.accounts[0]["key"])
    assert round(paid / MIST_PER_SUI, 1) == float(said)
    code = encode_package(load_contract(), made["package_id"])
    assert 0.95 * paid < compute_storage_cost(code) < paid, "nearly all of it is for the bytecode"


async def test_repeating_what_was_cut_off_pays_for_nothing_twice(
    tmp_path: Path, devnet, settings: Settings
) -> None:
    path = tmp_path / "mine.toml"
    made = await publish_contract(settings, path, *PARAMS, BUDGET)
    key = devnet.accounts[0]["key"]
    paid = await balance(devnet, key)
    assert paid < 1000 * MIST_PER_SUI
    text = path.read_text()
    path.unlink()  # as if it had been killed just before writing
    again = await publish_contract(settings, path, *PARAMS, BUDGET)
    assert again == made
    assert path.read_text() == text
    assert await balance(devnet, key) == paid


async def test_another_name_is_another_contract(tmp_path: Path, devnet, settings: Settings) -> None:
    made = [
        await publish_contract(settings, tmp_path / f"{name}.toml", *PARAMS, BUDGET)
        for name in ("one", "two")
    ]
    assert made[0]["package_id"] != made[1]["package_id"]
    assert made[0]["market_id"] != made[1]["market_id"]


async def test_an_upgrade_keeps_types_and_market_and_calls_go_to_the_new_version(
    tmp_path: Path, devnet, settings: Settings
) -> None:
    first, second = tmp_path / "v1.toml", tmp_path / "v2.toml"
    await publish_contract(settings, first, *PARAMS, BUDGET)
    old = load_profile(first).contract
    with Raises(NotAllowed, "has this bytecode already"):
        await upgrade_contract(settings, old, second, BUDGET)
    assert not second.exists()
    made = await upgrade_contract(settings, old, second, BUDGET, same=True)
    new = load_profile(second).contract
    assert (new.version, new.original_package_id) == (2, old.package_id)
    assert new.package_id not in (old.package_id, devnet.package_id)
    assert (new.market_id, new.upgrade_cap_id) == (old.market_id, old.upgrade_cap_id)
    profile = load_profile(second)
    assert (await verify_published(profile, profile.require_contract()))["version"] == 2
    second.unlink()
    assert await upgrade_contract(settings, old, second, BUDGET, same=True) == made
    fresh = named(settings, second)
    async with open_tools(fresh, InlineTraining) as (tools, _clock, client):
        # A call of the new version, on objects of the types that the old one defined.
        assert len((await take_seat(tools)).seats) == 1
        versions = await client.package_versions(new.package_id)
        assert versions == [old.package_id, new.package_id]
        (cap,) = await client.list_owned(tools.address, UPGRADE_CAP_TYPE)
        assert cap.id == new.upgrade_cap_id


async def test_only_the_owner_of_the_capability_upgrades(
    tmp_path: Path, devnet, settings: Settings
) -> None:
    path = tmp_path / "v1.toml"
    await publish_contract(settings, path, *PARAMS, BUDGET)
    other = make_settings(tmp_path / "other", devnet, devnet.accounts[1]["key"])
    before = await balance(devnet, devnet.accounts[1]["key"])
    with Raises(NotAllowed, "does not own the upgrade capability"):
        await upgrade_contract(
            other, load_profile(path).contract, tmp_path / "v2.toml", BUDGET, same=True
        )
    assert await balance(devnet, devnet.accounts[1]["key"]) == before


async def test_an_existing_profile_stops_before_anything_is_paid(
    tmp_path: Path, devnet, settings: Settings
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("precious")
    before = await balance(devnet, devnet.accounts[0]["key"])
    with Raises(ConfigError, "exists already"):
        await publish_contract(settings, path, *PARAMS, BUDGET)
    assert path.read_text() == "precious"
    assert await balance(devnet, devnet.accounts[0]["key"]) == before


async def test_without_funds_nothing_is_published(tmp_path: Path, devnet) -> None:
    poor = make_settings(tmp_path / "poor", devnet)
    with Raises(InsufficientBalance, "holds 0 SUI"):
        await publish_contract(poor, tmp_path / "p.toml", *PARAMS, BUDGET)
    assert not (tmp_path / "p.toml").exists()


async def test_funds_that_cannot_pay_for_storage_are_too_little(tmp_path: Path, devnet) -> None:
    poor = make_settings(tmp_path / "poor", devnet)
    async with open_admin(poor, BUDGET) as admin, httpx.AsyncClient(timeout=GUARD_S) as http:
        body = {"address": admin.sender.address, "amount": MIST_PER_SUI // 10}
        (await http.post(devnet.admin_url + "/faucet", json=body)).raise_for_status()
    with Raises(InsufficientBalance, "needed"):
        await publish_contract(poor, tmp_path / "p.toml", *PARAMS, BUDGET)


async def test_parameters_outside_their_limits_are_refused_and_the_rest_is_kept(
    tmp_path: Path, devnet, settings: Settings
) -> None:
    path = tmp_path / "mine.toml"
    wrong = replace(DEFAULT_PARAMS, min_window_ms=10, max_window_ms=5)
    with Raises(MoveAborted, "EBadParams"):
        await publish_contract(settings, path, wrong, DEFAULT_POOL, BUDGET)
    assert not path.exists()
    await publish_contract(settings, path, *PARAMS, BUDGET)
    async with open_client([devnet.sui_url]) as client:
        owned = await client.list_owned(address_of(devnet.accounts[0]["key"]), UPGRADE_CAP_TYPE)
    assert len(owned) == 1, "the package that the first attempt published is used"


async def test_an_unreachable_network_is_a_typed_error(
    tmp_path: Path, devnet, settings: Settings
) -> None:
    away = replace(settings, sui=replace(settings.sui, urls=("http://127.0.0.1:9",)))
    with Raises(ChainUnreachable):
        await publish_contract(away, tmp_path / "p.toml", *PARAMS, BUDGET)


async def test_another_chain_is_refused_before_anything_is_paid(
    tmp_path: Path, devnet, settings: Settings
) -> None:
    other = "69WiPg3DAQiwdxfncX6wYQ2siKwAe6L9BZthQea3JNMD"
    wrong = replace(settings, sui=replace(settings.sui, chain_id=other))
    with Raises(WrongNetwork, other):
        await publish_contract(wrong, tmp_path / "p.toml", *PARAMS, BUDGET)
    assert await balance(devnet, devnet.accounts[0]["key"]) == 1000 * MIST_PER_SUI


async def test_a_daemon_with_this_key_must_not_run(
    tmp_path: Path, devnet, settings: Settings
) -> None:
    async with open_admin(settings, BUDGET):
        with Raises(DoubleAction):
            await publish_contract(settings, tmp_path / "p.toml", *PARAMS, BUDGET)


def with_ids(settings: Settings, *pools: str, **ids: str) -> Settings:
    sui = replace(settings.sui, **ids)
    return replace(settings, sui=sui, market=MarketSettings(tuple(map(ObjectId, pools))))


async def test_a_daemon_starts_on_nothing_else(
    tmp_path: Path, devnet, settings, monkeypatch
) -> None:
    monkeypatch.setattr(contract_check, "PATIENCE_S", 0.0)
    package, market = ObjectId(devnet.package_id), ObjectId(devnet.market_id)
    pool = ObjectId(devnet.pool_id)
    nowhere = ObjectId("0x" + "99" * 32)
    with Raises(ContractNotPublished, "sui.package_id"):
        await start(settings)
    with Raises(ContractNotPublished, "sui.market_id"):
        await start(with_ids(settings, package_id=package))
    with Raises(ContractNotPublished, "market.pools"):
        await start(with_ids(settings, package_id=package, market_id=market))
    with Raises(ContractNotPublished, nowhere):
        await start(with_ids(settings, pool, package_id=nowhere, market_id=market))
    with Raises(ObjectNotFound, nowhere):
        await start(with_ids(settings, pool, package_id=package, market_id=nowhere))
    with Raises(ObjectNotFound, nowhere):
        await start(with_ids(settings, pool, nowhere, package_id=package, market_id=market))
    await start(with_ids(settings, pool, package_id=package, market_id=market))
    path = tmp_path / "mine.toml"
    await publish_contract(settings, path, *PARAMS, BUDGET)
    mine = load_profile(path).require_contract()
    with Raises(ObjectNotFound, "not a Market of this market"):
        await start(with_ids(settings, pool, package_id=mine.package, market_id=market))
    with Raises(ObjectNotFound, "not a VerifierPool of this market"):
        await start(with_ids(settings, *mine.pools, package_id=package, market_id=market))
    with Raises(WrongNetwork, f"not of {package}"):
        await start(
            with_ids(
                settings,
                pool,
                package_id=package,
                market_id=market,
                upgraded_package_id=mine.package,
            )
        )


async def leave_unsent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign and journal a payment, and be killed before it is sent."""

    async def pay() -> None:
        async with open_admin(settings, BUDGET) as admin:
            await admin.sender.submit(
                lambda p: p.transfer(ELSEWHERE, *p.split_gas(MIST_PER_SUI)), label="payment"
            )

    with monkeypatch.context() as patch:
        bomb = Bomb(patch, 0)
        await run_until_killed(pay())
        assert bomb.steps == ["save"]


def count_unsent(settings: Settings, key: str) -> int:
    with Database.open(settings.daemon.data_dir / "walrusd.sqlite") as database:
        return len(SqliteOutbox(database.connection).pending(address_of(key)))


async def refuse_to_start(devnet, settings: Settings, patch, *words: str) -> ContractMismatch:
    """Start with a payment that waits to be sent; return why not, once it is known to wait still.

    Whoever recovers what was left unsent would pay it at once: at the end that is done.
    """
    key = devnet.accounts[0]["key"]
    await leave_unsent(settings, patch)
    assert count_unsent(settings, key) == 1
    with Raises(ContractMismatch, *words) as caught:
        await start(settings)
    assert count_unsent(settings, key) == 1
    assert await balance(devnet, key) == 1000 * MIST_PER_SUI
    async with open_admin(settings, BUDGET):
        assert count_unsent(settings, key) == 0
        assert await balance(devnet, key) < 999 * MIST_PER_SUI
    assert isinstance(caught.error, ContractMismatch)
    return caught.error


async def test_modified_bytecode_on_chain_is_named_and_nothing_starts(
    tmp_path: Path, monkeypatch
) -> None:
    forged = tamper(load_contract(), flip_instruction)
    async with open_devnet(tmp_path / "devnet", forged) as devnet:
        ids = ContractIds(devnet.package_id, devnet.package_id, devnet.market_id)
        async with open_client([devnet.sui_url]) as client:
            digest = (await read_package(client, ids.package)).compute_digest().hex()
        settings = with_ids(
            make_settings(tmp_path / "me", devnet, devnet.accounts[0]["key"]),
            devnet.pool_id,
            package_id=ids.package,
            market_id=ids.market,
        )
        error = await refuse_to_start(devnet, settings, monkeypatch, "task differ")
        assert error.fields["modules"] == ["task"]
        assert error.fields["digest"] == digest != load_bytecode().digest.hex()


@pytest.mark.parametrize(("version", "allowed"), [(2, [1, 2]), (1, [2])])
async def test_a_market_of_another_version_is_refused(
    tmp_path: Path, monkeypatch, version, allowed
) -> None:
    known = load_contract()

    def genesis(context, chain_id):
        made = known.genesis(context, chain_id)
        made.market.version, made.market.allowed_versions = version, allowed
        return made

    async with open_devnet(tmp_path / "devnet", replace(known, genesis=genesis)) as devnet:
        settings = with_ids(
            make_settings(tmp_path / "me", devnet, devnet.accounts[0]["key"]),
            devnet.pool_id,
            package_id=ObjectId(devnet.package_id),
            market_id=ObjectId(devnet.market_id),
        )
        words = f"has version {version}", "speaks version 1"
        await refuse_to_start(devnet, settings, monkeypatch, *words)
