"""The contract as an executable specification: one function per entry point of ``walrusd/move``.

It has the names, argument order, check order, abort codes, events and layouts of the Move package.
The devnet binds ``FUNCTIONS`` and ``LAYOUTS`` to a package id; tests call the functions directly.
"""

from typing import NamedTuple, TypeVar

from walrusd.chain.layouts import objects
from walrusd.chain.layouts.events import EVENTS
from walrusd.chain.layouts.objects import AdminCap, Market, MarketParams, PoolParams, VerifierPool
from walrusd.chain.values.bcs import Layout
from walrusd.devnet.contract import (
    accusing,
    attestation,
    audit,
    committee,
    committing,
    dataset,
    delivering,
    jury,
    market,
    node,
    opening,
    reopening,
    seats,
    settlement,
    submission,
    substitutes,
    task,
    terms,
    updating,
    verdict,
    voting,
)
from walrusd.devnet.contract.market import init
from walrusd.devnet.move.context import MoveContext
from walrusd.devnet.move.signatures import ContractFunction
from walrusd.units import MIST_PER_SUI

__all__ = [
    "DEVNET_PARAMS",
    "DEVNET_POOL",
    "FUNCTIONS",
    "LAYOUTS",
    "NOT_TRANSFERABLE",
    "Genesis",
    "genesis",
    "init",
]

_MODULES = (
    market,
    node,
    seats,
    terms,
    task,
    submission,
    committing,
    committee,
    opening,
    delivering,
    reopening,
    substitutes,
    attestation,
    accusing,
    jury,
    voting,
    verdict,
    audit,
    settlement,
    updating,
    dataset,
)

FUNCTIONS: tuple[ContractFunction, ...] = tuple(
    function for module in _MODULES for function in module.MODULE.functions
)
"""Every function that a transaction may call."""

LAYOUTS: tuple[type[Layout], ...] = (
    *(
        cls
        for cls in vars(objects).values()
        if isinstance(cls, type) and issubclass(cls, Layout) and cls is not Layout
    ),
    *EVENTS.values(),
)
"""Every struct of the package: objects, their parts, and events."""

NOT_TRANSFERABLE: tuple[type[Layout], ...] = objects.SHARED_OBJECTS
"""Structs without ``store``: only the package's own code moves them."""

_DAY_MS = 24 * 3_600_000

DEVNET_PARAMS = MarketParams(
    tip=1_000_000,
    min_window_ms=1_000,
    max_window_ms=30 * _DAY_MS,
    min_grace_ms=1_000,
    max_life_ms=30 * _DAY_MS,
)

DEVNET_POOL = PoolParams(
    stake=64 * MIST_PER_SUI,
    duties=16,
    fee=MIST_PER_SUI // 100,
    seat_life_ms=30 * _DAY_MS,
    unbonding_ms=30 * _DAY_MS,
    max_min_fee=MIST_PER_SUI,
    min_rate=1,
    min_memory=1,
    min_penalty=MIST_PER_SUI // 4,
)


class Genesis(NamedTuple):
    """The objects of a fresh deployment: a market with its first pool."""

    admin_cap: AdminCap
    market: Market
    pool: VerifierPool


def genesis(
    ctx: MoveContext,
    chain_id: bytes,
    params: MarketParams = DEVNET_PARAMS,
    pool_params: PoolParams = DEVNET_POOL,
) -> Genesis:
    """Deploy the package ``ctx.package`` as ``ctx.sender``: ``init``, a market, a pool.

    Raises:
        MoveAbort: if ``chain_id`` does not have 32 bytes or a parameter is out of bounds.
    """
    cap = init(ctx)
    market.create_market(ctx, cap, chain_id, ctx.package, *vars(params).values())
    shared_market = _find(ctx, Market)
    node.create_pool(ctx, cap, shared_market, *vars(pool_params).values())
    return Genesis(cap, shared_market, _find(ctx, VerifierPool))


_Object = TypeVar("_Object")


def _find(ctx: MoveContext, layout: type[_Object]) -> _Object:
    (found,) = (each.value for each in ctx.placements.values() if isinstance(each.value, layout))
    return found
