"""Builds a programmable transaction without asking a node anything.

Everything a transaction refers to is given by the caller: object references, the gas coin, the
price. The bytes are pysui's BCS structures, serialised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pysui.sui.sui_bcs import bcs

from walrusd.chain.bcs import encode_length
from walrusd.chain.types import CLOCK_ID, RANDOM_ID, ObjectRef, SharedRef
from walrusd.chain.typetags import parse_type_tag
from walrusd.units import address_bytes, normalize_address

MAX_PURE = 16 * 1024
"""The longest pure argument that the protocol accepts, in bytes."""

MAX_GAS_COINS = 255
"""How many coins may pay for one transaction."""


@dataclass(frozen=True)
class Arg:
    """A value inside a transaction: the gas coin, an input, or a result of a command."""

    kind: str
    index: int = 0
    part: int | None = None


@dataclass(frozen=True)
class Result(Arg):
    """What a Move call returns. Use it as its only value, or index it: ``result[1]``."""

    def __getitem__(self, part: int) -> Arg:
        """Return the ``part``-th of several return values."""
        return Arg("NestedResult", self.index, part)


Argument = Arg | ObjectRef | SharedRef
GAS = Arg("GasCoin")


class Ptb:
    """Collects inputs and commands; ``build`` gives the bytes to sign."""

    def __init__(self, *, random_version: int | None = None) -> None:
        """Start empty; ``random_version`` is this network's initial version of ``0x8``."""
        self.gas = GAS
        self._random_version = random_version
        self.spent_from_gas = 0
        self._inputs: dict[Any, int] = {}
        self._values: list[Any] = []
        self._commands: list[partial[Any]] = []

    # --- pure inputs ------------------------------------------------------------------------

    def pure(self, encoded: bytes) -> Arg:
        """Return an input with the given BCS bytes.

        Raises:
            ValueError: if they are longer than the protocol allows.
        """
        if len(encoded) > MAX_PURE:
            raise ValueError(f"a pure argument of {len(encoded)} bytes; {MAX_PURE} are allowed")
        return self._input(("pure", encoded), encoded)

    def u8(self, value: int) -> Arg:
        """Return a ``u8``; a value out of range is an ``OverflowError``, as below."""
        return self.pure(value.to_bytes(1, "little"))

    def u16(self, value: int) -> Arg:
        """Return a ``u16``."""
        return self.pure(value.to_bytes(2, "little"))

    def u32(self, value: int) -> Arg:
        """Return a ``u32``."""
        return self.pure(value.to_bytes(4, "little"))

    def u64(self, value: int) -> Arg:
        """Return a ``u64``."""
        return self.pure(value.to_bytes(8, "little"))

    def u128(self, value: int) -> Arg:
        """Return a ``u128``."""
        return self.pure(value.to_bytes(16, "little"))

    def u256(self, value: int) -> Arg:
        """Return a ``u256``."""
        return self.pure(value.to_bytes(32, "little"))

    def boolean(self, value: bool) -> Arg:
        """Return a ``bool``."""
        return self.pure(bytes([value]))

    def address(self, value: str) -> Arg:
        """Return an ``address`` or an ``ID``."""
        return self.pure(address_bytes(value))

    def byte_vector(self, value: bytes) -> Arg:
        """Return a ``vector<u8>`` (or a ``String``, of UTF-8 bytes)."""
        return self.pure(_vector(value))

    def byte_vectors(self, values: Sequence[bytes]) -> Arg:
        """Return a ``vector<vector<u8>>``."""
        return self.pure(encode_length(len(values)) + b"".join(_vector(v) for v in values))

    def u64s(self, values: Sequence[int]) -> Arg:
        """Return a ``vector<u64>``."""
        body = b"".join(value.to_bytes(8, "little") for value in values)
        return self.pure(encode_length(len(values)) + body)

    def addresses(self, values: Sequence[str]) -> Arg:
        """Return a ``vector<address>`` or a ``vector<ID>``."""
        return self.pure(encode_length(len(values)) + b"".join(map(address_bytes, values)))

    # --- objects ----------------------------------------------------------------------------

    def owned(self, ref: ObjectRef) -> Arg:
        """Return an owned or immutable object."""
        return self._input(("object", ref.id), ref)

    def shared(self, ref: SharedRef) -> Arg:
        """Return a shared object; it is taken mutably if any of its uses asks for it."""
        arg = self._input(("object", ref.id), ref)
        if ref.mutable:
            self._values[arg.index] = ref
        return arg

    @property
    def clock(self) -> Arg:
        """Return ``0x6``, the clock."""
        return self.shared(SharedRef(CLOCK_ID, 1, mutable=False))

    @property
    def random(self) -> Arg:
        """Return ``0x8``, the randomness beacon.

        Raises:
            ValueError: if the builder was not told at which version this network shares it.
        """
        if self._random_version is None:
            raise ValueError("the initial version of 0x8 on this network is not known")
        return self.shared(SharedRef(RANDOM_ID, self._random_version, mutable=False))

    @property
    def object_ids(self) -> frozenset[str]:
        """Return the ids of the objects that are inputs."""
        return frozenset(
            value.id for value in self._values if isinstance(value, ObjectRef | SharedRef)
        )

    @property
    def owned_refs(self) -> frozenset[ObjectRef]:
        """Return the owned or immutable objects that are inputs."""
        return frozenset(value for value in self._values if isinstance(value, ObjectRef))

    # --- commands ---------------------------------------------------------------------------

    def split_gas(self, *amounts: int) -> list[Arg]:
        """Return new coins of ``amounts`` Mist, taken from the gas coin."""
        self.spent_from_gas += sum(amounts)
        return self.split(self.gas, *amounts)

    def split(self, coin: Argument, *amounts: int) -> list[Arg]:
        """Return new coins of ``amounts``, taken from ``coin``."""
        if not amounts:
            raise ValueError("nothing to split off")
        source = self._arg(coin)
        values = [self.u64(amount) for amount in amounts]
        index = self._command(
            lambda: bcs.Command("SplitCoin", bcs.SplitCoin(_bcs(source), list(map(_bcs, values))))
        )
        return [Arg("NestedResult", index, part) for part in range(len(amounts))]

    def merge(self, into: Argument, *sources: Argument) -> None:
        """Merge the coins ``sources`` into the coin ``into``."""
        target, coins = self._arg(into), [self._arg(source) for source in sources]
        self._command(
            lambda: bcs.Command("MergeCoins", bcs.MergeCoins(_bcs(target), list(map(_bcs, coins))))
        )

    def transfer(self, recipient: str, *objects: Argument) -> None:
        """Give ``objects`` to the address ``recipient``."""
        items, to = [self._arg(item) for item in objects], self.address(recipient)
        self._command(
            lambda: bcs.Command(
                "TransferObjects", bcs.TransferObjects(list(map(_bcs, items)), _bcs(to))
            )
        )

    def call(self, target: str, *arguments: Argument, types: Sequence[str] = ()) -> Result:
        """Call ``package::module::function`` and return its result.

        Raises:
            ValueError: if ``target`` or a type is malformed.
        """
        parts = target.split("::")
        if len(parts) != 3:
            raise ValueError(f"not package::module::function: {target!r}")
        package = normalize_address(parts[0])
        tags = [parse_type_tag(name) for name in types]
        args = [self._arg(argument) for argument in arguments]
        index = self._command(
            lambda: bcs.Command(
                "MoveCall",
                bcs.ProgrammableMoveCall(
                    _address(package), parts[1], parts[2], tags, list(map(_bcs, args))
                ),
            )
        )
        return Result("Result", index)

    def vector(self, *items: Argument, element: str | None = None) -> Arg:
        """Return a Move vector of objects; an empty one needs the ``element`` type."""
        args = [self._arg(item) for item in items]
        tag = bcs.OptionalTypeTag(parse_type_tag(element) if element else None)
        index = self._command(
            lambda: bcs.Command("MakeMoveVec", bcs.MakeMoveVec(tag, list(map(_bcs, args))))
        )
        return Arg("Result", index)

    def publish(self, modules: Sequence[bytes], dependencies: Sequence[str]) -> Arg:
        """Publish a package and return its ``UpgradeCap``."""
        code = [list(module) for module in modules]
        packages = [_address(package) for package in dependencies]
        index = self._command(lambda: bcs.Command("Publish", bcs.Publish(code, packages)))
        return Arg("Result", index)

    def upgrade(
        self, package: str, ticket: Argument, modules: Sequence[bytes], dependencies: Sequence[str]
    ) -> Arg:
        """Upgrade ``package`` with an ``UpgradeTicket`` and return the ``UpgradeReceipt``."""
        code = [list(module) for module in modules]
        packages = [_address(dependency) for dependency in dependencies]
        right = self._arg(ticket)
        index = self._command(
            lambda: bcs.Command(
                "Upgrade", bcs.Upgrade(code, packages, _address(package), _bcs(right))
            )
        )
        return Arg("Result", index)

    # --- the bytes --------------------------------------------------------------------------

    def build(
        self,
        sender: str,
        gas: Sequence[ObjectRef],
        *,
        budget: int,
        price: int,
        expiration_epoch: int | None = None,
    ) -> bytes:
        """Return the BCS transaction data to sign.

        Args:
            sender: who signs and pays.
            gas: the coins that pay; all of them are merged into the first.
            budget: the most that may be paid for gas, in Mist.
            price: Mist for each unit of gas, at least the reference price.
            expiration_epoch: the last epoch in which the transaction may be executed.

        Raises:
            ValueError: if no coin or too many coins are to pay, or nothing is to be done.
        """
        if not 1 <= len(gas) <= MAX_GAS_COINS:
            raise ValueError(f"{len(gas)} gas coins; 1 to {MAX_GAS_COINS} are allowed")
        if not self._commands:
            raise ValueError("a transaction without commands")
        if any(("object", ref.id) in self._inputs for ref in gas):
            raise ValueError("a gas coin is also an input; use `Ptb.gas`")
        kind = bcs.TransactionKind(
            "ProgrammableTransaction",
            bcs.ProgrammableTransaction(
                [_call_arg(value) for value in self._values],
                [make() for make in self._commands],
            ),
        )
        payer = _address(sender)
        expiration = (
            bcs.TransactionExpiration("None")
            if expiration_epoch is None
            else bcs.TransactionExpiration("Epoch", expiration_epoch)
        )
        data = bcs.TransactionDataV1(
            kind, payer, bcs.GasData([_ref(r) for r in gas], payer, price, budget), expiration
        )
        return bytes(bcs.TransactionData("V1", data).serialize())

    def _arg(self, argument: Argument) -> Arg:
        if isinstance(argument, SharedRef):
            return self.shared(argument)
        if isinstance(argument, ObjectRef):
            return self.owned(argument)
        return argument

    def _input(self, key: tuple[str, Any], value: Any) -> Arg:
        index = self._inputs.get(key)
        if index is None:
            index = self._inputs[key] = len(self._values)
            self._values.append(value)
        elif not isinstance(value, type(self._values[index])):
            raise ValueError(f"{key[1]} is used both as an owned and as a shared object")
        return Arg("Input", index)

    def _command(self, make: Any) -> int:
        self._commands.append(make)
        return len(self._commands) - 1


def _vector(value: bytes) -> bytes:
    return encode_length(len(value)) + value


def _address(value: str) -> bcs.Address:
    return bcs.Address(list(address_bytes(value)))


def _ref(ref: ObjectRef) -> bcs.ObjectReference:
    return bcs.ObjectReference(_address(ref.id), ref.version, bcs.Digest.from_str(ref.digest))


def _bcs(arg: Arg) -> bcs.Argument:
    if arg.kind == "GasCoin":
        return bcs.Argument("GasCoin")
    if arg.kind == "NestedResult":
        return bcs.Argument("NestedResult", (arg.index, arg.part))
    return bcs.Argument(arg.kind, arg.index)


def _call_arg(value: bytes | ObjectRef | SharedRef) -> bcs.CallArg:
    if isinstance(value, ObjectRef):
        return bcs.CallArg("Object", bcs.ObjectArg("ImmOrOwnedObject", _ref(value)))
    if isinstance(value, SharedRef):
        shared = bcs.SharedObjectReference(_address(value.id), value.initial_version, value.mutable)
        return bcs.CallArg("Object", bcs.ObjectArg("SharedObject", shared))
    return bcs.CallArg("Pure", list(value))
