"""What docs/testnet.md tells a reader to do is done here, on a devnet.

Its upgrade starts from an earlier version of the contract: see ``test_earlier_version``.
"""

import json
import re
from pathlib import Path

import pytest
import trio

from tests.docs.guide import BLOCKS, GUIDE, ROOT, TESTED, UNTESTED, UPGRADE, run_commands
from walrusd.__main__ import cli as walrusd
from walrusd.chain.calls.reads import MarketReader
from walrusd.chain.nodes.connect import open_client
from walrusd.chain.send.signer import Signer
from walrusd.devnet.app import DevnetInfo
from walrusd.devnet.launch import run_devnet
from walrusd.settings.keystore import read_keystore
from walrusd.settings.load import load_settings
from walrusd.settings.profile import NetworkProfile, load_profile, write_profile
from walrusd.units import MIST_PER_SUI

FAUCET_MIST = 10 * MIST_PER_SUI


def write_substitute(directory: Path, info: DevnetInfo) -> str:
    """Write what takes the place of testnet's profile: another network, and no contract either."""
    urls = (info.walrus_url,)
    profile = NetworkProfile(
        "substitute", (info.sui_url,), info.chain_id, urls, urls, shards=info.shards
    )
    write_profile(directory / "config" / "networks" / "substitute.toml", profile)
    return profile.name


def substitute(directory: Path, info: DevnetInfo) -> dict[str, str]:
    """Return what the guide's variables are here."""
    return {
        "NETWORK": write_substitute(directory, info),
        "FAUCET": info.admin_url + "/v2/gas",
        "SUI_URL": info.sui_url,
    }


def test_only_installing_and_the_names_of_testnet_are_left_untested(tmp_path: Path) -> None:
    assert len(BLOCKS) == len(TESTED) + len(UPGRADE) + len(UNTESTED) == GUIDE.count("```sh")
    install, names = UNTESTED
    assert all(line.split()[0] in {"sudo", "python3", "python"} for line in install.splitlines())
    given = substitute(tmp_path, DevnetInfo("http://a", "http://b", "http://c", *"dxyzp", 9, []))
    assert re.findall(r"^([A-Z_]+)=\S+$", names, re.MULTILINE) == list(given)
    assert len(names.splitlines()) == len(given)


def test_every_command_of_the_guide_exists() -> None:
    groups = {"contract", "config"}
    for words in re.findall(r"\bwalrusctl ([a-z-]+(?: [a-z-]+)?)", GUIDE):
        first, _, second = words.partition(" ")
        assert first in walrusd.commands or first in {"node", "task", "keys", "dataset"}, words
        if first in groups:
            assert second in walrusd.commands[first].commands, words
    for name in re.findall(r"--network ([\w-]+)", GUIDE):
        assert name in {"run1", "run2"}, "the rest is said by $NETWORK"


def test_the_guide_names_the_endpoints_of_the_profile() -> None:
    profile = load_profile(ROOT / "config" / "networks" / "testnet.toml")
    assert f"SUI_URL={profile.urls[0]}\n" in GUIDE
    assert "NETWORK=testnet" in GUIDE


@pytest.mark.slow
def test_the_chain_of_another_network_is_told_apart(tmp_path: Path) -> None:
    (block,) = (text for text in TESTED if "contract chain-id" in text)
    with run_devnet(tmp_path / "devnet", "--seed", "21") as devnet:
        names = substitute(tmp_path, devnet.info)
        done = run_commands([block], tmp_path, **names)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f'chain_id = "{devnet.info.chain_id}"\n'
        profile = tmp_path / "config" / "networks" / "substitute.toml"
        profile.write_text(profile.read_text().replace(devnet.info.chain_id, "1" * 32))
        done = run_commands([block], tmp_path, **names)
        assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.slow
def test_the_guide_leads_to_a_settled_task(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "tests").symlink_to(ROOT / "tests")  # the guide starts in a checkout
    with run_devnet(tmp_path / "devnet", "--seed", "21") as devnet:
        info = devnet.info
        names = substitute(work, info)
        done = run_commands(TESTED, work, ADMIN=info.admin_url, **names)
        logs = "\n".join(f"{p}: {p.read_text()[-1500:]}" for p in sorted(work.glob("*/log")))
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs}"
        published = load_profile(work / "config" / "networks" / "run1.toml")
        spent, stakes = trio.run(look, info, work, published)
    assert "accepted" in done.stdout
    assert "settled" in done.stdout
    assert published.require_contract().package != info.package_id
    assert json.loads((work / "task.json").read_text())["terms"]["max_submissions"] == 1
    assert stakes == [0] * 8, "the verifiers took their stakes back"
    need = re.search(r"about (\S+) SUI of testnet for the publisher and (\S+) SUI for each", GUIDE)
    assert need is not None
    for who, amount in spent.items():
        most = need[1] if who == "publisher" else need[2]
        assert amount < float(most) * MIST_PER_SUI, who


async def look(
    info: DevnetInfo, work: Path, profile: NetworkProfile
) -> tuple[dict[str, int], list[int]]:
    """Return what each daemon has less than the faucet gave it, and the stakes of all seats."""
    ids = profile.require_contract()
    async with open_client([info.sui_url]) as client:
        spent = {}
        for who in ("publisher", "contributor", *(f"verifier{n}" for n in range(1, 5))):
            keys = read_keystore(load_settings(work / who / "walrusd.toml").keys)
            spent[who] = FAUCET_MIST - await client.balance(Signer(keys.sui_seed).address)
        pool = await MarketReader(client, ids.package, ids.market, ids.pools).pool(ids.pools[0])
        return spent, [seat.stake for seat in pool.seats]
