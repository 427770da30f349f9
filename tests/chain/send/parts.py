"""Coins, effects and journal entries as the sender knows them, made by hand."""

from walrusd.chain.send.outbox import OutboxEntry
from walrusd.chain.send.ptb import Ptb
from walrusd.chain.values.digests import compute_transaction_digest
from walrusd.chain.values.types import (
    SUI_COIN_TYPE,
    Change,
    ChangedObject,
    ExecutedTransaction,
    GasUsed,
    ObjectRef,
    Owner,
    OwnerKind,
)
from walrusd.units import Address, Mist, ObjectId, normalize_address

OURS = normalize_address("0xa")
THEIRS = normalize_address("0xb")


def ref(number: int, version: int = 1) -> ObjectRef:
    """Return a version of object ``number``."""
    object_id = ObjectId(normalize_address(f"{0xC0 + number:#x}"))
    return ObjectRef(object_id, version, compute_transaction_digest(b"%d %d" % (number, version)))


def changed(
    number: int,
    version: int = 2,
    *,
    owner: Address | None = OURS,
    kind: OwnerKind = OwnerKind.ADDRESS,
    change: Change = Change.MUTATED,
    type_name: str = SUI_COIN_TYPE,
) -> ChangedObject:
    """Return object ``number`` after a transaction; without ``owner`` it was deleted."""
    now = ref(number, version)
    owned = None if owner is None else Owner(kind, owner)
    return ChangedObject(now.id, version, now.digest, owned, type_name, change)


def effects(
    *items: ChangedObject,
    digest: str = "d",
    gas: ObjectRef | None = None,
    success: bool = True,
    cost: int = 100,
    error: str = "",
    checkpoint: int | None = None,
) -> ExecutedTransaction:
    """Return the effects of a transaction that cost ``cost`` Mist in all."""
    used = GasUsed(Mist(cost + 20), Mist(30), Mist(50))
    return ExecutedTransaction(digest, success, error, None, used, gas, items, (), checkpoint)


def sign(
    *gas: ObjectRef,
    label: str = "work",
    key: str | None = None,
    sender: Address = OURS,
    expires: int | None = 6,
    inputs: tuple[ObjectRef, ...] = (),
) -> OutboxEntry:
    """Return a journal entry of a real transaction that ``gas`` pays for."""
    ptb = Ptb()
    ptb.transfer(THEIRS, *(inputs or ptb.split_gas(1)))
    tx_bytes = ptb.build(sender, gas or [ref(0)], budget=1, price=1, expiration_epoch=expires)
    digest = compute_transaction_digest(tx_bytes)
    return OutboxEntry(digest, tx_bytes, bytes(97), label, key, sender)
