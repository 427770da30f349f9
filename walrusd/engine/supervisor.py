"""Keep a set of services running: each restarts alone, with a growing pause, until told to stop.

A wrong configuration at the first start ends the daemon immediately, where systemd and the owner
see it. Faults of the world, and all later failures, are retried. An ``AssertionError`` is never
retried: an invariant is broken, so the state of this process cannot be trusted, and it has to be
started again.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
import trio

from walrusd.errors import WalrusdError, WorldFault, explain_os_error
from walrusd.runtime.clock import Clock
from walrusd.runtime.groups import leaves, most_significant
from walrusd.units import Millis

log = structlog.get_logger(__name__)


class Supervised(Protocol):
    """Something that runs until it is cancelled: a service, the chain's clock, its watcher."""

    @property
    def name(self) -> str:
        """Its name in logs and in ``walrusctl status``."""
        ...

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Work forever; call ``task_status.started()`` once usable. Returning is a bug."""
        ...


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to pause after a failure.

    The pause grows from ``first_s`` by ``factor`` to ``ceiling_s``, each drawn from its upper half
    so that daemons cut off together do not come back together. A run of ``healthy_after_s`` makes
    past failures forgotten.
    """

    first_s: float = 1.0
    factor: float = 2.0
    ceiling_s: float = 60.0
    healthy_after_s: float = 300.0

    def compute_pause(self, failures: int, jitter: float) -> float:
        """Return the seconds to wait after the ``failures``-th failure; ``jitter`` is in [0, 1).

        They are more than half of the full pause, and at most all of it.
        """
        # An exponent past 64 would overflow; the ceiling is reached long before.
        full = min(self.ceiling_s, self.first_s * self.factor ** min(failures - 1, 64))
        # The largest jitter would round to the half itself, which is not in the upper half.
        return max(full * (1 - jitter / 2), math.nextafter(full / 2, full))


@dataclass(slots=True)
class Health:
    """The state of one service, for ``status`` and ``/readyz``."""

    name: str
    state: str = "starting"
    failures: int = 0
    restarts: int = 0
    last_error: dict[str, Any] = field(default_factory=dict)
    since_ms: Millis = Millis(0)  # noqa: RUF009  # a NewType call makes no mutable object

    def to_json(self) -> dict[str, Any]:
        """Return the health as a JSON object."""
        return {
            "name": self.name,
            "state": self.state,
            "failures": self.failures,
            "restarts": self.restarts,
            "last_error": self.last_error,
            "since_ms": self.since_ms,
        }


class Supervisor:
    """Runs services and keeps the health of each."""

    def __init__(
        self,
        clock: Clock,
        backoff: Backoff | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._jitter = jitter
        self._healths: dict[str, Health] = {}

    @property
    def healths(self) -> tuple[Health, ...]:
        """The health of every service, in the order of their starts."""
        return tuple(self._healths.values())

    @property
    def is_healthy(self) -> bool:
        """Whether every service is running."""
        return all(health.state == "running" for health in self._healths.values())

    async def keep_running(
        self, service: Supervised, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run ``service`` until cancelled; ``nursery.start`` this and it is usable on return.

        Raises:
            Exception: the failure of the first start, unless it is a fault of the world.
            AssertionError: whenever the service breaks an invariant.
        """
        health = self._healths[service.name] = Health(service.name)
        started = _Once(task_status)
        while True:
            self._enter(health, "starting")
            began = trio.current_time()
            try:
                await self._run_once(service, health, started)
            except* AssertionError:
                self._enter(health, "broken")
                raise
            except* Exception as group:
                # The service boundary: whatever went wrong, the others run on and this one retries.
                is_passing = all(isinstance(leaf, WorldFault) for leaf in leaves(group))
                if not started.is_done and not is_passing:
                    self._enter(health, "failed")
                    raise
                if trio.current_time() - began >= self._backoff.healthy_after_s:
                    health.failures = 0
                self._note_failure(health, most_significant(group))
            await trio.sleep(self._backoff.compute_pause(health.failures, self._jitter()))
            health.restarts += 1

    async def _run_once(self, service: Supervised, health: Health, started: "_Once") -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(service.run)
            self._enter(health, "running")
            started.report()
        raise ServiceReturned(f"{service.name} returned; services run until cancelled")

    def _note_failure(self, health: Health, cause: BaseException) -> None:
        health.failures += 1
        health.last_error = describe(cause)
        self._enter(health, "backing_off")
        log.warning(
            "service_failed",
            service=health.name,
            failures=health.failures,
            error=health.last_error,
            # A typed error says it all; anything else is a bug and needs its traceback.
            exc_info=None if isinstance(cause, WalrusdError) else cause,
        )

    def _enter(self, health: Health, state: str) -> None:
        health.state = state
        health.since_ms = self._clock.now_ms()


class ServiceReturned(RuntimeError):
    """Raised when a service returns, which none may."""


class _Once:
    """Reports the first start, and only that, to the nursery that waits for it."""

    def __init__(self, task_status: trio.TaskStatus[None]) -> None:
        self._task_status = task_status
        self.is_done = False

    def report(self) -> None:
        if not self.is_done:
            self.is_done = True
            self._task_status.started()


def describe(exc: BaseException) -> dict[str, Any]:
    """Return an error as JSON; of a foreign one only the type, as its text may hold a secret."""
    if isinstance(exc, OSError) and exc.errno is not None:
        exc = explain_os_error(exc)
    if isinstance(exc, WalrusdError):
        return exc.to_json()
    return {"code": WalrusdError.code, "message": type(exc).__name__, "hint": "see the log"}
