"""What all services share: reconcile, act on each subject, wait to be woken.

A service keeps no plan between two reconciliations. It reads the chain's state, decides what comes
next for each subject, and does it idempotently; so after a crash at any point it decides the same.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import structlog
import trio

from walrusd.engine.tools import Tools
from walrusd.engine.troubles import Trouble, follow_failure
from walrusd.errors import WalrusdError, WorldFault, explain_os_error
from walrusd.runtime.groups import collapsed

Action = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Attempt:
    """What a service is to do for one subject now, as ``Service.attempt`` takes it.

    ``in_background``: it takes long, so the service continues reconciling meanwhile.
    """

    subject: str
    action: Action
    part: str = ""
    in_background: bool = False


Attempts = AsyncGenerator[Attempt, None]


class Service:
    """Base of the services. A subclass has a name and lists what is due; this class does it.

    ``walrusd.compose`` builds services and what several of them share; a service may build private
    parts that nothing else uses.
    """

    name = "service"

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.log = structlog.get_logger(service=self.name)
        self._troubles: dict[str, Trouble] = {}
        self._busy: set[str] = set()
        self._visited: set[str] = set()
        self._nursery: trio.Nursery | None = None

    async def start(self) -> None:
        """Check what must hold before the daemon is ready. The first start must succeed."""

    def list_due(self) -> Attempts:
        """Yield what is to be done now. Each is done, or begun, before the next is asked for."""
        raise NotImplementedError  # abstract

    async def reconcile(self) -> None:
        """Advance everything this service is responsible for by one step."""
        async with aclosing(self.list_due()) as attempts:
            async for each in attempts:
                do = self.attempt_in_background if each.in_background else self.attempt
                await do(each.subject, each.action, part=each.part)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Reconcile whenever something changed, and every ``poll_s`` seconds at least."""
        await self.start()
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            # A service that was cancelled half-way starts again with nothing under way.
            self._busy.clear()
            task_status.started()
            while True:
                woken = self.tools.wakeup.count
                await self.run_once()
                await self.tools.wakeup.wait(woken, self._compute_pause())

    async def run_once(self) -> None:
        """Reconcile once; if all of it fails, as without a chain, retry it later."""
        self._visited = {self.name}
        if await self.attempt(self.name, self.reconcile):
            self._troubles = {
                key: trouble
                for key, trouble in self._troubles.items()
                if key in self._visited or key in self._busy
            }

    def _compute_pause(self) -> float:
        now = trio.current_time()
        retries = [t.retry_at - now for key, t in self._troubles.items() if key not in self._busy]
        return max(0.05, min([self.tools.settings.timing.poll_s, *retries]))

    async def attempt(self, subject: str, action: Action, *, part: str = "") -> bool:
        """Do ``action`` for one subject; return whether it succeeded now.

        A failure delays no other subject. The first of a kind is journalled, and logged as a
        warning unless it is a fault of the world. The pause before the next attempt doubles.
        ``part`` distinguishes actions for one subject that may fail separately.
        """
        key = subject + part
        self._visited.add(key)
        trouble = self._troubles.get(key)
        if key in self._busy or (trouble is not None and trio.current_time() < trouble.retry_at):
            return False
        self._busy.add(key)
        try:
            with collapsed():
                await action()
        except WalrusdError as error:
            self._note_failure(subject, key, error)
            return False
        except OSError as error:
            # A full disk or a missing file: the fault of this machine, not of the subject.
            self._note_failure(subject, key, explain_os_error(error))
            return False
        except AssertionError:
            raise
        except Exception as error:
            # The boundary of a subject: a bug met with one must not starve the others.
            self.log.exception("attempt_broke", subject=subject)
            self._note_failure(subject, key, WalrusdError(f"unexpected {type(error).__name__}"))
            return False
        finally:
            self._busy.discard(key)
        self._troubles.pop(key, None)
        return True

    async def attempt_in_background(self, subject: str, action: Action, *, part: str = "") -> None:
        """Attempt a long action in the background; parameters as for :meth:`attempt`.

        The service continues reconciling, and skips the subject while it is busy. A service that is
        not running waits for the end.
        """
        if self._nursery is None:
            await self.attempt(subject, action, part=part)
            return
        self._visited.add(subject + part)

        async def do() -> None:
            await self.attempt(subject, action, part=part)

        if subject + part not in self._busy:
            self._nursery.start_soon(do)

    def list_troubles(self) -> list[dict[str, Any]]:
        """Return the subjects whose last attempt failed, as ``status`` shows them."""
        now, now_ms = trio.current_time(), self.tools.clock.now_ms()
        return [each.to_json(self.name, now, now_ms) for each in self._troubles.values()]

    def _note_failure(self, subject: str, key: str, error: WalrusdError) -> None:
        trouble = self._troubles[key] = follow_failure(
            self._troubles.get(key),
            subject,
            error,
            now=trio.current_time(),
            now_ms=self.tools.clock.now_ms(),
        )
        is_warning = trouble.is_news and not isinstance(error, WorldFault)
        (self.log.warning if is_warning else self.log.info)(
            "attempt_failed",
            subject=subject,
            code=error.code,
            error=error.message,
            hint=error.hint,
            failures=trouble.failures,
            again_s=trouble.pause_s,
        )
        if trouble.is_news:
            self.tools.journal.record(
                subject, self.name, "failed", error.message, code=error.code, hint=error.hint
            )
        self.tools.contract.forget(subject)
