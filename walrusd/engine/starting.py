"""The start of a daemon while the network is not there: wait, try again, and say so.

A stake may be at risk, so an outage at boot is never final; only what its owner must change is.
"""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import structlog
import trio

import walrusd
from walrusd.chain.nodes.client import SuiClient
from walrusd.errors import ChainUnreachable, DaemonStarting, WalrusdError, needs_owner
from walrusd.runtime.groups import collapsed
from walrusd.settings.model import Settings
from walrusd.units import Address

log = structlog.get_logger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
CALL_PATIENCE_S = 30.0
"""How long a call waits for a start that goes well."""
LOOK_S = 0.5
"""How often a waiting call looks whether the start still goes well."""

WAITING = "waiting for the chain"


@dataclass
class Starting:
    """How far a start is; read by ``status`` and ``/readyz`` meanwhile."""

    on_change: Callable[[str], None] = lambda _text: None
    doing: str = WAITING
    failures: int = 0
    last_error: dict[str, Any] = field(default_factory=dict)
    list_services: Callable[[], list[dict[str, Any]]] = list
    """Gives the health of the services that run already."""
    _changed: trio.Event = field(default_factory=trio.Event)

    def enter(self, doing: str) -> None:
        """Go on to another step."""
        self.doing = doing
        self._tell()

    def fail(self, error: WalrusdError) -> None:
        """Note that a step failed and will be tried again."""
        self.failures += 1
        self.last_error = error.to_json()
        self._tell()

    def _tell(self) -> None:
        self.on_change(self.describe())
        self.wake()

    def wake(self) -> None:
        """Let whoever waits for a change look again."""
        self._changed.set()
        self._changed = trio.Event()

    async def wait_change(self) -> None:
        """Return after the next change."""
        await self._changed.wait()

    def find_error(self) -> dict[str, Any]:
        """Return what keeps the start from going on: the error of the step, or of a service."""
        for service in self.list_services():
            if not self.last_error and service["state"] == "backing_off":
                return cast("dict[str, Any]", service["last_error"])
        return self.last_error

    def describe(self) -> str:
        """Return a line for people."""
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


async def outlast(step: Callable[[], Awaitable[None]], starting: Starting) -> None:
    """Do a step of the start; try it again for as long as the network keeps it from succeeding.

    Raises:
        WalrusdError: if trying again is of no use.
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
    """Check that the node has come as far as we have read before, up to the checkpoint ``seen``.

    One that is still catching up would say that the contract does not exist.

    Raises:
        ChainUnreachable: if it is behind; another one is asked next.
    """
    info = await client.service_info()
    if info.checkpoint < seen:
        node = client.endpoints.current
        client.endpoints.leave(node, "is behind")
        raise ChainUnreachable(
            f"{node.name} is at checkpoint {info.checkpoint}, and {seen} was read before",
            hint="it is catching up, or its network was begun anew",
        )


class StartingApi:
    """Answers ``status`` until the daemon is ready; every other method has to wait.

    A call waits for the end of a start in which nothing has gone wrong, and is refused in another.
    """

    def __init__(self, settings: Settings, address: Address, starting: Starting) -> None:
        self._settings, self._address, self._starting = settings, address, starting
        self._api: object | None = None

    def pass_on(self, api: object) -> None:
        """Let ``api`` answer from now on what is asked here."""
        self._api = api
        self._starting.wake()

    async def status(self) -> Mapping[str, Any]:
        """Return who this daemon is, and what it waits for."""
        sui = self._settings.sui
        return {
            "version": walrusd.__version__,
            **self._starting.to_json(),
            "address": self._address,
            "roles": sorted(role.value for role in self._settings.daemon.roles),
            "balance_mist": None,
            "chain_id": sui.chain_id,
            "package_id": sui.package_id,
            "market_id": sui.market_id,
            "healthy": False,
            "services": self._starting.list_services(),
            "troubles": [],
            "progress": {},
        }

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(**arguments: Any) -> Any:
            with trio.move_on_after(CALL_PATIENCE_S):
                while self._api is None and not self._starting.find_error():
                    with trio.move_on_after(LOOK_S):  # services do not tell of their troubles
                        await self._starting.wait_change()
            if self._api is None:
                raise DaemonStarting(f"walrusd is {self._starting.describe()}")
            return await getattr(self._api, name)(**arguments)

        return call
