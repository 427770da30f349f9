"""Starts programs without network access, where the machine permits it."""

import shutil
import subprocess
import sys
from functools import cache

import structlog

from walrusd.errors import TrainingFailed

log = structlog.get_logger(__name__)

PROBE_S = 60.0
"""Seconds after which ``unshare true`` is taken to hang, on a machine however busy."""


@cache
def compute_isolation_prefix() -> tuple[str, ...]:
    """Return the command that starts a program without network, or nothing where not permitted.

    Tried once, with ``true``: whether user and network namespaces may be made depends on the
    kernel, on systemd's ``RestrictNamespaces=``, and on containers.

    Raises:
        TrainingFailed: if that cannot be found out now; the next call tries again.
    """
    unshare = shutil.which("unshare")
    if unshare is None or sys.platform != "linux":
        return ()
    for options in (("--net",), ("--user", "--map-current-user", "--net")):
        prefix = (unshare, *options, "--")
        try:
            # The program is what `which` found. It runs once, at the first job.
            tried = subprocess.run(  # noqa: S603
                [*prefix, "true"], capture_output=True, timeout=PROBE_S, check=False
            )
        except PermissionError:
            continue
        except (OSError, subprocess.TimeoutExpired) as exc:
            # Not knowing is no permission to run with a network.
            raise TrainingFailed(
                f"whether {unshare} may isolate a child from the network was not to be found out:"
                f" {type(exc).__name__}",
                hint="the machine is overloaded or short of processes; walrusd will retry",
            ) from exc
        if tried.returncode == 0:
            return prefix
    log.warning("child_network_not_isolated", hint="unshare is not permitted here")
    return ()
