"""Publishing, verifying and upgrading the contract with the daemon's key, without the daemon.

The sender journals every step under its own name: after a kill or a lost answer the same command
resumes where it stopped and pays for nothing twice. The profile is written last.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from walrusd.chain.calls.reads import MarketReader
from walrusd.chain.layouts.objects import MarketParams, PoolParams
from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.nodes.connect import open_client
from walrusd.chain.packages.bytecode import Bytecode, load_bytecode, verify_package
from walrusd.chain.packages.publish import (
    create_market,
    create_pool,
    find_upgrade_cap,
    publish_package,
    read_package,
    upgrade_package,
)
from walrusd.chain.send.failures import AbortSentences
from walrusd.chain.send.outbox import SqliteOutbox
from walrusd.chain.send.transactions import Sender
from walrusd.core.aborts import SENTENCES
from walrusd.engine.adapters import make_sender, open_chain
from walrusd.engine.local_state import open_state
from walrusd.errors import NotAllowed
from walrusd.market.contract_check import verify_contract
from walrusd.settings.model import ContractIds, Settings
from walrusd.settings.profile import ContractProfile, NetworkProfile, check_writable, write_profile
from walrusd.units import Mist


@dataclass(frozen=True)
class Admin:
    """The network, and the sender that signs and pays."""

    client: SuiClient
    sender: Sender
    outbox: SqliteOutbox
    aborts: AbortSentences
    chain_id: str


@asynccontextmanager
async def open_admin(settings: Settings, max_budget: Mist) -> AsyncIterator[Admin]:
    """Open the keys and the network as the daemon does; not while it runs with the same key.

    Raises:
        KeyFileMissing, KeyFileMode, KeystoreLocked, KeystoreDamaged: if the keystore does not open.
        DatabaseLost: if the key has been used here with a database that is gone.
        DoubleAction: if the daemon, or another of these commands, runs with this key.
        ChainUnreachable, WrongNetwork: if the network cannot be reached, or is another one.
    """
    with open_state(settings) as state:
        async with open_chain(settings.sui) as client:
            chain_id = (await client.service_info()).chain_id
            outbox = SqliteOutbox(state.database.connection)
            aborts = AbortSentences(sentences=SENTENCES)
            sender = make_sender(client, state, aborts=aborts, max_budget=max_budget, outbox=outbox)
            await sender.recover()
            yield Admin(client, sender, outbox, aborts, chain_id)


async def publish_contract(
    settings: Settings,
    path: Path,
    params: MarketParams,
    pool_params: PoolParams,
    max_budget: Mist,
) -> dict[str, Any]:
    """Publish the committed bytecode, create its market and a pool, and write the profile ``path``.

    Raises:
        ConfigError: if the profile exists already; nothing was paid then.
        InsufficientBalance: if the key's address cannot pay.
        ContractMismatch: if the chain has other code than was sent; no market is created then.
    """
    check_writable(path)
    bytecode = load_bytecode()
    async with open_admin(settings, max_budget) as admin:
        work = f"contract:{admin.chain_id}:{bytecode.digest.hex()}:{path.stem}"
        made = await publish_package(admin.sender, bytecode, once=f"{work}:publish")
        admin.aborts.add_package(made.id)
        verified = verify_package(bytecode, await read_package(admin.client, made.id))
        market = await create_market(
            admin.client,
            admin.sender,
            package_id=made.id,
            admin_cap=made.admin_cap,
            chain_id=admin.chain_id,
            params=params,
            once=f"{work}:market",
        )
        pool = await create_pool(
            admin.client,
            admin.sender,
            package_id=made.id,
            admin_cap=made.admin_cap,
            market_id=market.market,
            params=pool_params,
            once=f"{work}:pool",
        )
        contract = ContractProfile(
            package_id=made.id,
            original_package_id=made.id,
            version=verified.version,
            digest=verified.digest,
            market_id=market.market,
            pool_id=pool.pool,
            admin_cap_id=made.admin_cap,
            upgrade_cap_id=made.upgrade_cap,
        )
        profile = _make_profile(settings, path, admin.chain_id, contract)
        write_profile(path, profile)
    transactions = {
        "publish": made.transaction,
        "create_market": market.transaction,
        "create_pool": pool.transaction,
    }
    return _describe(path, profile, contract) | {"transactions": transactions}


async def read_chain_id(urls: Sequence[str]) -> str:
    """Return the identifier of the chain that the first answering endpoint serves."""
    async with open_client(urls) as client:
        return (await client.service_info()).chain_id


async def verify_published(profile: NetworkProfile, ids: ContractIds) -> dict[str, Any]:
    """Compare package and market on chain with the committed build; nothing is signed.

    Raises:
        ContractNotPublished, ContractMismatch, ObjectNotFound, WrongNetwork: see
            ``verify_contract``.
    """
    async with open_client(profile.urls, chain_id=profile.chain_id) as client:
        reader = MarketReader(client, ids.package, ids.market, ids.pools)
        verified = await verify_contract(reader, ids)
    return {
        "package_id": verified.package.id,
        "original_package_id": verified.package.original_id,
        "version": verified.package.version,
        "digest": verified.package.digest,
        "modules": verified.package.modules,
        "current": verified.package.is_current,
        "market_id": verified.market.id,
        "pool_ids": [pool.id for pool in verified.pools],
        "paused": verified.market.paused,
        "chain_id": verified.chain_id,
    }


async def upgrade_contract(
    settings: Settings,
    old: ContractProfile,
    path: Path,
    max_budget: Mist,
    *,
    same: bool = False,
) -> dict[str, Any]:
    """Upgrade the package of a profile to the committed bytecode, and write a new profile.

    ``same`` allows an upgrade to the bytecode that is on chain already.

    Raises:
        ConfigError: if the new profile exists already; nothing was paid then.
        NotAllowed: if the key does not own the upgrade capability, or there is nothing to do.
        MoveAborted, TransactionFailed: if the chain refuses the upgrade.
    """
    check_writable(path)
    bytecode = load_bytecode()
    async with open_admin(settings, max_budget) as admin:
        work = f"contract:{admin.chain_id}:{bytecode.digest.hex()}:{path.stem}:upgrade"
        new_id, transaction = await _upgrade(admin, bytecode, old, work, same=same)
        verified = verify_package(bytecode, await read_package(admin.client, new_id))
        contract = replace(
            old, package_id=verified.id, version=verified.version, digest=verified.digest
        )
        profile = _make_profile(settings, path, admin.chain_id, contract)
        write_profile(path, profile)
    return _describe(path, profile, contract) | {"transactions": {"upgrade": transaction}}


async def _upgrade(
    admin: Admin, bytecode: Bytecode, old: ContractProfile, work: str, *, same: bool
) -> tuple[str, str]:
    """Return the new package's id and the transaction that made it, now or in an earlier run."""
    done = admin.outbox.succeeded(work, admin.sender.address)
    if done is not None:
        return done.created("package")[0].id, done.digest
    latest = (await admin.client.package_versions(old.original_package_id))[-1]
    on_chain = await read_package(admin.client, latest)
    if on_chain.compute_digest() == bytecode.digest and not same:
        raise NotAllowed(
            f"package {latest} has this bytecode already", hint="there is nothing to upgrade"
        )
    cap, right = await find_upgrade_cap(admin.client, admin.sender.address, latest)
    made = await upgrade_package(
        admin.sender, bytecode, package_id=latest, cap=cap, policy=right.policy, once=work
    )
    return made.id, made.transaction


def _make_profile(
    settings: Settings, path: Path, chain_id: str, contract: ContractProfile
) -> NetworkProfile:
    return NetworkProfile(
        name=path.stem,
        urls=settings.sui.urls,
        chain_id=chain_id,
        aggregators=settings.walrus.aggregators,
        publishers=settings.walrus.publishers,
        nodes=settings.walrus.nodes,
        shards=settings.walrus.shards,
        max_blob_bytes=settings.walrus.max_blob_bytes,
        contract=contract,
        archive_urls=settings.sui.archive_urls,
    )


def _describe(path: Path, profile: NetworkProfile, contract: ContractProfile) -> dict[str, Any]:
    return {"profile": str(path), "chain_id": profile.chain_id, **asdict(contract)}
