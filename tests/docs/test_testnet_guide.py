"""What docs/testnet.md tells a reader to do is done here, on a devnet."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from walrusd.__main__ import cli as walrusd
from walrusd.devnet.app import DevnetInfo
from walrusd.devnet.launch import run_devnet
from walrusd.settings.profile import NetworkProfile, load_profile, write_profile

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "testnet.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh( test)?\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
TESTED = [text for marked, text in BLOCKS if marked]
UNTESTED = [text for marked, text in BLOCKS if not marked]

# Ends the daemons, which the guide leaves running, and only them.
PRELUDE = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n"


def write_substitute(directory: Path, info: DevnetInfo) -> Path:
    """Write what takes the place of testnet's profile: another network, and no contract either."""
    path = directory / "substitute.toml"
    urls = (info.walrus_url,)
    profile = NetworkProfile(
        "substitute", (info.sui_url,), info.chain_id, urls, urls, shards=info.shards
    )
    write_profile(path, profile)
    return path


def test_only_what_needs_testnet_or_time_is_left_untested() -> None:
    assert len(TESTED) >= 9
    for text in UNTESTED:
        assert re.search(r"apt-get|testnet|sleep 600", text), text


def test_every_command_of_the_guide_exists() -> None:
    groups = {"contract", "config"}
    for words in re.findall(r"\bwalrusctl ([a-z-]+(?: [a-z-]+)?)", GUIDE):
        first, _, second = words.partition(" ")
        assert first in walrusd.commands or first in {"node", "task", "keys", "dataset"}, words
        if first in groups:
            assert second in walrusd.commands[first].commands, words
    for name in re.findall(r"--network ([a-z]+)\b", GUIDE):
        assert name in {"run1"}, "the rest is said by $NETWORK"


def test_the_guide_names_the_endpoints_of_the_profile() -> None:
    profile = load_profile(ROOT / "config" / "networks" / "testnet.toml")
    assert profile.urls[0] in GUIDE
    assert "NETWORK=testnet" in GUIDE


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_guide_leads_to_a_settled_task(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "tests").symlink_to(ROOT / "tests")  # the guide starts in a checkout
    with run_devnet(tmp_path / "devnet", "--seed", "21") as devnet:
        info = devnet.info
        scripts = Path(sys.executable).parent
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("WALRUSD_")},
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
            "NETWORK": str(write_substitute(tmp_path, info)),
            "FAUCET": info.admin_url + "/v2/gas",
        }
        bash = shutil.which("bash")
        assert bash is not None
        done = subprocess.run(
            [bash, "-c", PRELUDE + "\n".join(TESTED)],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            timeout=560,
            check=False,
        )
        logs = "\n".join(f"{p}: {p.read_text()[-1500:]}" for p in sorted(work.glob("*/log")))
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs}"
    assert "accepted" in done.stdout
    assert "settled" in done.stdout
    published = load_profile(work / "config" / "networks" / "run1.toml")
    assert published.require_contract().package != info.package_id
    assert json.loads((work / "task.json").read_text())["terms"]["max_submissions"] == 1
