"""Profiles name networks; one that names no contract cannot be worked with, and says why."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.refusals import refused
from walrusd.chain.grpc import NodeUrl
from walrusd.chain.values.digests import decode_digest
from walrusd.errors import ConfigError, ContractNotPublished, UnknownConfigKey
from walrusd.settings import load_profile, load_settings, render_profile, write_profile
from walrusd.settings.adopt import adopt_contract
from walrusd.settings.profile import ContractProfile

ROOT = Path(__file__).resolve().parents[2]
CHAIN = "69WiPg3DAQiwdxfncX6wYQ2siKwAe6L9BZthQea3JNMD"


def oid(n: int) -> str:
    return f"0x{n:064x}"


CONTRACT = ContractProfile(oid(1), oid(1), 1, "ab" * 32, oid(3), oid(4), oid(5), oid(6))
UPGRADED = replace(CONTRACT, package_id=oid(2), version=2)

CONFIG = f"""
# mine
[daemon]
data_dir = "state"
socket = "s"
roles = ["publisher"]

[sui]   # the network
urls = ["http://127.0.0.1:9000"]
chain_id = "{CHAIN}"

[walrus]
aggregators = ["http://127.0.0.1:1"]
publishers = ["http://127.0.0.1:1"]

[keys]
keystore = "keystore"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "walrusd.toml"
    path.write_text(CONFIG)
    path.chmod(0o600)
    return path


def make_testnet(contract: ContractProfile | None = CONTRACT):
    return replace(load_profile(ROOT / "config/networks/testnet.toml"), contract=contract)


@pytest.mark.parametrize("name", ["devnet", "localnet", "testnet", "mainnet"])
def test_shipped_profiles_have_endpoints_and_no_contract(name, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    profile = load_profile(name)
    assert profile.name == name
    assert profile.urls
    assert profile.aggregators
    with refused("chain.no_contract", name) as caught:
        profile.require_contract()
    assert "contract publish" in caught.value.hint
    if name in ("testnet", "mainnet"):
        assert profile.chain_id is not None
        assert len(decode_digest(profile.chain_id)) == 32
        assert all(url.startswith("https://") for url in (*profile.urls, *profile.aggregators))
        assert profile.archive_urls
        for url in (*profile.urls, *profile.archive_urls):
            assert NodeUrl.parse(url).tls
    else:
        assert profile.chain_id is None, "every start of it makes a new chain"


def test_a_profile_of_ones_own_wins_over_a_shipped_one(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "config/networks/testnet.toml", make_testnet())
    assert load_profile("testnet").contract == CONTRACT


def test_an_unknown_name_lists_the_known_ones() -> None:
    with refused("config.invalid", "tesnet") as caught:
        load_profile("tesnet")
    assert "testnet" in caught.value.hint


@pytest.mark.parametrize("contract", [None, CONTRACT, UPGRADED])
def test_a_profile_reads_back_as_it_was_written(tmp_path, contract) -> None:
    path = tmp_path / "testnet.toml"
    write_profile(path, make_testnet(contract))
    assert load_profile(path) == make_testnet(contract)


def test_a_profile_is_never_overwritten(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("precious")
    with refused("config.invalid", "exists"):
        write_profile(path, make_testnet())
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("old", "new", "error", "words"),
    [
        ("[walrus]", "[walruss]", UnknownConfigKey, "walruss"),
        ("shards = 1000", "shard = 1000", UnknownConfigKey, "walrus.shard"),
        (f'market_id = "{oid(3)}"\n', "", ConfigError, "contract.market_id is missing"),
        (f'pool_id = "{oid(4)}"', 'pool_id = "x"', ConfigError, "contract.pool_id must be"),
        ('digest = "', 'digest = "\n', ConfigError, "not TOML"),
        ("https://fullnode", "ftp://fullnode", ConfigError, "sui.urls must be"),
        ("https://archive", "ftp://archive", ConfigError, "sui.archive_urls must be"),
    ],
)
def test_a_wrong_profile_names_file_and_key(tmp_path, old, new, error, words) -> None:
    text = render_profile(make_testnet())
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(error) as caught:
        load_profile(path)
    assert words in caught.value.message
    assert str(path) in caught.value.message


def test_a_missing_profile_file_is_a_typed_error(tmp_path) -> None:
    with refused("config.invalid", "read"):
        load_profile(tmp_path / "none.toml")


def test_a_configuration_without_contract_loads_but_cannot_be_worked_with(config) -> None:
    sui = load_settings(config).sui
    with refused("chain.no_contract", "sui.package_id") as caught:
        sui.require_contract()
    assert "contract publish" in caught.value.hint


def test_adopting_enters_the_ids_and_changes_nothing_else(config) -> None:
    adopt_contract(config, make_testnet())
    ids = load_settings(config).sui.require_contract()
    assert (ids.package, ids.latest, ids.market) == (oid(1), oid(1), oid(3))
    assert ids.versions == (oid(1),)
    added = [line for line in config.read_text().splitlines() if line not in CONFIG.splitlines()]
    assert added == [
        f'package_id = "{oid(1)}"',
        f'market_id = "{oid(3)}"',
        "[market]",
        f'pools = ["{oid(4)}"]',
    ]
    assert load_settings(config).require_contract().pools == (oid(4),)
    assert config.stat().st_mode & 0o777 == 0o600
    before = config.read_text()
    adopt_contract(config, make_testnet())
    assert config.read_text() == before


def test_whoever_has_chosen_pools_keeps_them(config) -> None:
    chosen = f'[market]\n# Ours.\npools = ["{oid(8)}",\n  "{oid(9)}"]\n'
    config.write_text(config.read_text() + chosen)
    adopt_contract(config, make_testnet())
    assert load_settings(config).require_contract().pools == (oid(8), oid(9))
    assert "# Ours." in config.read_text()


def test_without_a_pool_there_is_no_contract_to_work_with(config) -> None:
    adopt_contract(config, make_testnet())
    config.write_text(config.read_text().replace(f'pools = ["{oid(4)}"]', "pools = []"))
    with refused("chain.no_contract", "market.pools"):
        load_settings(config).require_contract()


def test_adopting_an_upgrade_keeps_types_and_calls_the_new_version(config) -> None:
    adopt_contract(config, make_testnet())
    adopt_contract(config, make_testnet(UPGRADED))
    ids = load_settings(config).sui.require_contract()
    assert (ids.package, ids.latest, ids.market) == (oid(1), oid(2), oid(3))
    assert ids.versions == (oid(1), oid(2))


def test_adopting_another_contract_network_or_nothing_is_refused(config) -> None:
    with pytest.raises(ContractNotPublished):
        adopt_contract(config, make_testnet(None))
    with refused("chain.wrong_network", CHAIN):
        adopt_contract(
            config, replace(make_testnet(), chain_id="4btiuiMPvEENsttpZC7CZ53DruC3MAgfznDb")
        )
    assert config.read_text() == CONFIG
    adopt_contract(config, make_testnet())
    before = config.read_text()
    other = replace(CONTRACT, package_id=oid(7), original_package_id=oid(7))
    with refused("config.invalid", "another"):
        adopt_contract(config, make_testnet(other))
    assert config.read_text() == before
