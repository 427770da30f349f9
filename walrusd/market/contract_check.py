"""Verify, before anything is spent, that the contract on chain is the one we were built for."""

import math
from dataclasses import dataclass

import trio

from walrusd.chain.calls.reads import MarketReader
from walrusd.chain.layouts.objects import Market, VerifierPool
from walrusd.chain.packages.bytecode import (
    INTERFACE_VERSION,
    VerifiedPackage,
    load_bytecode,
    verify_package,
)
from walrusd.chain.packages.publish import read_package
from walrusd.chain.values.digests import decode_digest
from walrusd.errors import (
    ContractMismatch,
    ContractNotPublished,
    ObjectNotFound,
    WrongNetwork,
)
from walrusd.settings.model import ContractIds

PATIENCE_S = 4.0
"""How many seconds a node may take to show a contract that was just published.

There is no transaction to wait for: another process or person published the contract.
"""

_PAUSE_S = 0.5


@dataclass(frozen=True)
class VerifiedContract:
    """A package that this walrusd was built for, with a market of it, on the right network.

    ``pools`` are those of the market that the settings list.
    """

    package: VerifiedPackage
    market: Market
    pools: tuple[VerifierPool, ...]
    chain_id: str


async def verify_contract(reader: MarketReader, ids: ContractIds) -> VerifiedContract:
    """Compare the contract on chain with the committed build, and the market with the network.

    Raises:
        ContractNotPublished: if the package does not exist.
        ContractMismatch: if its code differs, or its market is for other versions.
        ObjectNotFound: if this package has no such market.
        WrongNetwork: if package, market or a pool belong to another network, package or market.
    """
    give_up = math.inf
    while True:
        try:
            return await _verify(reader, ids)
        except (ContractNotPublished, ObjectNotFound):
            # Count from the first answer, which may have taken long on a slow machine.
            give_up = min(give_up, trio.current_time() + PATIENCE_S)
            left = await reader.client.endpoints.leave_stale()
            if not left and trio.current_time() >= give_up:
                raise
        await trio.sleep(_PAUSE_S)


async def _verify(reader: MarketReader, ids: ContractIds) -> VerifiedContract:
    client = reader.client
    package = await read_package(client, ids.latest)
    if package.original_id != ids.package:
        raise WrongNetwork(
            f"package {ids.latest} is a version of {package.original_id}, not of {ids.package}",
            hint="correct sui.package_id or sui.upgraded_package_id in the configuration",
        )
    verified = verify_package(load_bytecode(), package)
    market = await reader.market()
    if market.package != ids.package:
        raise WrongNetwork(
            f"market {market.id} belongs to package {market.package}",
            hint="correct sui.package_id or sui.market_id in the configuration",
        )
    info = await client.service_info()
    if market.chain_id != decode_digest(info.chain_id):
        raise WrongNetwork(f"market {market.id} was made for a chain other than {info.chain_id}")
    if market.version != INTERFACE_VERSION or INTERFACE_VERSION not in market.allowed_versions:
        raise ContractMismatch(
            f"market {market.id} has version {market.version} and allows"
            f" {market.allowed_versions}; this walrusd speaks version {INTERFACE_VERSION}",
            market=market.id,
        )
    return VerifiedContract(verified, market, await _read_pools(reader, ids), info.chain_id)


async def _read_pools(reader: MarketReader, ids: ContractIds) -> tuple[VerifierPool, ...]:
    pools = [await reader.pool(pool) for pool in ids.pools]
    for pool in pools:
        if pool.market != ids.market:
            raise WrongNetwork(
                f"pool {pool.id} belongs to market {pool.market}, not to {ids.market}",
                hint="correct market.pools in the configuration",
            )
    return tuple(pools)
