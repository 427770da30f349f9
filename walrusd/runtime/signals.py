"""The signals that stop the daemon, from start to exit."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import trio

from walrusd.runtime.notify import Notifier

log = structlog.get_logger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
NO_RELOAD = "the configuration is read at the start only; restart walrusd to apply a new one"


def ignore_hangup() -> None:
    """Ignore SIGHUP, that is a lost terminal, until the event loop handles it."""
    signal.signal(signal.SIGHUP, lambda *_details: None)


def ignore_stop_signals() -> None:
    """Ignore signals once all is done, so that none turns the exit into a failure."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@asynccontextmanager
async def handling_signals(
    stop: trio.Event, hurry: trio.Event, notifier: Notifier
) -> AsyncIterator[None]:
    """Set the events on signals that ask the daemon to stop, until the end of the block."""
    async with trio.open_nursery() as nursery:
        await nursery.start(_set_on_signal, stop, hurry, notifier)
        yield
        nursery.cancel_scope.cancel()


async def _set_on_signal(
    stop: trio.Event,
    hurry: trio.Event,
    notifier: Notifier,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Set ``stop`` on the first signal that asks the daemon to stop, ``hurry`` on the next.

    A lost terminal (SIGHUP) does not.
    """
    with trio.open_signal_receiver(*STOP_SIGNALS, signal.SIGHUP) as signals:
        task_status.started()
        async for number in signals:
            name = signal.Signals(number).name
            if number == signal.SIGHUP:
                log.warning("signal_ignored", signal=name, reason=NO_RELOAD)
            elif stop.is_set():
                log.info("stopping_at_once", signal=name)
                hurry.set()
            else:
                log.info("stopping", signal=name)
                notifier.stopping()
                stop.set()
