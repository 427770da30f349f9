"""What all services share: reconcile, act on each subject, wait to be woken.

A service keeps no plan of its own between two reconciliations. It reads the chain's state, decides
what is to be done next for each subject, and does it idempotently; so a crash at any point is
followed by the same decision.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
import trio

from walrusd.engine.tools import Tools
from walrusd.errors import OurFault, PeerFault, WalrusdError, WorldFault, explain_os_error
from walrusd.runtime.groups import collapsed

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
LONGEST_PEER_PAUSE_S = 300.0
"""What a peer has anchored does not get better by itself; checking again may be expensive."""

LONGEST_OUR_PAUSE_S = 300.0
"""What follows from our configuration, keys or funds stays until somebody changes them."""
ALIKE = 6
"""After so many failures alike in a row it is taken for lasting."""

Action = Callable[[], Awaitable[None]]


@dataclass
class _Trouble:
    """How often a subject failed in a row, with what, and when to try again.

    ``alike`` counts the failures with this code, the newest ones in a row.
    """

    failures: int
    code: str
    retry_at: float
    subject: str
    error: WalrusdError
    since_ms: int
    alike: int


class Service:
    """Base of the services. Subclasses say what they are called, and reconcile."""

    name = "service"

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.log = structlog.get_logger(service=self.name)
        self._troubles: dict[str, _Trouble] = {}
        self._busy: set[str] = set()
        self._visited: set[str] = set()
        self._nursery: trio.Nursery | None = None

    async def start(self) -> None:
        """Check what must hold before the daemon is ready. The first start must succeed."""

    async def reconcile(self) -> None:
        """Bring everything this service is responsible for one step on."""
        raise NotImplementedError  # abstract

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
        """Reconcile once; what fails for all subjects, as an unreachable chain, is waited out."""
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
        """Do ``action`` for one subject; its failure must not keep others waiting.

        The first failure of a kind is journalled, and logged as a warning unless it is a fault of
        the world, which is only waited out; nobody is accused for it. The pause before the next
        try doubles. ``part`` tells apart what is
        done for one subject and may fail separately.
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
            self._note(subject, key, error)
            return False
        except OSError as error:
            # A full disk or a file that went away: true for this machine, not for the subject.
            self._note(subject, key, explain_os_error(error))
            return False
        except AssertionError:
            raise
        except Exception as error:
            # The boundary of a subject: a mistake of ours over one must not starve the others.
            self.log.exception("attempt_broke", subject=subject)
            self._note(subject, key, WalrusdError(f"unexpected {type(error).__name__}"))
            return False
        finally:
            self._busy.discard(key)
        self._troubles.pop(key, None)
        return True

    async def undertake(self, subject: str, action: Action, *, part: str = "") -> None:
        """Do as :meth:`attempt`, in the background of a running service: for what takes long.

        The service goes on reconciling; a subject that is still busy is passed over. A service that
        is not running waits for the end.
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
        """Return the subjects with which this service failed when it last tried."""
        now, now_ms = trio.current_time(), self.tools.clock.now_ms()
        return [
            {
                "subject": trouble.subject,
                "service": self.name,
                "code": trouble.code,
                "message": trouble.error.message,
                "hint": trouble.error.hint,
                "failures": trouble.failures,
                "since_ms": trouble.since_ms,
                "next_ms": now_ms + round(max(0.0, trouble.retry_at - now) * 1000),
            }
            for trouble in self._troubles.values()
        ]

    def _note(self, subject: str, key: str, error: WalrusdError) -> None:
        before = self._troubles.get(key)
        known = before is not None and before.code == error.code
        trouble = self._troubles[key] = _Trouble(
            failures=1 if before is None else before.failures + 1,
            code=error.code,
            retry_at=0.0,
            subject=subject,
            error=error,
            since_ms=self.tools.clock.now_ms() if before is None else before.since_ms,
            alike=before.alike + 1 if before is not None and known else 1,
        )
        pause = min(_longest_pause(trouble), FIRST_PAUSE_S * 2 ** min(trouble.failures - 1, 16))
        pause *= random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret
        trouble.retry_at = trio.current_time() + pause
        log = self.log.info if known or isinstance(error, WorldFault) else self.log.warning
        log(
            "attempt_failed",
            subject=subject,
            code=error.code,
            error=error.message,
            hint=error.hint,
            failures=trouble.failures,
            again_s=pause,
        )
        if not known:
            self.tools.journal.record(
                subject, self.name, "failed", error.message, code=error.code, hint=error.hint
            )
        self.tools.contract.forget(subject)


def _longest_pause(trouble: _Trouble) -> float:
    if isinstance(trouble.error, PeerFault):
        return LONGEST_PEER_PAUSE_S
    if isinstance(trouble.error, OurFault) and trouble.alike > ALIKE:
        return LONGEST_OUR_PAUSE_S
    return LONGEST_PAUSE_S
