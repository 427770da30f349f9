"""Typed, cached reads of the market's objects.

A cached copy is used until an event or one of our own transactions touches the object, or until it
is ``MAX_AGE_S`` old. A copy read just after such a change may still lack it and expires sooner.
Contents are decoded from BCS; a node's JSON is never trusted.
"""

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.values.bcs import Layout
from walrusd.chain.values.types import RANDOM_ID, ObjectData, ObjectRef, SharedRef
from walrusd.errors import MalformedData, ObjectNotFound, ObjectUnreadable
from walrusd.units import Address, Mist, ObjectId, normalize_address

log = logging.getLogger(__name__)

MAX_AGE_S = 30.0
"""Events invalidate a copy immediately; this bounds its age if an event was missed."""

SETTLING_S, SETTLING_AGE_S = 5.0, 1.0
"""How long a node may return an object as it was before a change, and the age of such a copy.

The node that is read may be another than the one that reported the event.
"""

Shape = TypeVar("Shape", bound=Layout)


@dataclass(frozen=True, order=True)
class SeatId:
    """A seat of a pool: its slot, and which of the seats that the slot has had."""

    pool: str
    index: int
    generation: int


@dataclass(frozen=True)
class _Copy:
    value: Layout
    version: int
    good_until: float


class MarketReader:
    """Reads of one market's objects through one client."""

    def __init__(
        self, client: SuiClient, package_id: str, market_id: str, pool_ids: Sequence[str] = ()
    ) -> None:
        """Take the market, and those of its pools that the owner uses, the first for new work."""
        self.client = client
        self.package_id = normalize_address(package_id)
        self.market_id = normalize_address(market_id)
        self.pool_ids = tuple(normalize_address(pool) for pool in pool_ids)
        self._copies: dict[str, _Copy] = {}
        self._changes: dict[str, int] = {}
        self._before: dict[str, tuple[int, float]] = {}
        self._unreadable: set[str] = set()
        self._initial_versions: dict[str, int] = {}

    def type_name(self, layout: type[Layout]) -> str:
        """Return the full Move type of one of the contract's structs."""
        return f"{self.package_id}::{layout.MODULE}::{layout.__name__}"

    def forget(self, object_id: str) -> None:
        """Invalidate the copy of an object that has changed."""
        copy = self._copies.pop(object_id, None)
        if copy is not None:
            self._before[object_id] = copy.version, trio.current_time()
        # A read in progress may return the state from before the change.
        self._changes[object_id] = self._changes.get(object_id, 0) + 1

    async def market(self) -> ob.Market:
        """Return the market."""
        return await self._read(ob.Market, self.market_id)

    async def pool(self, object_id: str) -> ob.VerifierPool:
        """Return a verifier pool."""
        return await self._read(ob.VerifierPool, object_id)

    async def pools(self) -> list[ob.VerifierPool]:
        """Return the pools that the owner uses, as far as they can be read, in their order."""
        return list((await self.read_many(ob.VerifierPool, self.pool_ids)).values())

    async def seat(self, seat: SeatId) -> ob.Seat | None:
        """Return a seat of a pool; None if its slot has another seat by now, or none."""
        seats = (await self.pool(seat.pool)).seats
        held = seats[seat.index] if seat.index < len(seats) else None
        return held if held is not None and held.generation == seat.generation else None

    async def task(self, object_id: str) -> ob.Task:
        """Return a task."""
        return await self._read(ob.Task, object_id)

    async def submission(self, object_id: str) -> ob.Submission:
        """Return a submission."""
        return await self._read(ob.Submission, object_id)

    async def dataset(self, object_id: str) -> ob.Dataset:
        """Return a dataset."""
        return await self._read(ob.Dataset, object_id)

    async def request(self, object_id: str) -> ob.KeyRequest:
        """Return a key request."""
        return await self._read(ob.KeyRequest, object_id)

    async def read_many(self, layout: type[Shape], object_ids: Iterable[str]) -> dict[str, Shape]:
        """Return objects by id, in few requests; fresh copies are not read again.

        A missing or malformed object is left out and logged once, so that a stranger's object
        cannot make all the others unreadable.
        """
        wanted = [normalize_address(i) for i in object_ids]
        now = trio.current_time()
        stale = [i for i in wanted if not self._is_fresh(i, now)]
        before = {i: self._changes.get(i, 0) for i in stale}
        found = await self.client.get_objects(stale) if stale else {}
        read: dict[str, Shape] = {}
        for object_id in wanted:
            data, copy = found.get(ObjectId(object_id)), self._copies.get(object_id)
            try:
                if data is not None:
                    read[object_id] = self._keep(layout, data, before[object_id])
                elif copy is not None:
                    read[object_id] = self._typed(layout, object_id, copy.value)
                else:
                    self._leave_out(object_id, "it does not exist on this network")
            except (ObjectNotFound, ObjectUnreadable) as error:
                self._leave_out(object_id, error.message)
        return read

    def _leave_out(self, object_id: str, reason: str) -> None:
        if object_id not in self._unreadable:
            self._unreadable.add(object_id)
            log.warning("ignoring object %s: %s", object_id, reason)

    async def verifier_caps(self, owner: str) -> list[tuple[ObjectRef, ob.VerifierCap]]:
        """Return an address's capabilities for seats of this market, in the order of their pools.

        The capability also publishes the keys that envelopes for the seat are made for.
        """
        found = [
            (data.ref, _decode(ob.VerifierCap, data))
            for data in await self.client.list_owned(owner, self.type_name(ob.VerifierCap))
        ]
        ours = [(ref, cap) for ref, cap in found if cap.market == self.market_id]
        return sorted(ours, key=lambda each: (each[1].pool, each[1].index, each[1].generation))

    async def find_cap(self, owner: str, seat: SeatId) -> tuple[ObjectRef, ob.VerifierCap] | None:
        """Return an address's capability for one seat, if it has it."""
        for ref, cap in await self.verifier_caps(owner):
            if SeatId(cap.pool, cap.index, cap.generation) == seat:
                return ref, cap
        return None

    async def publisher_cap(self, owner: str, task: str) -> ObjectRef:
        """Return the reference of the capability over a task.

        Raises:
            ObjectNotFound: if the address does not own it.
        """
        for data in await self.client.list_owned(owner, self.type_name(ob.PublisherCap)):
            if _decode(ob.PublisherCap, data).task == task:
                return data.ref
        raise ObjectNotFound(f"{owner} owns no publisher capability for task {task}")

    async def balance(self, owner: str) -> Mist:
        """Return what an address holds in coins, in Mist."""
        return await self.client.balance(Address(owner))

    async def shared_ref(self, object_id: str) -> SharedRef:
        """Return the reference of a shared object, for a transaction.

        Raises:
            ObjectNotFound: if there is no such shared object.
        """
        if object_id not in self._initial_versions:
            data = await self.client.get_object(object_id)
            self._note_version(data)
        version = self._initial_versions.get(object_id)
        if version is None:
            raise ObjectNotFound(f"{object_id} is not a shared object")
        return SharedRef(normalize_address(object_id), version)  # type: ignore[arg-type]  # an object id is an address

    async def random_version(self) -> int:
        """Return the version at which this network shares ``0x8``."""
        return (await self.shared_ref(RANDOM_ID)).initial_version

    def _is_fresh(self, object_id: str, now: float) -> bool:
        copy = self._copies.get(object_id)
        return copy is not None and now < copy.good_until

    async def _read(self, layout: type[Shape], object_id: str) -> Shape:
        object_id = normalize_address(object_id)
        if not self._is_fresh(object_id, trio.current_time()):
            before = self._changes.get(object_id, 0)
            return self._keep(layout, await self.client.get_object(object_id), before)
        return self._typed(layout, object_id, self._copies[object_id].value)

    @staticmethod
    def _typed(layout: type[Shape], object_id: str, value: Layout) -> Shape:
        if not isinstance(value, layout):
            raise ObjectNotFound(f"{object_id} is not a {layout.__name__}")
        return value

    def _keep(self, layout: type[Shape], data: ObjectData, changes: int) -> Shape:
        """Decode an object, and cache it unless it changed while it was being read."""
        if data.type != self.type_name(layout):
            raise ObjectNotFound(
                f"{data.id} is a {data.type}, not a {layout.__name__} of this market",
                hint="check the id, and sui.package_id in the configuration",
            )
        value = _decode(layout, data)
        if self._changes.get(data.id, 0) == changes:
            now = trio.current_time()
            before, changed_at = self._before.get(data.id, (-1, -math.inf))
            is_old = data.version <= before and now - changed_at < SETTLING_S
            good_for = SETTLING_AGE_S if is_old else MAX_AGE_S
            self._copies[data.id] = _Copy(value, data.version, now + good_for)
        self._note_version(data)
        return value

    def _note_version(self, data: ObjectData) -> None:
        if data.initial_shared_version is not None:
            self._initial_versions[data.id] = data.initial_shared_version


def _decode(layout: type[Shape], data: ObjectData) -> Shape:
    try:
        return layout.from_bcs(data.contents)
    except MalformedData as error:
        raise ObjectUnreadable(
            f"{data.id} does not have the layout of {layout.__name__}: {error}"
        ) from error
