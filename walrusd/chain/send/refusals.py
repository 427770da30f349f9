"""What a node's refusal of a transaction means for the next attempt.

Nodes give the reason only as text. These are the texts of Sui's ``UserInputError`` and of its
transaction driver that call for a reaction; any other refusal is final.
"""

from enum import StrEnum

from walrusd.chain.grpc import Status
from walrusd.errors import (
    ChainRefused,
    InsufficientBalance,
    MoveAborted,
    PackageNotFound,
    TransactionFailed,
    WalrusdError,
)

NOT_EXECUTED = (MoveAborted, TransactionFailed, InsufficientBalance)
"""Errors that prove that a call of the contract had no effect and will have none.

They come from the simulation, from the effects, or before signing. Any other error leaves open
whether the call was executed.
"""


class Refusal(StrEnum):
    """Why a transaction was refused."""

    STALE = "stale"
    """An object does not exist, or not at the version that the transaction names."""
    LOCKED = "locked"
    """Another transaction claims an object: it is locked until the epoch ends."""
    EXPIRED = "expired"
    """Its expiration epoch has passed."""
    PRICE = "price"
    """The gas price is below that of the epoch."""
    FUNDS = "funds"
    """The gas coins hold less than the budget."""
    PACKAGE = "package"
    """A package that it calls does not exist on this network."""
    OTHER = "other"


_WORDS = {
    Refusal.LOCKED: (
        "already locked by a different transaction",
        "because of locked objects",
        "reserved for another transaction",
        "equivocated until",
    ),
    Refusal.STALE: (
        "unavailable for consumption",
        "not available for consumption",
        "could not find the referenced object",
        "invalid object digest",
    ),
    Refusal.EXPIRED: ("transaction expired", "transaction has expired"),
    Refusal.PRICE: ("under reference gas price",),
    Refusal.FUNDS: ("balance of gas object", "insufficient sui balance"),
    Refusal.PACKAGE: ("dependent package not found",),
}


def classify(error: WalrusdError) -> Refusal:
    """Return what kind of refusal an error is."""
    text = error.message.lower()
    for refusal, words in _WORDS.items():
        if any(word in text for word in words):
            return refusal
    if error.fields.get("status") == Status.FAILED_PRECONDITION.name:
        return Refusal.LOCKED  # the status that nodes use only for a conflict of locks
    return Refusal.OTHER


def explain(error: WalrusdError) -> WalrusdError:
    """Return the error to raise for a final refusal."""
    refusal = classify(error)
    if refusal is Refusal.PACKAGE:
        return PackageNotFound(error.message, status=error.fields.get("status"))
    if refusal is Refusal.FUNDS:
        return InsufficientBalance(error.message)
    if refusal is Refusal.LOCKED:
        return ChainRefused(
            error.message,
            hint="stop the other program that uses this key; the object is free in the next epoch",
            **error.fields,
        )
    return error
