"""The files of the market's daemons: made once, and following the ports."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from walrusd.cli.init import read_address
from walrusd.devnet.app import DevnetInfo
from walrusd.devnet.ledger.accounts import Seed, derive_accounts
from walrusd.devnet_market.layout import ACCOUNTS, MEMBERS, NEWCOMER_ACCOUNT, MarketFiles
from walrusd.devnet_market.members import check_directory, write_members
from walrusd.devnet_market.offer import make_terms
from walrusd.errors import ConfigError
from walrusd.settings.amounts import parse_amount
from walrusd.settings.load import load_settings
from walrusd.settings.model import Role
from walrusd.settings.network import read_network

PEOPLE = [
    {"address": account.address, "key": account.exported}
    for account in derive_accounts(Seed.from_number(5), ACCOUNTS)
]
INFO = DevnetInfo(
    sui_url="http://127.0.0.1:1001",
    walrus_url="http://127.0.0.1:1002",
    admin_url="http://127.0.0.1:1003",
    chain_id="69WiPg3DAQiwdxfncX6wYQ2siKwAe6L9BZthQea3JNMD",
    package_id="0x" + "1" * 64,
    market_id="0x" + "2" * 64,
    pool_id="0x" + "3" * 64,
    shards=100,
    accounts=PEOPLE,
)


@pytest.fixture
def files(tmp_path: Path) -> MarketFiles:
    files = MarketFiles(tmp_path / "net")
    files.root.mkdir()
    write_members(files, INFO)
    return files


def test_every_daemon_acts_with_its_own_account(files: MarketFiles) -> None:
    found = [read_address(load_settings(files.config(member.name))) for member in MEMBERS]
    assert found == [PEOPLE[member.account]["address"] for member in MEMBERS]
    assert (
        len({*found, PEOPLE[NEWCOMER_ACCOUNT]["address"], PEOPLE[0]["address"]}) == len(MEMBERS) + 2
    )


def test_the_newcomers_key_is_private_and_the_network_holds_none(files: MarketFiles) -> None:
    assert stat.S_IMODE(files.newcomer_key.stat().st_mode) == 0o600
    assert files.newcomer_key.read_text() == PEOPLE[NEWCOMER_ACCOUNT]["key"] + "\n"
    assert "suiprivkey" not in files.network.read_text()
    assert read_network(str(files.network))["sui"]["chain_id"] == INFO.chain_id


def test_roles_have_what_they_need(files: MarketFiles) -> None:
    stake = parse_amount(make_terms()["stake"])
    for member in MEMBERS:
        settings = load_settings(files.config(member.name))
        assert settings.daemon.roles == set(member.roles)
        if Role.CONTRIBUTOR in member.roles:
            assert settings.policy.max_stake_per_task >= stake
        if Role.VERIFIER in member.roles:
            assert settings.verifier.auto_register
        if Role.DATASET_OWNER in member.roles:
            assert PEOPLE[NEWCOMER_ACCOUNT]["address"] in settings.dataset_owner.auto_approve


def test_another_start_keeps_keys_and_follows_the_ports(files: MarketFiles) -> None:
    kept = {member.name: (files.home(member.name) / "keystore").read_bytes() for member in MEMBERS}
    write_members(files, replace(INFO, sui_url="http://127.0.0.1:2001"))
    for member in MEMBERS:
        assert (files.home(member.name) / "keystore").read_bytes() == kept[member.name]
        assert load_settings(files.config(member.name)).sui.urls == ("http://127.0.0.1:2001",)
    assert json.loads(files.network.read_text())["sui_url"] == "http://127.0.0.1:2001"


def test_an_unfinished_directory_is_made_again(files: MarketFiles, tmp_path: Path) -> None:
    other = MarketFiles(tmp_path / "other")
    unfinished = other.root / f".{MEMBERS[0].name}.new"
    unfinished.mkdir(parents=True)
    (unfinished / "keystore").write_bytes(b"half")
    write_members(other, INFO)
    assert read_address(load_settings(other.config(MEMBERS[0].name)))
    assert not unfinished.exists()


def test_a_path_too_long_for_sockets_is_refused_beforehand(tmp_path: Path) -> None:
    check_directory(MarketFiles(Path("/tmp/net")))
    with pytest.raises(ConfigError, match="longer than 107 bytes") as caught:
        check_directory(MarketFiles(Path("/tmp") / ("x" * 90)))
    assert "--dir" in caught.value.hint
