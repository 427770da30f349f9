"""Reports the daemon's state to systemd, from inside the trio loop.

The heartbeat runs in the loop that it watches: while something blocks the loop, no WATCHDOG=1 is
sent, and systemd restarts the daemon. The lateness of the heartbeat is measured too, so a slow loop
is logged and counted before it stops.
"""

import math
import os
import socket
from collections.abc import Mapping
from typing import Self

import structlog
import trio

from walrusd.text import make_printable

log = structlog.get_logger(__name__)

MAX_STATUS = 512
"""The most characters of a status."""
NOTICEABLE_S = 0.1
WORRYING_S = 1.0


class Notifier:
    """Sends notices to systemd's notify socket; does nothing without one."""

    def __init__(self, address: str | None, watchdog_s: float | None) -> None:
        self._address = address
        self.watchdog_s = watchdog_s
        """The watchdog timeout in seconds, or None if systemd does not watch this process."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read ``$NOTIFY_SOCKET``, ``$WATCHDOG_USEC`` and ``$WATCHDOG_PID`` (sd_notify(3))."""
        environ = os.environ if environ is None else environ
        usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
        meant_for_us = not pid or pid == str(os.getpid())
        watchdog_s = int(usec) / 1e6 if usec.isdecimal() and int(usec) and meant_for_us else None
        return cls(environ.get("NOTIFY_SOCKET") or None, watchdog_s)

    def ready(self) -> None:
        """Report that the daemon serves requests."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Report that the daemon is stopping."""
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        """Report that the event loop runs."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Show a line of text in ``systemctl status``."""
        self._send("STATUS=" + make_printable(text.replace("\n", " "), MAX_STATUS))

    def _send(self, state: str) -> None:
        if self._address is None:
            return
        # A leading @ denotes the abstract namespace, whose addresses begin with a zero byte.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                sock.connect(address)
                sock.send(state.encode())
        except OSError as exc:
            # systemd notices missing heartbeats; failing here would only make it worse.
            log.warning("notify_failed", reason=exc.strerror)


class Canary:
    """Measures how late the trio loop wakes a task, and feeds the watchdog."""

    def __init__(self, notifier: Notifier, period_s: float = 2.0) -> None:
        self._notifier = notifier
        watchdog_s = notifier.watchdog_s
        self._period_s = min(period_s, watchdog_s / 3) if watchdog_s else period_s
        self.last_lateness_s = 0.0
        """Lateness of the last wake-up, in seconds."""
        self.worst_lateness_s = 0.0
        """The worst lateness since the start, in seconds."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Beat until cancelled."""
        task_status.started()
        due = trio.current_time()
        while True:
            self._notifier.watchdog()
            due += self._period_s
            await trio.sleep_until(due)
            late = trio.current_time() - due
            self._note(late)
            # After a long block, skip the missed beats instead of sending them all together.
            due += math.floor(max(late, 0.0) / self._period_s) * self._period_s

    def _note(self, late_s: float) -> None:
        self.last_lateness_s = late_s
        self.worst_lateness_s = max(self.worst_lateness_s, late_s)
        if late_s >= WORRYING_S:
            log.warning("loop_late", seconds=round(late_s, 3))
        elif late_s >= NOTICEABLE_S:
            log.debug("loop_late", seconds=round(late_s, 3))
