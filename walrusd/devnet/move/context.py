"""What a contract function sees: the interface between the contract and the executor.

A contract function is plain Python, ``impl(ctx, *args)``: it reads and changes the layout
dataclasses it is given, uses ``ctx`` for ids, coins, events and randomness, and raises
``MoveAbort`` where the Move code aborts. It does not see versions, owners, gas or storage: the
executor checks those before and records them after. A ``MoveContext`` needs no ledger, so the
executable specification can be tested alone.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from walrusd.chain.values.bcs import Balance, Layout, Uid
from walrusd.devnet.move.aborts import ContractDefectError, MoveAbort
from walrusd.units import address_bytes, address_from_bytes, normalize_address

MAX_U64 = 2**64 - 1


class Coin(Layout, module="coin"):
    """``0x2::coin::Coin<0x2::sui::SUI>``; ``balance`` in Mist. ``&mut Coin`` is this, mutated."""

    id: Uid
    balance: Balance


@dataclass(frozen=True)
class ClockObject:
    """The shared ``0x6`` object, by immutable reference."""

    timestamp_ms: int


@dataclass(frozen=True)
class Random:
    """The shared ``0x8`` object; the right to call ``ctx.random_bytes``."""


class Fate(Enum):
    """Where an object went during a call."""

    ADDRESS = "address"
    SHARED = "shared"
    IMMUTABLE = "immutable"
    DELETED = "deleted"
    WRAPPED = "wrapped"


@dataclass(frozen=True)
class Placement:
    """An object of ``package`` and where it went; ``owner`` is for ``Fate.ADDRESS`` only."""

    value: Any
    fate: Fate
    package: str
    owner: str | None = None


class RandomGenerator:
    """``sui::random::RandomGenerator``: a stream of bytes from a 32-byte seed."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._counter = 0
        self._buffer = b""

    def generate_bytes(self, n: int) -> bytes:
        """Return the next ``n`` bytes."""
        while len(self._buffer) < n:
            block = struct.pack("<H", self._counter)
            self._buffer += hmac.digest(self._seed, block, "sha3_256")
            self._counter += 1
        out, self._buffer = self._buffer[:n], self._buffer[n:]
        return out


@dataclass
class MoveContext:
    """The transaction context, one per transaction, shared by all its Move calls.

    ``digest`` is the 32-byte transaction digest (object ids derive from it); ``random_seed`` is
    32 bytes in place of the network's randomness for this transaction.
    """

    sender: str
    now_ms: int
    epoch: int
    package: str
    digest: bytes = bytes(32)
    random_seed: bytes = bytes(32)
    events: list[Any] = field(default_factory=list)
    placements: dict[str, Placement] = field(default_factory=dict)
    ids_created: int = 0
    random_allowed: bool = True

    def fresh_id(self) -> str:
        """``object::new``: ``blake2b256(0xf1 ‖ digest ‖ u64 n)``."""
        self.ids_created += 1
        return self._derive_id(self.ids_created - 1)

    def compute_fresh_ids(self) -> set[str]:
        """Return every id that this transaction has created so far."""
        return {self._derive_id(n) for n in range(self.ids_created)}

    def _derive_id(self, number: int) -> str:
        preimage = b"\xf1" + self.digest + struct.pack("<Q", number)
        return address_from_bytes(hashlib.blake2b(preimage, digest_size=32).digest())

    def emit(self, event: Any) -> None:
        """``event::emit``: an event dataclass; its type is ``package::events::ClassName``."""
        self.events.append(event)

    def new_generator(self) -> RandomGenerator:
        """``random::new_generator``: uses up one fresh id, as the framework does.

        Raises:
            ContractDefectError: if the function does not take ``Random``.
        """
        if not self.random_allowed:
            raise ContractDefectError("randomness is used by a function that does not take Random")
        return RandomGenerator(
            hmac.digest(self.random_seed, address_bytes(self.fresh_id()), "sha3_256")
        )

    def random_bytes(self, n: int) -> bytes:
        """``n`` bytes of a new generator."""
        return self.new_generator().generate_bytes(n)

    # Where objects go. Each object is placed once; the executor checks that nothing with an id
    # is lost or duplicated.

    def share(self, obj: Any) -> None:
        """``transfer::share_object``."""
        self._place(obj, Fate.SHARED)

    def transfer(self, obj: Any, to: str) -> None:
        """``transfer::transfer`` to an address (burning is a transfer to the burn address)."""
        self._place(obj, Fate.ADDRESS, normalize_address(to))

    def freeze(self, obj: Any) -> None:
        """``transfer::freeze_object``."""
        self._place(obj, Fate.IMMUTABLE)

    def delete(self, obj: Any) -> None:
        """``object::delete`` of an object taken by value."""
        self._place(obj, Fate.DELETED)

    def wrap(self, obj: Any) -> None:
        """Record that an object taken by value is now a field of another."""
        self._place(obj, Fate.WRAPPED)

    def _place(self, obj: Any, fate: Fate, owner: str | None = None) -> None:
        before = self.placements.get(obj.id)
        if before is not None and before.fate is not Fate.WRAPPED:
            raise ContractDefectError(f"object {obj.id} is placed twice")
        self.placements[obj.id] = Placement(obj, fate, self.package, owner)

    # Coins of SUI. A balance inside an object is a plain integer field.

    def take_coin(self, coin: Coin) -> int:
        """``coin::into_balance``: consume a coin and return its Mist."""
        self.delete(coin)
        return coin.balance

    def new_coin(self, amount: int) -> Coin:
        """``coin::from_balance``: a coin of ``amount`` Mist, to be returned or transferred.

        Raises:
            ContractDefectError: if the amount is not a u64.
        """
        if not 0 <= amount <= MAX_U64:
            raise ContractDefectError(f"a coin of {amount} Mist cannot exist")
        return Coin(self.fresh_id(), amount)

    def split_balance(self, coin: Coin, amount: int) -> int:
        """``coin.balance_mut().split(amount)``: take part of a ``&mut Coin``.

        Raises:
            MoveAbort: ``0x2::balance`` code 2 when the coin has less.
        """
        if coin.balance < amount:
            raise MoveAbort("0x2::balance", 2, "split")
        coin.balance -= amount
        return amount

    def join_balance(self, coin: Coin, amount: int) -> None:
        """``coin.balance_mut().join(…)``: put Mist held by the contract into a ``&mut Coin``."""
        coin.balance += amount
