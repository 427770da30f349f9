"""Whether tests may use Node. Those that need it compile Move or speak as the official Sui SDK."""

import os
import shutil


def find_node() -> str | None:
    """Return the program, or None: those tests then skip (``make test-python`` asks for it)."""
    return None if os.environ.get("WALRUSD_TEST_NODE") == "no" else shutil.which("node")
