"""systemd is told the daemon's state, and gets no heartbeat while the loop is blocked."""

import os
import socket

import pytest
import trio

from tests.support.clocks import TrioClock
from tests.support.guards import GUARD_S
from walrusd.runtime.notify import Canary, Notifier


class RecordingNotifier(Notifier):
    """Records notices instead of sending them."""

    def __init__(self, watchdog_s: float | None = None) -> None:
        super().__init__(None, watchdog_s)
        self.notices: list[tuple[float, str]] = []

    def _send(self, state: str) -> None:
        self.notices.append((trio.current_time(), state))


@pytest.mark.parametrize("abstract", [False, True])
def test_notices_reach_the_socket(tmp_path, abstract: bool) -> None:
    address = f"@walrusd-test-{os.getpid()}" if abstract else str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("\0" + address[1:] if abstract else address)
        server.settimeout(GUARD_S)
        notifier = Notifier.from_environment({"NOTIFY_SOCKET": address})
        notifier.ready()
        notifier.status("two\nlines\x1b[1A")
        notifier.stopping()
        assert [server.recv(100) for _ in range(3)] == [
            b"READY=1",
            b"STATUS=two lines\\x1b[1A",
            b"STOPPING=1",
        ]


def test_without_systemd_there_is_silence(tmp_path) -> None:
    Notifier.from_environment({}).ready()
    Notifier(str(tmp_path / "gone"), None).ready()


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "x"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_the_watchdogs_timeout(environ, watchdog_s) -> None:
    assert Notifier.from_environment(environ).watchdog_s == watchdog_s


async def test_the_canary_beats_often_enough_and_keeps_its_rhythm(mock_clock, nursery) -> None:
    notifier = RecordingNotifier(watchdog_s=3.0)
    canary = Canary(notifier)
    mock_clock.autojump_threshold = 0
    await nursery.start(canary.run)
    await trio.sleep(3.5)
    times = [time for time, _ in notifier.notices]
    assert times == pytest.approx([0, 1, 2, 3])
    assert canary.worst_lateness_s == pytest.approx(0)
    nursery.cancel_scope.cancel()


async def test_a_blocked_loop_is_silent_and_then_known(mock_clock, nursery) -> None:
    notifier = RecordingNotifier()
    canary = Canary(notifier, period_s=2.0)
    await nursery.start(canary.run)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(7.5)  # no task ran: this is what a blocked loop looks like
    await trio.testing.wait_all_tasks_blocked()
    assert canary.last_lateness_s == pytest.approx(5.5)
    assert len(notifier.notices) == 2, "missed beats are not made up for"
    mock_clock.jump(0.5)
    await trio.testing.wait_all_tasks_blocked()
    assert len(notifier.notices) == 3
    assert canary.worst_lateness_s == pytest.approx(5.5)
    nursery.cancel_scope.cancel()


async def test_wall_time_follows_the_virtual_clock(autojump_clock) -> None:
    clock = TrioClock(epoch_ms=1000)
    await trio.sleep(86400)
    assert clock.now_ms() == 1000 + 86_400_000
