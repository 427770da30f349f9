"""The first checkpoint: system objects, the package and its objects, prefunded accounts."""

from walrusd.chain.values.pysui_parts import pb
from walrusd.devnet.ledger.accounts import Seed, derive_accounts, derive_faucet
from walrusd.devnet.ledger.checks import CLOCK_ID, RANDOM_ID
from walrusd.devnet.ledger.dynamic_fields import build_account_table
from walrusd.devnet.ledger.executed import describe_run
from walrusd.devnet.ledger.run import GasUsed, ObjectChange, TransactionRun
from walrusd.devnet.ledger.store import Batch, Checkpoint, Store
from walrusd.devnet.move.aborts import ContractDefectError
from walrusd.devnet.move.calls import EmittedEvent
from walrusd.devnet.move.context import Coin, Fate, MoveContext
from walrusd.devnet.move.objects import IMMUTABLE, LedgerObject, Owner, owned_by, shared_since
from walrusd.devnet.move.package_objects import build_package_object
from walrusd.devnet.move.packages import Contract, Packages, Published, compute_held_sui
from walrusd.devnet.move.types import FRAMEWORK, SUI_COIN
from walrusd.units import MIST_PER_SUI, address_bytes, address_from_bytes

COINS_PER_ACCOUNT = 4
SUI_PER_ACCOUNT = 1_000
FAUCET_SUI = 1_000_000_000
_FIRST_VERSION = 1


def compute_package_id(seed: Seed) -> str:
    """Return the id of this chain's package."""
    return address_from_bytes(seed.derive("package"))


def start_chain(
    store: Store, seed: Seed, contract: Contract, *, accounts: int, now_ms: int
) -> None:
    """Write genesis to an empty store: one transaction, checkpoint 0.

    The first account publishes the package and receives what ``contract.genesis`` creates.
    """
    package_id = compute_package_id(seed)
    packages = Packages({package_id: contract.bind(package_id)})
    digest = seed.derive("genesis")
    holders = derive_accounts(seed, accounts)
    context = MoveContext(
        sender=holders[0].address,
        now_ms=now_ms,
        epoch=0,
        package=package_id,
        digest=digest,
        random_seed=seed.derive("random", digest),
    )
    contract.genesis(context, seed.derive("chain"))
    published = Published(package_id, package_id, _FIRST_VERSION, contract)
    objects = [
        *_system_objects(now_ms, digest),
        build_package_object(published, digest),
    ]
    objects += _placed_objects(packages, context)
    addresses = [holder.address for holder in holders]
    objects += build_account_table(seed, addresses, _FIRST_VERSION, digest)
    share = SUI_PER_ACCOUNT * MIST_PER_SUI // COINS_PER_ACCOUNT
    for holder in holders:
        for _ in range(COINS_PER_ACCOUNT):
            objects.append(_coin(context, holder.address, share))
    objects.append(_coin(context, derive_faucet(seed).address, FAUCET_SUI * MIST_PER_SUI))
    objects.sort(key=lambda obj: obj.id)
    run = TransactionRun(
        version=_FIRST_VERSION,
        changes=[ObjectChange(obj.id, None, obj, "created") for obj in objects],
        gas=GasUsed(0, 0, 0, 0),
        failure=None,
        events=[EmittedEvent(package_id, e.MODULE, e) for e in context.events],
        outputs=[],
        reading={},
        gas_object=None,
    )
    transaction = pb.Transaction(
        version=1,
        kind=pb.TransactionKind(kind=pb.TransactionKindKind.GENESIS),
        sender=address_from_bytes(bytes(32)),
    )
    executed = describe_run(run, transaction, digest, 0, "")
    minted = sum(obj.sui_balance for obj in objects)
    events = [] if executed.events is None else executed.events.events
    store.commit(
        Batch(
            written=objects,
            transaction=(0, digest, executed.SerializeToString()),
            events=[e.SerializeToString() for e in events],
            meta={
                "seed": seed.raw,
                "accounts": str(accounts).encode(),
                "minted": str(minted).encode(),
                "epoch_start_ms": str(now_ms).encode(),
            },
            sealed=Checkpoint(0, seed.derive("chain"), now_ms, 0, 0, 1),
        )
    )


def _object(oid: str, owner: Owner, move_type: str, contents: bytes, digest: bytes) -> LedgerObject:
    return LedgerObject(oid, _FIRST_VERSION, owner, move_type, contents, digest, 0)


def _system_objects(now_ms: int, digest: bytes) -> list[LedgerObject]:
    shared = shared_since(_FIRST_VERSION)
    clock = address_bytes(CLOCK_ID) + now_ms.to_bytes(8, "little")
    # The inner table of Random is never read: randomness comes from the devnet's seed.
    inner = address_bytes(RANDOM_ID) + address_bytes(RANDOM_ID) + (1).to_bytes(8, "little")
    return [
        _object(CLOCK_ID, shared, f"{FRAMEWORK}::clock::Clock", clock, digest),
        _object(RANDOM_ID, shared, f"{FRAMEWORK}::random::Random", inner, digest),
    ]


def _placed_objects(packages: Packages, context: MoveContext) -> list[LedgerObject]:
    out = []
    for oid, placement in context.placements.items():
        if placement.fate in (Fate.DELETED, Fate.WRAPPED):
            continue
        if compute_held_sui(placement.value):
            raise ContractDefectError("genesis must not create or destroy SUI")
        owner = {Fate.SHARED: shared_since(_FIRST_VERSION), Fate.IMMUTABLE: IMMUTABLE}.get(
            placement.fate, owned_by(placement.owner or "")
        )
        layout = type(placement.value)
        out.append(
            LedgerObject(
                id=oid,
                version=_FIRST_VERSION,
                owner=owner,
                type=packages.type_of(placement.package, layout),
                contents=placement.value.to_bcs(),
                previous=context.digest,
                storage_rebate=0,
                public_transfer=packages.is_transferable(placement.package, layout),
            )
        )
    return out


def _coin(context: MoveContext, address: str, amount: int) -> LedgerObject:
    coin = Coin(context.fresh_id(), amount)
    return _object(coin.id, owned_by(address), SUI_COIN, coin.to_bcs(), context.digest)
