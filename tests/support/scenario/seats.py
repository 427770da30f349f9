"""Verbs about seats of the pool of verifiers."""

from typing import Any

from tests.contract.early import MEMORY, RATE
from tests.support.scenario.base import SUI, Base
from walrusd.devnet.contract.constants import MAX_SEATS
from walrusd.devnet.contract.seats import is_vacant


class SeatVerbs(Base):
    """Registering, renewing, leaving, evicting."""

    def register_seat(
        self,
        who: str,
        *,
        stake: int | None = None,
        min_fee: int = SUI // 1000,
        max_penalty: int | None = None,
        rate: int = RATE,
        memory: int = MEMORY,
    ) -> None:
        """Let somebody take a seat; one seat a person.

        ``stake`` is what it puts down for the seat, by default what the pool asks for; the fee for
        registering is on top. ``rate`` is the work a second that it says it can do, ``memory`` the
        bytes, and ``max_penalty`` the most that one duty may cost it, by default what backs one.
        """
        world = self.world
        assert who not in world.caps, "a person of a play has one seat at most"
        params = world.pool.params
        declared = {
            "min_fee": min_fee,
            "max_penalty": params.stake // params.duties if max_penalty is None else max_penalty,
            "rate": rate,
            "memory": memory,
        }
        pay = (params.stake if stake is None else stake) + params.fee
        world.register(who, self._find_slot(), pay, **declared)

    def _find_slot(self) -> int:
        """Return a vacant slot, or the one after the last; the last there can be in a full pool."""
        seats = self.world.pool.seats
        vacant = (at for at, seat in enumerate(seats) if is_vacant(seat))
        return min(next(vacant, len(seats)), MAX_SEATS)

    def declare_seat(
        self,
        who: str,
        *,
        min_fee: int | None = None,
        max_penalty: int | None = None,
        rate: int | None = None,
        memory: int | None = None,
    ) -> None:
        """Let a verifier say anew what its seat asks for and can do; the rest stays."""
        seat = self._seat_of(who)
        said = {"min_fee": min_fee, "max_penalty": max_penalty, "rate": rate, "memory": memory}
        full = [getattr(seat, name) if new is None else new for name, new in said.items()]
        self._call_on_seat("declare_seat", who, *full)

    def renew_seat(self, who: str) -> None:
        """Let a verifier keep its seat for another term, for a fee."""
        self._call_on_seat("renew_seat", who, self.world.mint(who, self.world.pool.params.fee))

    def top_up_seat(self, who: str, amount: int | None = None) -> None:
        """Let a verifier fill up what penalties took of its stake, by default all of it."""
        missing = self.world.pool.params.stake - self._seat_of(who).stake
        self._call_on_seat("top_up_seat", who, self.world.mint(who, amount or missing))

    def leave_seat(self, who: str) -> None:
        """Let a verifier announce that it leaves: it is no longer drawn."""
        self._call_on_seat("exit_seat", who)

    def _call_on_seat(self, name: str, who: str, *args: Any) -> Any:
        world = self.world
        return world.call(f"node::{name}", who, world.market, world.pool, world.caps[who], *args)

    def withdraw_seat(self, who: str) -> int:
        """Let a verifier that has left take its stake; return the Mist."""
        coin = self._call_on_seat("withdraw_seat", who)
        del self.world.caps[who]
        return int(coin.balance)

    def evict_seat(self, who: str, by: str = "crank") -> None:
        """Let anybody make a seat leave that was silent twice in a row, or was not renewed."""
        self._call_on_slot("evict_seat", who, by)

    def release_seat(self, who: str, by: str = "crank") -> None:
        """Let anybody send the stake of a seat that has left to its verifier: its slot is free."""
        self._call_on_slot("release_seat", who, by)
        del self.world.caps[who]

    def _call_on_slot(self, name: str, who: str, by: str) -> None:
        world = self.world
        slot = world.pool.seats.index(self._seat_of(who))
        world.call(f"node::{name}", by, world.market, world.pool, slot)
