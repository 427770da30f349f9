"""Starts programs without network access, where the machine permits it."""

import shutil
import subprocess
import sys
from functools import cache

import structlog

from walrusd.errors import TrainingFailed

log = structlog.get_logger(__name__)

PROBE_S = 60.0
"""Seconds after which ``unshare true`` counts as hanging, even on a busy machine."""


@cache
def compute_isolation_prefix() -> tuple[str, ...]:
    """Return a command prefix that runs a program without network, or () if not permitted.

    It is tried once, with ``true``: whether user and network namespaces are permitted depends on
    the kernel, on systemd's ``RestrictNamespaces=``, and on containers.

    Raises:
        TrainingFailed: if this cannot be determined now; the next call tries again.
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
            # Never run with a network because of a failed check.
            raise TrainingFailed(
                f"cannot determine whether {unshare} may isolate a child from the network:"
                f" {type(exc).__name__}",
                hint="walrusd will retry; the machine is overloaded or at its limit of processes",
            ) from exc
        if tried.returncode == 0:
            return prefix
    log.warning("child_network_not_isolated", hint="unshare is not permitted here")
    return ()
