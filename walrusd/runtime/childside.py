"""The child's half of :mod:`walrusd.runtime.child`. Knows no trio and starts quickly.

    def main() -> int:
        return serve_job(work)      # work(job, emit) -> result

``emit`` prints a progress line. A ``WalrusdError`` from ``work`` reaches the parent as itself.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from walrusd.errors import WalrusdError

LIFELINE_ENV = "WALRUSD_LIFELINE_FD"
ORPHANED = 75
"""Exit status of a child whose parent has died (EX_TEMPFAIL)."""

Emit = Callable[[dict[str, Any]], None]


def serve_job(work: Callable[[dict[str, Any], Emit], dict[str, Any]]) -> int:
    """Read the job, do the work, print result or error; return the exit status.

    While it runs, ``sys.stdout`` is stderr: a library's chatter cannot garble the conversation.
    """
    watch_lifeline()
    out, sys.stdout = sys.stdout, sys.stderr
    lock = threading.Lock()

    def emit(message: dict[str, Any]) -> None:
        line = json.dumps(message, allow_nan=False)
        with lock:
            out.write(line + "\n")
            out.flush()

    try:
        job = json.load(sys.stdin)
        emit({"result": work(job, emit)})
    except WalrusdError as exc:
        emit({"error": exc.to_json()})
        return 1
    finally:
        sys.stdout = out
    return 0


def watch_lifeline() -> None:
    """End this process at once when its parent has died, even by SIGKILL."""
    descriptor = os.environ.get(LIFELINE_ENV)
    if descriptor is None:
        return

    def wait() -> None:
        os.read(int(descriptor), 1)
        os._exit(ORPHANED)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
