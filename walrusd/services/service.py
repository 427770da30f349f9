"""What all reconciling services share: look, act on each subject, wait for the bell.

A service keeps no plan of its own between looks. It reads the chain's state, decides what is to
be done next for each subject, and does it idempotently; so a crash at any point is followed by
the same look and the same decision.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
import trio

from walrusd.errors import MoveAborted, WalrusdError, WorldFault
from walrusd.services.tools import Tools

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


@dataclass
class _Trouble:
    """How often a subject failed in a row, with what, and when to try again."""

    failures: int
    code: str
    retry_at: float


class Service:
    """Base of the services. Subclasses say what they are called and what one look does."""

    name = "service"

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.log = structlog.get_logger(service=self.name)
        self._troubles: dict[str, _Trouble] = {}

    async def start(self) -> None:
        """Check what must hold before the daemon is ready. The first start must succeed."""

    async def reconcile(self) -> None:
        """Look once at everything this service is responsible for."""
        raise NotImplementedError  # abstract

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look whenever the bell rings, and every ``poll_s`` seconds at least."""
        await self.start()
        task_status.started()
        while True:
            rings = self.tools.bell.rings
            await self.reconcile()
            pause = self.tools.settings.timing.poll_s
            retries = [t.retry_at - trio.current_time() for t in self._troubles.values()]
            await self.tools.bell.wait(rings, max(0.05, min([pause, *retries])))

    async def attempt(self, subject: str, action: Callable[[], Awaitable[None]]) -> bool:
        """Do ``action`` for one subject; its failure must not keep others waiting.

        The first failure of a kind is journalled, the pause before the next try doubles. A fault
        of the world is only waited out; nobody is accused for it.
        """
        trouble = self._troubles.get(subject)
        if trouble is not None and trio.current_time() < trouble.retry_at:
            return False
        try:
            await action()
        except WalrusdError as error:
            self._note(subject, error, trouble)
            return False
        self._troubles.pop(subject, None)
        return True

    def _note(self, subject: str, error: WalrusdError, trouble: _Trouble | None) -> None:
        failures = 1 if trouble is None else trouble.failures + 1
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (failures - 1))
        pause *= random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret
        self._troubles[subject] = _Trouble(failures, error.code, trio.current_time() + pause)
        log = self.log.info if isinstance(error, WorldFault | MoveAborted) else self.log.warning
        log("attempt_failed", subject=subject, code=error.code, error=error.message, again_s=pause)
        if trouble is None or trouble.code != error.code:
            self.tools.journal.record(
                subject, self.name, "failed", error.message, code=error.code, hint=error.hint
            )
        self.tools.contract.forget(subject)
