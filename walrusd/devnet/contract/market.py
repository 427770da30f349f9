"""Module ``market``: the shared parameters, the allowed versions, and the pause.

Also the checks that every other module makes of its objects: their version, market and pool.
"""

from typing import Protocol

from walrusd.chain.layouts.events import MarketCreated
from walrusd.chain.layouts.objects import AdminCap, Market, MarketParams, VerifierPool
from walrusd.devnet.contract.constants import (
    DIGEST,
    MAX_ALLOWED_VERSIONS,
    MAX_AMOUNT,
    MAX_SPAN_MS,
    VERSION,
)
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.move.context import MoveContext
from walrusd.devnet.move.signatures import ADDRESS, BOOL, BYTES, U64, mut, ref

MODULE = Module("market")


class Versioned(Protocol):
    """A shared object of the contract."""

    version: int


class Marketed(Protocol):
    """An object of one market."""

    market: str


class Pooled(Protocol):
    """An object of one verifier pool."""

    pool: str


def check_versions(market: Market, *shared: Versioned) -> None:
    """Abort for objects of another package version."""
    require(VERSION in market.allowed_versions, "market.EWrongVersion")
    for shared_object in shared:
        require(shared_object.version == VERSION, "market.EWrongVersion")


def check_market(market: Market, *members: Marketed) -> None:
    """Abort for objects of another market."""
    for member in members:
        require(member.market == market.id, "market.EWrongMarket")


def check_pool(pool: VerifierPool, *members: Pooled) -> None:
    """Abort for objects of another verifier pool."""
    for member in members:
        require(member.pool == pool.id, "market.EWrongPool")


def check_not_paused(market: Market) -> None:
    """Abort while the market is paused: no new tasks and joins."""
    require(not market.paused, "market.EPaused")


def init(ctx: MoveContext) -> AdminCap:
    """Run at publication: the publisher becomes the administrator."""
    cap = AdminCap(ctx.fresh_id())
    ctx.transfer(cap, ctx.sender)
    return cap


@MODULE.public(ref(AdminCap), BYTES, ADDRESS, U64, U64, U64, U64, U64)
def create_market(
    ctx: MoveContext,
    _cap: AdminCap,
    chain_id: bytes,
    package: str,
    tip: int,
    min_window_ms: int,
    max_window_ms: int,
    min_grace_ms: int,
    max_life_ms: int,
) -> None:
    """Create and share a market. Its pools are created later."""
    require(len(chain_id) == DIGEST, "market.EBadParams")
    require(tip <= MAX_AMOUNT, "market.EBadParams")
    require(0 < min_window_ms <= max_window_ms <= MAX_SPAN_MS, "market.EBadParams")
    require(0 < min_grace_ms <= max_window_ms, "market.EBadParams")
    require(0 < max_life_ms <= MAX_SPAN_MS, "market.EBadParams")

    market = Market(
        id=ctx.fresh_id(),
        version=VERSION,
        chain_id=chain_id,
        package=package,
        paused=False,
        allowed_versions=[VERSION],
        params=MarketParams(
            tip=tip,
            min_window_ms=min_window_ms,
            max_window_ms=max_window_ms,
            min_grace_ms=min_grace_ms,
            max_life_ms=max_life_ms,
        ),
    )
    ctx.emit(MarketCreated(market=market.id, chain_id=chain_id))
    ctx.share(market)


@MODULE.public(ref(AdminCap), mut(Market), BOOL)
def set_paused(_ctx: MoveContext, _cap: AdminCap, market: Market, paused: bool) -> None:
    """Stop, or allow again, new tasks and joins. Everything in progress continues."""
    check_versions(market)
    market.paused = paused


@MODULE.public(ref(AdminCap), mut(Market), U64)
def allow_version(_ctx: MoveContext, _cap: AdminCap, market: Market, version: int) -> None:
    """Allow one more package version to act. Works from every version."""
    require(version > 0, "market.EBadVersion")
    require(version not in market.allowed_versions, "market.EBadVersion")
    require(len(market.allowed_versions) < MAX_ALLOWED_VERSIONS, "market.EBadVersion")
    market.allowed_versions.append(version)


@MODULE.public(ref(AdminCap), mut(Market), U64)
def disallow_version(_ctx: MoveContext, _cap: AdminCap, market: Market, version: int) -> None:
    """Disallow one package version; at least one remains. Works from every version."""
    require(version in market.allowed_versions, "market.EBadVersion")
    require(len(market.allowed_versions) > 1, "market.EBadVersion")
    market.allowed_versions.remove(version)


def migrate(shared_object: Versioned) -> None:
    """Migrate a shared object of an earlier package version to this one."""
    require(shared_object.version < VERSION, "market.ENotOlder")
    shared_object.version = VERSION


@MODULE.public(ref(AdminCap), mut(Market))
def migrate_market(_ctx: MoveContext, _cap: AdminCap, market: Market) -> None:
    """Migrate the market to this version, the only one that may act from then on."""
    migrate(market)
    market.allowed_versions = [VERSION]
