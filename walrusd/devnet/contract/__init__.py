"""The contract as an executable specification: one function per entry point of ``walrusd/move``.

It has the names, argument order, check order, abort codes, events and layouts of the Move package.
The devnet binds ``FUNCTIONS`` and ``LAYOUTS`` to a package id; tests call the functions directly.
"""

from typing import NamedTuple

from walrusd.chain.layouts import objects
from walrusd.chain.layouts.events import EVENTS
from walrusd.chain.layouts.objects import AdminCap, Market, MarketParams, VerifierPool
from walrusd.chain.values.bcs import Layout
from walrusd.devnet.contract import (
    attestation,
    audit,
    challenge,
    committee,
    committing,
    dataset,
    jury,
    market,
    node,
    opening,
    settlement,
    submission,
    substitutes,
    task,
    terms,
    verdict,
    voting,
)
from walrusd.devnet.contract.market import init
from walrusd.devnet.move.context import MoveContext
from walrusd.devnet.move.signatures import ContractFunction
from walrusd.units import MIST_PER_SUI

__all__ = [
    "DEVNET_PARAMS",
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
    terms,
    task,
    submission,
    committing,
    opening,
    committee,
    substitutes,
    attestation,
    audit,
    challenge,
    jury,
    voting,
    verdict,
    settlement,
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

DEVNET_PARAMS = MarketParams(
    tip=1_000_000,
    accuser_share_bps=2_000,
    min_window_ms=1_000,
    max_window_ms=30 * 24 * 3_600_000,
    min_seat_stake=MIST_PER_SUI,
    unbonding_ms=3_600_000,
)


class Genesis(NamedTuple):
    """The objects of a fresh deployment."""

    admin_cap: AdminCap
    pool: VerifierPool
    market: Market


def genesis(ctx: MoveContext, chain_id: bytes, params: MarketParams = DEVNET_PARAMS) -> Genesis:
    """Deploy the package ``ctx.package`` as ``ctx.sender``: ``init``, then ``create_market``.

    Raises:
        MoveAbort: if ``chain_id`` does not have 32 bytes or a parameter is out of bounds.
    """
    cap = init(ctx)
    node.create_market(
        ctx,
        cap,
        chain_id,
        ctx.package,
        params.tip,
        params.accuser_share_bps,
        params.min_window_ms,
        params.max_window_ms,
        params.min_seat_stake,
        params.unbonding_ms,
    )
    made = [placement.value for placement in ctx.placements.values()]
    (pool,) = (obj for obj in made if isinstance(obj, VerifierPool))
    (shared_market,) = (obj for obj in made if isinstance(obj, Market))
    return Genesis(cap, pool, shared_market)
