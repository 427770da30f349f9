"""README.md leads from a checkout to paid work: every command of it runs, in its order.

So do the examples of docs/rpc.md and docs/devnet.md, on the market that README.md has made.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.commands import check_command, list_commands
from tests.docs.guide import README, ROOT, TYPED, list_tested, run_commands, strip_prompts
from tests.docs.tables import PAGES
from tests.support.ports import find_free_ports

UP = "walrusd devnet up --detach"
PRELUDE = """\
trap 'kill $(jobs -p) 2>/dev/null || true; walrusd devnet down >/dev/null 2>&1 || true' EXIT
# What is tested is installed already.
make() { command make -o .venv/.base "$@"; }
"""
STOPPED = """\
echo "=== stopped"
tail -n 3 devnet/up.log
"""


def test_every_block_is_run() -> None:
    fences = re.findall(r"^ *```.*$", README, re.MULTILINE)
    assert len(fences) == 2 * len(TYPED), "a block that is not for typing says so in another way"
    for block in TYPED:
        strip_prompts(block)


def test_the_story_is_whole() -> None:
    text = "".join(TYPED)
    steps = ["make demo", UP, "walrusd init", "walrusd run", "walrusctl why", "verify aggregate"]
    places = [text.index(step) for step in steps]
    assert places == sorted(places)
    assert text.count(UP) == 1
    assert "0x…" not in text, "cannot be typed"


def test_every_command_and_option_exists() -> None:
    commands = [words for block in TYPED for words in list_commands(strip_prompts(block))]
    assert len(commands) >= 15
    for words in commands:
        check_command(words)


@pytest.fixture
def checkout() -> Iterator[Path]:
    """Yield a folder that looks like this checkout, with a short path: sockets are in it."""
    directory = Path(tempfile.mkdtemp(prefix="wd-", dir="/tmp"))
    hidden = {".git", ".venv", "build", "devnet", "me"}
    for path in ROOT.iterdir():
        if path.name not in hidden:
            (directory / path.name).symlink_to(path)
    (directory / ".venv").symlink_to(sys.prefix)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands_run_in_their_order(checkout: Path) -> None:
    sui, walrus, admin = find_free_ports(3)
    ports = f"--sui-port {sui} --walrus-port {walrus} --admin-port {admin}"
    blocks = [strip_prompts(block).replace(UP, f"{UP} {ports}") for block in TYPED]
    (stop,) = (block for block in blocks if "devnet down" in block)
    examples = [block for page in PAGES for block in list_tested(page.read_text("utf-8"))]
    blocks.remove(stop)
    whole = [*blocks, 'echo "=== examples"\n', *examples, stop, STOPPED]
    done = run_commands(whole, checkout, PRELUDE, PWD=str(checkout))
    logs = "\n".join(f"{p}: {p.read_text()[-1500:]}" for p in checkout.glob("me/log"))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs}"
    told, _, rest = done.stdout.partition("=== examples")
    examined, _, stopped = rest.partition("=== stopped")
    assert "coins conserved: yes" in told
    assert re.search(r"Our work is accepted: stake and reward, 10\.15\s+SUI", told)
    balances = [float(b) for b in re.findall(r"^balance +(\S+) SUI$", told, re.MULTILINE)]
    assert balances[0] == 1000
    assert 1000 < balances[-1] < 1000.15, "the reward of 0.15 SUI, less gas"
    assert '"balance_mist": 1000' in told
    assert "All 9 checks that could be made passed." in told
    assert re.search(r"passed +replay of segment 3", told)
    assert '"openrpc"' in told
    assert "walrusd_decisions" in told
    assert ": walrusd events" in told
    assert '"code": "rpc.unknown_id"' in examined
    assert "-32602" in examined
    assert re.search(r'"checkpoint":|"digest":', examined), "the faucet's answer"
    assert "now_ms" in examined
    assert re.search(r"All \d+ checks that could be made passed", examined)
    assert "stopping (SIGTERM)" in stopped
    assert not list(checkout.glob("devnet/*/control.sock")), "every daemon has ended"
    assert (checkout / "me" / "walrusd.toml").exists()
