"""The commands of README.md and docs/testnet.md, and a shell that runs them as typed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.guards import PLAY_S

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "testnet.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh( \w+)?\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
TESTED = [text for mark, text in BLOCKS if mark == " test"]
UPGRADE = [text for mark, text in BLOCKS if mark == " upgrade"]
UNTESTED = [text for mark, text in BLOCKS if not mark]

README = (ROOT / "README.md").read_text("utf-8")
TYPED = re.findall(r"^```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

STRICT = "set -euo pipefail\n"
_PRELUDE = """\
# Ends the daemons, which the guide leaves running, and only them.
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
# Three days pass on the chain alone.
sleep() {
  if [ "$1" = 3d ]; then
    curl --fail --silent --show-error --data '{"ms": 259200000}' "$ADMIN/clock/advance"
  else
    command sleep "$@"
  fi
}
"""


def list_tested(page: str) -> list[str]:
    """Return the blocks of a page that a test runs."""
    return re.findall(r"^```sh test\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def strip_prompts(block: str) -> str:
    """Return what a reader types of a block in which each command begins with ``$``."""
    lines = []
    for line in block.splitlines():
        goes_on = bool(lines) and lines[-1].endswith("\\")
        assert goes_on or line.startswith("$ "), f"neither a command nor its continuation: {line}"
        lines.append(line if goes_on else line.removeprefix("$ "))
    return "\n".join(lines) + "\n"


def run_commands(
    blocks: list[str], directory: Path, prelude: str = _PRELUDE, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run blocks in one shell that stops at the first failure.

    For the prelude of the guide, ``ADMIN`` is the devnet's own controls.
    """
    bash = shutil.which("bash")
    assert bash is not None
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("WALRUSD_")},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        **variables,
    }
    return subprocess.run(
        [bash, "-c", STRICT + prelude + "\n".join(blocks)],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PLAY_S,
        check=False,
    )
