"""Publishes, reads and upgrades the contract: the adapter to Sui's package commands."""

from collections.abc import Callable
from dataclasses import dataclass

from walrusd.chain.layouts.objects import AdminCap, MarketParams, PoolParams
from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.nodes.methods import GET_OBJECT, GET_PACKAGE
from walrusd.chain.nodes.wire import need, need_address
from walrusd.chain.packages.bytecode import Bytecode, PublishedPackage
from walrusd.chain.packages.modules import read_module
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.send.transactions import Sender
from walrusd.chain.values.bcs import U8, U64, Id, Layout, Uid
from walrusd.chain.values.digests import decode_digest
from walrusd.chain.values.pysui_parts import pb, protobuf
from walrusd.chain.values.types import ExecutedTransaction, ObjectData, ObjectRef, SharedRef
from walrusd.errors import ChainUnreachable, ContractNotPublished, NotAllowed, ObjectNotFound
from walrusd.units import Address, ObjectId, normalize_address

FRAMEWORK = normalize_address("0x2")
UPGRADE_CAP_TYPE = f"{FRAMEWORK}::package::UpgradeCap"
_SECONDS = 30.0
_NEVER_OLD = 1 << 63
"""Stands in for a package's version: packages never change."""


class UpgradeCap(Layout, module="package"):
    """``0x2::package::UpgradeCap``: the right to upgrade ``package``."""

    id: Uid
    package: Id
    version: U64
    policy: U8


@dataclass(frozen=True)
class NewPackage:
    """A package just published; ``transaction`` is the digest in base58."""

    id: ObjectId
    upgrade_cap: ObjectId
    admin_cap: ObjectId
    transaction: str


@dataclass(frozen=True)
class NewMarket:
    """The market that ``market::create_market`` created."""

    market: ObjectId
    transaction: str


@dataclass(frozen=True)
class NewPool:
    """The pool of verifiers that ``node::create_pool`` created."""

    pool: ObjectId
    transaction: str


@dataclass(frozen=True)
class NewVersion:
    """A further version of a package."""

    id: ObjectId
    transaction: str


# --- reading --------------------------------------------------------------------------------------


async def read_package(client: SuiClient, package_id: str) -> PublishedPackage:
    """Return a package with its code.

    Raises:
        ContractNotPublished: if there is no such package on this network.
        ChainUnreachable: if no node answers, or the answer has no code.
    """
    wanted = normalize_address(package_id)
    package = await client.own_writes.read(
        [wanted],
        lambda: _ask_for_package(client, wanted),
        lambda package: {} if package is None else {wanted: _NEVER_OLD},
    )
    if package is None:
        raise ContractNotPublished(f"there is no package {wanted} on this network")
    modules = {
        need(m.name, "module.name"): need(m.contents, "module.contents") for m in package.modules
    }
    if not modules:
        raise ChainUnreachable(f"a node returned no code of {wanted}", hint="use another Sui node")
    original = package.original_id or read_module(next(iter(modules.values()))).address
    return PublishedPackage(
        id=ObjectId(need_address(package.storage_id or wanted)),
        original_id=ObjectId(need_address(original)),
        version=package.version or 1,
        modules=modules,
        dependencies=tuple(
            need_address(need(link.upgraded_id, "linkage.upgraded_id")) for link in package.linkage
        ),
    )


async def _ask_for_package(client: SuiClient, package_id: str) -> pb.Package | None:
    try:
        reply = await client.endpoints.ask(
            GET_PACKAGE, pb.GetPackageRequest(package_id=package_id), seconds=_SECONDS
        )
        package = need(reply.package, "package")
        if not (package.linkage and all(module.contents for module in package.modules)):
            # Some nodes return the code only with the package object.
            request = pb.GetObjectRequest(
                object_id=package_id, read_mask=protobuf.FieldMask(["package"])
            )
            found = await client.endpoints.ask(GET_OBJECT, request, seconds=_SECONDS)
            package = need(need(found.object, "object").package, "object.package")
    except ObjectNotFound:
        return None
    return package


async def find_upgrade_cap(
    client: SuiClient, owner: Address, package_id: str
) -> tuple[ObjectData, UpgradeCap]:
    """Return the upgrade capability of a package, given its newest version.

    Raises:
        NotAllowed: if ``owner`` does not own it.
    """
    for data in await client.list_owned(owner, UPGRADE_CAP_TYPE):
        cap = UpgradeCap.from_bcs(data.contents)
        if cap.package == package_id:
            return data, cap
    raise NotAllowed(
        f"{owner} does not own the upgrade capability of package {package_id}",
        hint="upgrade with the key that published it",
    )


