"""A play on a devnet: real transactions through the product's chain client, over gRPC.

The specification makes every call after the devnet, as the same transaction: with its digest, which
names the objects that it makes, its time and its randomness. So both must agree to the byte.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from typing import Any, NamedTuple

from tests.contract.market import Bazaar
from tests.contract.world import SHARED
from tests.support.scenario.base import BURN, PURSE
from tests.support.scenario.devnet_calls import CALLS
from tests.support.scenario.devnet_node import DevnetNode, find_account
from tests.support.scenario.stage import SEATS, Specification
from walrusd.chain.values.digests import decode_digest
from walrusd.chain.values.types import ExecutedTransaction, ObjectData, OwnerKind
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.devnet.move.context import Coin, MoveContext
from walrusd.errors import MoveAborted
from walrusd.units import MIST_PER_SUI

START_MS = 1_700_000_000_000
GAS_PURSE = 100 * MIST_PER_SUI
"""What everybody has on top, in Mist, as a wallet needs more than what it spends."""


class DevnetBazaar(Bazaar):
    """A ``Bazaar`` whose calls are transactions of a devnet, which it follows."""

    def __init__(self, node: DevnetNode, rules: type[Specification], verifiers: int) -> None:
        self.node, self.functions, self.deploy = node, rules.functions, rules.deploy
        self.package, self.chain_id = node.info.package_id, decode_digest(node.info.chain_id)
        self.gas: Counter[str] = Counter()
        genesis = node.ledger.seed.derive("genesis")
        self._prepared: MoveContext | None = self._make_context("admin", genesis, epoch=0)
        super().__init__(verifiers=verifiers)

    def save(self) -> dict[str, Any]:
        """Return everything but the devnet and the rules, as ``resume`` takes it."""
        kept = {"node", "functions", "deploy"}
        return deepcopy({name: each for name, each in vars(self).items() if name not in kept})

    @classmethod
    def resume(
        cls, node: DevnetNode, rules: type[Specification], saved: dict[str, Any]
    ) -> "DevnetBazaar":
        """Return a bazaar that goes on where another was saved, as its devnet does."""
        world = cls.__new__(cls)
        vars(world).update(deepcopy(saved))
        world.node, world.functions, world.deploy = node, rules.functions, rules.deploy
        return world

    # --- as on the devnet -----------------------------------------------------------------------

    def address(self, name: str) -> str:
        is_admin = name == "admin"
        found = self.node.info.accounts[0]["address"] if is_admin else find_account(name).address
        if hasattr(self, "names"):
            self.names[found] = name
        return found

    def _make_context(self, sender: str, digest: bytes, *, epoch: int) -> MoveContext:
        return MoveContext(
            sender=self.address(sender),
            now_ms=getattr(self, "now", START_MS),
            epoch=epoch,
            package=self.package,
            digest=digest,
            random_seed=self.node.seed.derive("random", digest),
        )

    def context(self, sender: str) -> MoveContext:
        assert self._prepared is not None, "only transactions of the devnet have a context"
        prepared, self._prepared = self._prepared, None
        return prepared

    def mint(self, owner: str, amount: int) -> Coin:
        """Return a coin that only the next call makes real."""
        return Coin("0x0", amount)

    def advance(self, ms: int) -> None:
        self.now = self.node.run_sync(self.node.ledger.advance_clock, ms)

    def choose_randomness(self, sender: str, is_wanted: Callable[[bytes], bool]) -> None:
        self.node.seed.wish(is_wanted)

    def call(self, target: str, sender: str, *args: Any) -> Any:
        """Make the call there, then here; whatever happened there must happen here."""
        try:
            executed = self._send(target, sender, args)
            digest, epoch = decode_digest(executed.digest), self.node.ledger.epoch
            context = self._make_context(sender, digest, epoch=epoch)
            seen = len(self.events)
            result = self._follow(context, target, sender, args)
        except MoveAborted as refused:
            self._follow_refusal(refused, target, sender, args)
        finally:
            self.node.seed.forget()
        self._compare_events(target, executed, self.events[seen:])
        return result

    def _send(self, target: str, sender: str, args: tuple[Any, ...]) -> ExecutedTransaction:
        client = self.node.person(sender)
        executed: ExecutedTransaction = self.node.run(CALLS[target], client, *args)
        self.gas[sender] += executed.gas_used.net
        return executed

    def _follow(self, context: MoveContext, target: str, sender: str, args: Any) -> Any:
        coins = [Coin(context.fresh_id(), a.balance) for a in args if isinstance(a, Coin)]
        paid, made = sum(coin.balance for coin in coins), iter(coins)
        for coin in coins:
            self.keep(coin, self.address(sender))
        self.minted += paid
        self.given[sender] += paid
        self._prepared = context
        real = [next(made) if isinstance(a, Coin) else a for a in args]
        return super().call(target, sender, *real)

    def _follow_refusal(
        self, refused: MoveAborted, target: str, sender: str, args: tuple[Any, ...]
    ) -> None:
        """Refuse here what was refused there. It was only simulated, so it cost no gas."""
        there = refused.fields["module"], refused.fields["abort_code"]
        self._prepared = self._make_context(sender, bytes(32), epoch=0)
        real = [Coin("0x7", a.balance) if isinstance(a, Coin) else a for a in args]
        try:
            super().call(target, sender, *real)
        except MoveAbort as abort:
            here = abort.module, abort.code
            assert here == there, f"the specification refused with {here}, the devnet with {there}"
            raise
        raise AssertionError(f"only the devnet refused {target}: {refused}")

    @staticmethod
    def _compare_events(target: str, executed: ExecutedTransaction, ours: list[Any]) -> None:
        theirs = [(e.type.rsplit("::", 1)[-1], e.contents) for e in executed.events]
        assert theirs == [(type(e).__name__, e.to_bcs()) for e in ours], f"events of {target}"


class DevnetStage:
    """A devnet that only this play uses."""

    name = "devnet"

    def __init__(self, node: DevnetNode, world: DevnetBazaar) -> None:
        self.node, self.world = node, world

    def gain(self, person: str) -> int:
        """Return what a node says that somebody has, less what was given, gas aside."""
        where = person if person.startswith("0x") else self.world.address(person)
        given = PURSE + GAS_PURSE if person in self.node.people else 0
        return self.node.run(self.node.balance, where) + self.world.gas[person] - given

    def compare(self) -> None:
        """Compare every object, and everybody's money, with the specification's."""
        world = self.world
        ours = {oid: each for oid, each in world.objects.items() if not isinstance(each, Coin)}
        theirs: dict[str, ObjectData] = self.node.run(self.node.client.get_objects, list(ours))
        for oid, each in ours.items():
            found, what = theirs[oid], f"{type(each).__name__} {oid}"
            assert found.contents == each.to_bcs(), f"{what} is another on the devnet"
            is_shared = found.owner.kind is OwnerKind.SHARED
            assert (SHARED if is_shared else found.owner.address) == world.owners[oid], what
        made = self.node.run_sync(self._list_made)
        assert made == set(ours), "the devnet has other objects of the contract"
        for person in (*self.node.people, BURN):
            here, there = world.gain(person), self.gain(person)
            assert here == there, f"{person} gained {here} Mist here and {there} on the devnet"
        assert self.node.run_sync(self.node.ledger.count_supply).is_conserved

    def _list_made(self) -> set[str]:
        package = f"{self.world.package}::"
        found = self.node.ledger.list_objects()
        return {each.id for each in found if each.type.startswith(package)}


class Beginning(NamedTuple):
    """A chain on which seats are registered, who has acted on it, and the bazaar that did it."""

    chain: bytes
    people: list[str]
    bazaar: dict[str, Any]


@cache
def begin(verifiers: int) -> Beginning:
    """Register seats on a new devnet: once, as it takes longer than most plays."""
    with DevnetNode(START_MS, PURSE + GAS_PURSE) as node:
        world = DevnetBazaar(node, Bazaar, verifiers)
        DevnetStage(node, world).compare()
        return Beginning(node.save(), list(node.people), world.save())


@contextmanager
def open_devnet(
    verifiers: int = SEATS, rules: type[Specification] = Bazaar
) -> Iterator[DevnetStage]:
    """Yield a devnet with so many seats registered; ``rules`` are what it is compared with."""
    beginning = begin(verifiers)
    with DevnetNode(START_MS, PURSE + GAS_PURSE, beginning.chain) as node:
        for person in beginning.people:
            node.adopt(person)
        yield DevnetStage(node, DevnetBazaar.resume(node, rules, beginning.bazaar))
