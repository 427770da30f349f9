"""Take a seat in the verifier pool, if the owner wants one."""

from typing import Any

from walrusd.chain.layouts import objects as ob
from walrusd.crypto.envelope import derive_public_key
from walrusd.engine.readiness import Readiness
from walrusd.engine.service import Attempt, Attempts, Service
from walrusd.engine.tools import Tools
from walrusd.errors import InsufficientBalance, NotAllowed
from walrusd.settings.model import Role, Settings
from walrusd.units import format_sui


async def register_seat(tools: Tools, *, stake: int, min_fee: int) -> dict[str, Any]:
    """Stake a seat with this daemon's limits and encryption key.

    Raises:
        NotAllowed: if this address holds a seat already.
        InsufficientBalance: if the stake is not at hand.
    """
    if await tools.contract.verifier_cap(tools.address) is not None:
        raise NotAllowed("this address holds a verifier seat already")
    balance = await tools.contract.balance(tools.address)
    if balance < stake:
        raise InsufficientBalance(
            f"a seat takes a stake of {format_sui(stake)}, "
            f"{tools.address} has {format_sui(balance)}"
        )
    verifier = tools.settings.verifier
    tools.journal.record_once(
        tools.address, "registrar", "registering", "the owner wants a seat", stake=stake
    )
    executed = await tools.contract.register_seat(
        stake=stake,
        key=derive_public_key(tools.keys.encryption_key),
        min_fee=min_fee,
        max_state_bytes=verifier.max_state_bytes,
        max_segment_work=verifier.max_segment_work,
        once=f"register_seat:{count_withdrawn(tools)}",
    )
    return {"digest": executed.digest, "stake_mist": stake}


def count_withdrawn(tools: Tools) -> int:
    """Return how many seats of ours were withdrawn: it numbers the seat that comes next.

    It stays the same until the seat has been there and is gone again, so that a node that does
    not show the new seat yet cannot make us stake a second one.
    """
    return len(tools.chain_log.events_by("SeatWithdrawn", tools.address))


def check_stake(settings: Settings, market: ob.Market) -> str:
    """Return why the market would refuse the seat that the settings ask for, or nothing."""
    least = market.params.min_seat_stake
    wanted = settings.has_role(Role.VERIFIER) and settings.verifier.auto_register
    if not wanted or settings.verifier.stake >= least:
        return ""
    return (
        f"verifier.stake is {format_sui(settings.verifier.stake)},"
        f" and this market takes {format_sui(least)} at least"
    )


class Registrar(Service):
    """Registers once, when ``verifier.auto_register`` says so."""

    name = "registrar"

    def __init__(self, tools: Tools, readiness: Readiness | None = None) -> None:
        """Take the collaborators; without ``readiness`` the machine is not checked."""
        super().__init__(tools)
        self._readiness = readiness

    async def list_due(self) -> Attempts:
        """Register unless a seat is there."""
        tools = self.tools
        if tools.settings.verifier.auto_register and not tools.records.get("registrar", "done"):
            yield Attempt(tools.address, self._register)

    async def _register(self) -> None:
        tools, verifier = self.tools, self.tools.settings.verifier
        if await tools.contract.verifier_cap(tools.address) is None:
            if self._readiness is not None:
                await self._readiness.check_seat()
            await register_seat(tools, stake=verifier.stake, min_fee=verifier.min_fee)
        tools.records.put("registrar", "done", value=True)
