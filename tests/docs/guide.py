"""The commands of docs/testnet.md, and a shell that runs them as a reader would type them."""

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

_PRELUDE = """\
set -euo pipefail
# Ends the daemons, which the guide leaves running, and only them.
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
# Ten minutes pass on the chain alone.
sleep() {
  if [ "$1" = 600 ]; then
    curl --fail --silent --show-error --data '{"ms": 600000}' "$ADMIN/clock/advance"
  else
    command sleep "$@"
  fi
}
"""


def run_commands(
    blocks: list[str], directory: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run blocks of the guide in one shell; ``ADMIN`` is the devnet's own controls."""
    bash = shutil.which("bash")
    assert bash is not None
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("WALRUSD_")},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        **variables,
    }
    return subprocess.run(
        [bash, "-c", _PRELUDE + "\n".join(blocks)],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PLAY_S,
        check=False,
    )