# --- writing --------------------------------------------------------------------------------------


async def publish_package(sender: Sender, bytecode: Bytecode, *, once: str) -> NewPackage:
    """Publish a package; the sender receives its capabilities. ``once`` names this publication.

    Raises:
        InsufficientBalance, TransactionFailed, TransactionUncertain: as ``Sender.submit``.
    """

    def build(p: Ptb) -> None:
        p.transfer(sender.address, p.publish(bytecode.modules, bytecode.dependencies))

    executed = await _send(sender, build, once)
    return NewPackage(
        id=_created(executed, "package"),
        upgrade_cap=_created(executed, "package::UpgradeCap"),
        admin_cap=_created(executed, f"{AdminCap.MODULE}::{AdminCap.__name__}"),
        transaction=executed.digest,
    )


async def create_market(
    client: SuiClient,
    sender: Sender,
    *,
    package_id: str,
    admin_cap: str,
    chain_id: str,
    params: MarketParams,
    once: str,
) -> NewMarket:
    """Create the market, bound to this chain (base58) and package.

    Raises:
        MoveAborted: if a parameter is outside its limits.
        NotAllowed: if the sender does not own the administrator's capability.
    """
    cap = await _find_admin_cap(client, sender, admin_cap)
    raw_chain_id = decode_digest(chain_id)

    def build(p: Ptb) -> None:
        p.call(
            f"{package_id}::market::create_market",
            cap,
            p.byte_vector(raw_chain_id),
            p.address(package_id),
            *(p.u64(value) for value in vars(params).values()),
        )

    executed = await _send(sender, build, once)
    return NewMarket(_created(executed, "market::Market"), executed.digest)


async def create_pool(
    client: SuiClient,
    sender: Sender,
    *,
    package_id: str,
    admin_cap: str,
    market_id: str,
    params: PoolParams,
    once: str,
) -> NewPool:
    """Create a pool of verifiers in a market.

    Raises:
        MoveAborted: if a parameter is outside its limits.
        NotAllowed: if the sender does not own the administrator's capability.
    """
    cap = await _find_admin_cap(client, sender, admin_cap)
    market = await client.get_object(market_id)
    version = market.initial_shared_version
    assert version is not None, "a market is shared"
    shared = SharedRef(market.id, version, mutable=False)

    def build(p: Ptb) -> None:
        amounts = (p.u64(value) for value in vars(params).values())
        p.call(f"{package_id}::node::create_pool", cap, shared, *amounts)

    executed = await _send(sender, build, once)
    return NewPool(_created(executed, "node::VerifierPool"), executed.digest)


async def _find_admin_cap(client: SuiClient, sender: Sender, admin_cap: str) -> ObjectRef:
    cap = await client.get_object(admin_cap)
    if cap.owner.address != sender.address:
        raise NotAllowed(f"{sender.address} does not own the administrator capability {cap.id}")
    return cap.ref


async def upgrade_package(
    sender: Sender,
    bytecode: Bytecode,
    *,
    package_id: str,
    cap: ObjectData,
    policy: int,
    once: str,
) -> NewVersion:
    """Authorise an upgrade to exactly ``bytecode``, upgrade, and commit, in one transaction.

    Raises:
        MoveAborted: if the capability does not allow ``policy``.
        TransactionFailed: if the new code is not compatible with the old.
    """

    def build(p: Ptb) -> None:
        right = p.owned(cap.ref)
        ticket = p.call(
            f"{FRAMEWORK}::package::authorize_upgrade",
            right,
            p.u8(policy),
            p.byte_vector(bytecode.digest),
        )
        receipt = p.upgrade(package_id, ticket, bytecode.modules, bytecode.dependencies)
        p.call(f"{FRAMEWORK}::package::commit_upgrade", right, receipt)

    executed = await _send(sender, build, once)
    return NewVersion(_created(executed, "package"), executed.digest)


async def _send(sender: Sender, build: Callable[[Ptb], None], once: str) -> ExecutedTransaction:
    executed = await sender.submit_once(once, build)
    await sender.wait_visible(executed.digest)
    return executed


def _created(executed: ExecutedTransaction, type_name: str) -> ObjectId:
    """Return the id of the one object of a type that a transaction created.

    Raises:
        ChainUnreachable: if the node's answer does not contain it.
    """
    for item in executed.created(type_name):
        return item.id
    raise ChainUnreachable(
        f"the answer to transaction {executed.digest} shows no new {type_name}",
        hint="use another Sui node",
    )
