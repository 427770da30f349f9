"""The inputs of a programmable transaction: pure values and objects, without duplicates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from walrusd.chain.values.codecs import encode_length
from walrusd.chain.values.types import CLOCK_ID, RANDOM_ID, ObjectRef, SharedRef
from walrusd.units import address_bytes

MAX_PURE = 16 * 1024
"""The longest pure argument that the protocol accepts, in bytes."""


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


class Inputs:
    """Collects inputs; equal ones become one."""

    def __init__(self, *, random_version: int | None = None) -> None:
        self._random_version = random_version
        self._inputs: dict[Any, int] = {}
        self._values: list[Any] = []

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

    def optional_u64(self, value: int | None) -> Arg:
        """Return an ``Option<u64>``."""
        return self.pure(b"\0" if value is None else b"\1" + value.to_bytes(8, "little"))

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
        """Return a shared object; it is mutable if any of its uses needs that."""
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
            ValueError: if the builder was given no ``random_version``.
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


def _vector(value: bytes) -> bytes:
    return encode_length(len(value)) + value
