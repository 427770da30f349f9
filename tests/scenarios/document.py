"""Writes the known losses into ``docs/scenarios.md``: ``python -m tests.scenarios.document``."""

import re
from pathlib import Path

from tests.scenarios.known_losses import KNOWN_LOSSES

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "scenarios.md"
HEAD = "| name | who is harmed | today | instead |\n| --- | --- | --- | --- |\n"
_ROWS = re.compile(re.escape(HEAD) + r"(\|.*\n)*")


def put_losses(text: str) -> str:
    """Return the page with its table of known losses replaced."""
    rows = [
        f"| `{name}` | {loss.victim} | {loss.today} | {loss.instead} |\n"
        for name, loss in KNOWN_LOSSES.items()
    ]
    return _ROWS.sub(HEAD + "".join(rows), text)


if __name__ == "__main__":
    DOCUMENT.write_text(put_losses(DOCUMENT.read_text("utf-8")), "utf-8")
