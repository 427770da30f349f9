"""Every object of the contract, and which of them are shared.

Fields are in BCS order: the Move structs have the same.
"""

from walrusd.chain.layouts.dataset import Dataset, DatasetVersion, KeyRequest
from walrusd.chain.layouts.market import (
    AdminCap,
    Market,
    MarketParams,
    PoolParams,
    Seat,
    VerifierCap,
    VerifierPool,
)
from walrusd.chain.layouts.submission import (
    AbortClaim,
    Commitment,
    CommitteeSeat,
    Dispute,
    Juror,
    Lot,
    Opening,
    Submission,
)
from walrusd.chain.layouts.task import (
    Aggregate,
    Credit,
    DatasetRef,
    Entry,
    PublisherCap,
    Task,
    Terms,
)
from walrusd.chain.values.bcs import Layout

__all__ = [
    "OWNED_OBJECTS",
    "SHARED_OBJECTS",
    "AbortClaim",
    "AdminCap",
    "Aggregate",
    "Commitment",
    "CommitteeSeat",
    "Credit",
    "Dataset",
    "DatasetRef",
    "DatasetVersion",
    "Dispute",
    "Entry",
    "Juror",
    "KeyRequest",
    "Lot",
    "Market",
    "MarketParams",
    "Opening",
    "PoolParams",
    "PublisherCap",
    "Seat",
    "Submission",
    "Task",
    "Terms",
    "VerifierCap",
    "VerifierPool",
]

SHARED_OBJECTS: tuple[type[Layout], ...] = (
    Market,
    VerifierPool,
    Task,
    Submission,
    Dataset,
    KeyRequest,
)
OWNED_OBJECTS: tuple[type[Layout], ...] = (AdminCap, VerifierCap, PublisherCap)
