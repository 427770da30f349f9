"""What a Sui node returns, as our own immutable types.

The wire library's types never leave the chain package: services see only these.
"""

import base64
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from walrusd.units import Address, Mist, ObjectId

SUI_TYPE = "0x" + "2".zfill(64) + "::sui::SUI"
SUI_COIN_TYPE = "0x" + "2".zfill(64) + f"::coin::Coin<{SUI_TYPE}>"
CLOCK_ID = ObjectId("0x" + "6".zfill(64))
RANDOM_ID = ObjectId("0x" + "8".zfill(64))


@dataclass(frozen=True)
class ObjectRef:
    """One version of an owned or immutable object; ``digest`` is base58."""

    id: ObjectId
    version: int
    digest: str


@dataclass(frozen=True)
class SharedRef:
    """A shared object by id and the version at which it became shared."""

    id: ObjectId
    initial_version: int
    mutable: bool = True


class OwnerKind(StrEnum):
    """Who may use an object."""

    ADDRESS = "address"
    OBJECT = "object"
    SHARED = "shared"
    IMMUTABLE = "immutable"
    CONSENSUS_ADDRESS = "consensus_address"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Owner:
    """Who owns an object.

    ``address`` is the owner's (or the parent object's); ``version`` is the initial version of a
    shared object, or the version since which a consensus address owns it.
    """

    kind: OwnerKind
    address: Address | None = None
    version: int | None = None


@dataclass(frozen=True)
class ObjectData:
    """An object as a node holds it; ``contents`` is its exact BCS, empty for a package."""

    id: ObjectId
    version: int
    digest: str
    owner: Owner
    type: str
    contents: bytes
    previous_transaction: str | None = None
    balance: Mist | None = None

    @property
    def ref(self) -> ObjectRef:
        """Return the reference that a transaction needs for an owned object."""
        return ObjectRef(self.id, self.version, self.digest)

    @property
    def initial_shared_version(self) -> int | None:
        """Return the version at which the object became shared; None if it is not."""
        return self.owner.version if self.owner.kind is OwnerKind.SHARED else None

    def shared_ref(self, *, mutable: bool = True) -> SharedRef:
        """Return the reference that a transaction needs for a shared object.

        Raises:
            ValueError: if the object is not shared.
        """
        if self.initial_shared_version is None:
            raise ValueError(f"{self.id} is not a shared object")
        return SharedRef(self.id, self.initial_shared_version, mutable)


@dataclass(frozen=True)
class ServiceInfo:
    """What a node reports about itself; ``lowest_checkpoint`` is the oldest it still has.

    ``timestamp_ms`` is the time of its newest checkpoint.
    """

    chain_id: str
    chain: str
    epoch: int
    checkpoint: int
    lowest_checkpoint: int
    server: str
    timestamp_ms: int = 0


@dataclass(frozen=True)
class EpochInfo:
    """The current epoch and the price of a unit of gas in it, in Mist."""

    number: int
    reference_gas_price: int


@dataclass(frozen=True)
class Event:
    """An event as a transaction emitted it; ``contents`` is its exact BCS."""

    type: str
    contents: bytes
    sender: Address
    package: str
    module: str


@dataclass(frozen=True)
class ChainEvent(Event):
    """An event with its position in the ledger."""

    checkpoint: int
    transaction_index: int
    event_index: int
    transaction: str

    @property
    def position(self) -> tuple[int, int, int]:
        """Return ``(checkpoint, transaction, event)``, which orders the ledger."""
        return self.checkpoint, self.transaction_index, self.event_index


@dataclass(frozen=True)
class Abort:
    """Where and why Move code stopped a transaction."""

    package: str
    module: str
    function: str
    code: int
    name: str = ""
    sentence: str = ""


@dataclass(frozen=True)
class GasUsed:
    """What a transaction cost, in Mist."""

    computation: Mist
    storage: Mist
    rebate: Mist

    @property
    def net(self) -> Mist:
        """Return what the gas coin lost; negative if more storage was freed than used."""
        return Mist(self.computation + self.storage - self.rebate)


class Change(StrEnum):
    """What a transaction did to an object."""

    CREATED = "created"
    MUTATED = "mutated"
    DELETED = "deleted"


@dataclass(frozen=True)
class ChangedObject:
    """An object after a transaction; a deleted one has neither digest nor owner."""

    id: ObjectId
    version: int
    digest: str
    owner: Owner | None
    type: str
    change: Change

    @property
    def ref(self) -> ObjectRef:
        """Return the reference that the next transaction needs if the object is owned."""
        return ObjectRef(self.id, self.version, self.digest)


@dataclass(frozen=True)
class ExecutedTransaction:
    """A transaction and its effects. If ``success`` is false, it had no effect but its gas fee."""

    digest: str
    success: bool
    error: str
    abort: Abort | None
    gas_used: GasUsed
    gas_object: ObjectRef | None
    changed: tuple[ChangedObject, ...] = ()
    events: tuple[Event, ...] = ()
    checkpoint: int | None = None

    def created(self, type_name: str) -> tuple[ChangedObject, ...]:
        """Return the created objects whose type is, or ends in, ``type_name``.

        ``type_name`` may leave out the package, as in ``task::Task``, and type parameters.
        """
        return tuple(
            item
            for item in self.changed
            if item.change is Change.CREATED and _names(item.type, type_name)
        )

    def emitted(self, type_name: str) -> tuple[Event, ...]:
        """Return the events whose type is, or ends in, ``type_name``."""
        return tuple(event for event in self.events if _names(event.type, type_name))

    def to_json(self) -> dict[str, Any]:
        """Return the transaction as JSON values; ``from_json`` reads them back."""
        return {
            "digest": self.digest,
            "success": self.success,
            "error": self.error,
            "abort": None if self.abort is None else vars(self.abort),
            "gas_used": vars(self.gas_used),
            "gas_object": None if self.gas_object is None else vars(self.gas_object),
            "changed": [
                {**vars(item), "owner": None if item.owner is None else vars(item.owner)}
                for item in self.changed
            ],
            "events": [
                {**vars(event), "contents": base64.b64encode(event.contents).decode()}
                for event in self.events
            ],
            "checkpoint": self.checkpoint,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return the transaction that ``to_json`` wrote."""
        return cls(
            digest=value["digest"],
            success=value["success"],
            error=value["error"],
            abort=None if value["abort"] is None else Abort(**value["abort"]),
            gas_used=GasUsed(**value["gas_used"]),
            gas_object=None if value["gas_object"] is None else ObjectRef(**value["gas_object"]),
            changed=tuple(_changed_from_json(item) for item in value["changed"]),
            events=tuple(
                Event(**{**event, "contents": base64.b64decode(event["contents"])})
                for event in value["events"]
            ),
            checkpoint=value["checkpoint"],
        )


def _changed_from_json(item: dict[str, Any]) -> ChangedObject:
    owner = item["owner"]
    if owner is not None:
        owner = Owner(**{**owner, "kind": OwnerKind(owner["kind"])})
    return ChangedObject(**{**item, "owner": owner, "change": Change(item["change"])})


def _names(full: str, wanted: str) -> bool:
    base = full.partition("<")[0]
    return wanted in (full, base) or full.endswith("::" + wanted) or base.endswith("::" + wanted)


@dataclass(frozen=True)
class Simulation:
    """What a transaction would do now."""

    outcome: ExecutedTransaction
    suggested_gas_price: int | None = None


@dataclass(frozen=True)
class FunctionInfo:
    """The signature of a Move function: how many parameters of each sort it has."""

    name: str
    is_public: bool
    is_entry: bool
    type_parameters: int
    parameters: int
    returns: int
