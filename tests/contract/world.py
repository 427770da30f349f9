"""A ledger of Python values that runs contract functions as Sui would, and watches them.

Every call works on copies, so an abort undoes everything; a successful call must leave read-only
arguments alone and lose no object. After every call the coins are counted and the invariants of
``watch`` are checked.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager

import pytest

from walrusd.chain.layouts.objects import Market, MarketParams, PoolParams, VerifierPool
from walrusd.core.aborts import abort_named
from walrusd.devnet.contract import DEVNET_PARAMS, DEVNET_POOL, FUNCTIONS, Genesis, genesis
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.devnet.move.context import ClockObject, Coin, Fate, MoveContext, Random
from walrusd.devnet.move.packages import compute_held_sui, has_id
from walrusd.devnet.move.signatures import RANDOM, ClockKind, CoinKind, Mode, PureKind, RandomKind
from walrusd.devnet.move.types import decode_pure, encode_pure
from walrusd.units import address_from_bytes, normalize_address

from .watch import read_phases, watch

FUNCTION = {f"{f.module}::{f.name}": f for f in FUNCTIONS}
CHAIN_ID = hashlib.sha256(b"chain").digest()
SHARED = "shared"


def address(name):
    """Return the address of a person of this name."""
    return address_from_bytes(hashlib.sha256(name.encode()).digest())


def digest(*parts):
    """Return 32 bytes that depend on ``parts``."""
    return hashlib.sha256(repr(parts).encode()).digest()


PACKAGE = address("package")


@contextmanager
def aborts(name):
    """Expect the abort ``module.EName``."""
    with pytest.raises(MoveAbort) as caught:
        yield
    module, _, constant = name.partition(".")
    expected = abort_named(module, constant)
    assert (caught.value.module, caught.value.code) == (expected.module, expected.code), (
        f"expected {name}, got {caught.value}"
    )


class World:
    """Objects, their owners, the time, the events."""

    functions = FUNCTION
    deploy = staticmethod(genesis)
    package = PACKAGE
    chain_id = CHAIN_ID

    def __init__(self, params: MarketParams = DEVNET_PARAMS, pool_params: PoolParams = DEVNET_POOL):
        self.now = 1_700_000_000_000
        self.names: dict[str, str] = {}
        self.given: Counter[str] = Counter()
        self.objects = {}
        self.owners = {}
        self.events = []
        self.minted = 0
        self.calls = 0
        ctx = self.context("admin")
        made: Genesis = self.deploy(ctx, self.chain_id, params, pool_params)
        self.settle_placements(ctx)
        self.market: Market = made.market
        self.pool: VerifierPool = made.pool
        self.admin_cap = made.admin_cap
        self.events += ctx.events

    # Calling.

    def address(self, name):
        """Return the address of a person, whom ``names`` knows from then on."""
        found = address(name)
        self.names[found] = name
        return found

    def context(self, sender):
        self.calls += 1
        return MoveContext(
            sender=self.address(sender),
            now_ms=self.now,
            epoch=1,
            package=self.package,
            digest=digest("transaction", self.calls),
            random_seed=digest("random", self.calls),
        )

    def call(self, target, sender, *args):
        """Call ``module::name``; clock and randomness are filled in. Raises ``MoveAbort``."""
        function = self.functions[target]
        given = iter(args)
        pairs, values = [], []
        for kind in function.params:
            if isinstance(kind, ClockKind):
                values.append(ClockObject(self.now))
            elif isinstance(kind, RandomKind):
                values.append(Random())
            elif isinstance(kind, PureKind):
                values.append(decode_pure(kind.move_type, encode_pure(kind.move_type, next(given))))
            else:
                original = next(given)
                copy = type(original).from_bcs(original.to_bcs())
                assert isinstance(original, Coin if isinstance(kind, CoinKind) else kind.layout)
                pairs.append((kind.mode, original, copy))
                values.append(copy)
        assert next(given, None) is None, f"too many arguments for {target}"
        ctx = self.context(sender)
        ctx.random_allowed = RANDOM in function.params
        before = self.phases()
        result = function.impl(ctx, *values)
        returned = [] if result is None else [result]
        self.check_entitled(target, [original for _mode, original, _copy in pairs])
        self.commit_call(ctx, pairs, returned)
        for event in ctx.events:
            assert type(event).from_bcs(event.to_bcs()) == event
        self.events += ctx.events
        self.inspect(before)
        return result

    def check_entitled(self, target, given):
        """Check that a call which succeeds was due; a plain world knows no duties."""

    def inspect(self, before):
        """Check what must hold after every call; ``before`` is ``phases()`` earlier."""
        self.check_supply()
        watch(self, before)

    def commit_call(self, ctx, pairs, returned):
        returned_ids = {obj.id for obj in returned if has_object_id(obj)}
        for mode, original, copy in pairs:
            if mode is Mode.REF:
                assert copy == original, f"a read-only {type(copy).__name__} changed"
            elif mode is Mode.MUT:
                assert copy.id not in ctx.placements
                vars(original).update(vars(copy))
            elif has_object_id(copy):
                assert (copy.id in ctx.placements) != (copy.id in returned_ids)
                self.forget(copy.id)
        self.settle_placements(ctx)
        for obj in returned:
            if has_object_id(obj):
                self.keep(obj, ctx.sender)

    def settle_placements(self, ctx):
        for oid, placement in ctx.placements.items():
            if placement.fate is Fate.DELETED:
                self.forget(oid)
            else:
                assert placement.fate in (Fate.ADDRESS, Fate.SHARED)
                self.keep(placement.value, placement.owner or SHARED)

    def keep(self, obj, owner):
        self.objects[obj.id] = obj
        self.owners[obj.id] = owner

    def forget(self, oid):
        self.objects.pop(oid, None)
        self.owners.pop(oid, None)

    # Looking.

    def of_type(self, layout):
        return [obj for obj in self.objects.values() if isinstance(obj, layout)]

    def phases(self):
        return read_phases(self.objects.values())

    def last(self, event_type):
        """Return the latest event of a type."""
        return next(e for e in reversed(self.events) if isinstance(e, event_type))

    def latest(self, layout):
        """Return the object of a type that was made last."""
        return self.of_type(layout)[-1]

    def balance(self, owner):
        where = normalize_address(owner) if owner.startswith("0x") else self.address(owner)
        return sum(
            obj.balance
            for oid, obj in self.objects.items()
            if isinstance(obj, Coin) and self.owners[oid] == where
        )

    def gain(self, owner):
        """Return what somebody has in coins beyond what ``mint`` gave: below zero if less."""
        return self.balance(owner) - self.given[owner]

    @property
    def burned(self):
        return self.balance("0xdead")

    def check_supply(self):
        """No Mist is made or lost: coins, burned coins and balances inside objects."""
        assert sum(compute_held_sui(obj) for obj in self.objects.values()) == self.minted

    # Doing.

    def mint(self, owner, amount):
        """Give ``owner`` a new coin."""
        self.minted += amount
        self.given[owner] += amount
        coin = Coin(self.context(owner).fresh_id(), amount)
        self.keep(coin, self.address(owner))
        return coin

    def choose_randomness(self, sender, is_wanted: Callable[[bytes], bool]):
        """Let the next transaction, of ``sender``, be one whose 32 random bytes are wanted."""
        while not is_wanted(self.context(sender).random_bytes(32)):
            pass
        self.calls -= 1

    def advance(self, ms):
        self.now += ms


def has_object_id(obj):
    return hasattr(type(obj), "codecs") and has_id(type(obj))
