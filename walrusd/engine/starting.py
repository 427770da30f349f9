"""The start of a daemon while the network cannot be reached: wait, retry, and report it.

A stake may be at risk, so an outage at boot never ends the daemon; only an error that its owner
must correct does.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import structlog
import trio

from walrusd.chain.nodes.client import SuiClient
from walrusd.errors import ChainUnreachable, WalrusdError, needs_owner
from walrusd.runtime.groups import collapsed

log = structlog.get_logger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
WAITING = "waiting for the chain"


@dataclass
class Starting:
    """How far a start has come, for ``status`` and ``/readyz``."""

    on_change: Callable[[str], None] = lambda _text: None
    doing: str = WAITING
    failures: int = 0
    last_error: dict[str, Any] = field(default_factory=dict)
    list_services: Callable[[], list[dict[str, Any]]] = list
    """Returns the health of the services that run already."""
    _changed: trio.Event = field(default_factory=trio.Event)

    def enter(self, doing: str) -> None:
        """Note that another step has begun."""
        self.doing = doing
        self._announce()

    def fail(self, error: WalrusdError) -> None:
        """Note that a step failed and will be retried."""
        self.failures += 1
        self.last_error = error.to_json()
        self._announce()

    def _announce(self) -> None:
        self.on_change(self.describe())
        self.wake()

    def wake(self) -> None:
        """Wake all who wait for a change."""
        self._changed.set()
        self._changed = trio.Event()

    async def wait_change(self) -> None:
        """Return after the next change."""
        await self._changed.wait()

    def find_error(self) -> dict[str, Any]:
        """Return what delays the start: the error of the step, or of a service."""
        for service in self.list_services():
            if not self.last_error and service["state"] == "backing_off":
                return cast("dict[str, Any]", service["last_error"])
        return self.last_error

    def describe(self) -> str:
        """Return the state as a line of text."""
        error = self.find_error()
        reason = f" ({error['message']})" if error else ""
        return f"starting: {self.doing}{reason}"

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "state": self.describe(),
            "failures": self.failures,
            "last_error": self.find_error(),
        }


async def wait_out(step: Callable[[], Awaitable[None]], starting: Starting) -> None:
    """Do a step of the start; retry it for as long as the network makes it fail.

    Raises:
        WalrusdError: if only the owner can change what is wrong.
    """
    while True:
        try:
            with collapsed():
                await step()
        except WalrusdError as error:
            if needs_owner(error):
                raise
            starting.fail(error)
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(starting.failures - 1, 16))
            pause *= random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret
            log.warning(
                "start_waits",
                step=starting.doing,
                code=error.code,
                error=error.message,
                hint=error.hint,
                again_s=pause,
            )
            await trio.sleep(pause)
        else:
            starting.failures, starting.last_error = 0, {}
            return


async def check_not_behind(client: SuiClient, seen: int) -> None:
    """Check that the node has the checkpoint ``seen``, up to which we have read before.

    A node that is still catching up may say that the contract does not exist.

    Raises:
        ChainUnreachable: if it is behind; the next request goes to another node.
    """
    info = await client.service_info()
    if info.checkpoint < seen:
        node = client.endpoints.current
        client.endpoints.leave(node, "is behind")
        raise ChainUnreachable(
            f"{node.name} is at checkpoint {info.checkpoint}, but {seen} was read before",
            hint="it is catching up, or its network was reset",
        )
