"""``python -m walrusd.devnet_market.attached PID COMMAND…``: run a command that ends with PID.

The kernel sends it SIGTERM when the process that started it ends, however that ends. Without this
the daemons of a market that was killed would run forever.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""prctl(2); it survives the execution of another program."""


def main() -> None:
    """Become the command, unless the parent has ended already."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == parent:
        os.execv(command[0], command)  # noqa: S606  # the command of the process that started us


if __name__ == "__main__":
    main()
