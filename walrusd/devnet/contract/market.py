"""Module ``market``: the shared parameters, the allowed versions, and the pause."""

from typing import Protocol

from walrusd.chain.layouts.objects import AdminCap, Market, VerifierPool
from walrusd.devnet.contract.constants import MAX_ALLOWED_VERSIONS, VERSION
from walrusd.devnet.contract.functions import Module, require
from walrusd.devnet.move.context import MoveContext
from walrusd.devnet.move.signatures import BOOL, U64, mut, ref

MODULE = Module("market")


class Versioned(Protocol):
    """A shared object of the contract."""

    version: int


def check_versions(market: Market, *shared: Versioned) -> None:
    """Abort for objects of another package version."""
    require(VERSION in market.allowed_versions, "market.EWrongVersion")
    for shared_object in shared:
        require(shared_object.version == VERSION, "market.EWrongVersion")


def check_pool(market: Market, pool: VerifierPool) -> None:
    """Abort for any pool but the market's."""
    require(pool.id == market.pool, "market.EWrongPool")


def check_not_paused(market: Market) -> None:
    """Abort while the market is paused: no new tasks and joins."""
    require(not market.paused, "market.EPaused")


def init(ctx: MoveContext) -> AdminCap:
    """Run at publication: the publisher becomes the administrator."""
    cap = AdminCap(ctx.fresh_id())
    ctx.transfer(cap, ctx.sender)
    return cap


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
