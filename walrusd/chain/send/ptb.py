"""Builds a programmable transaction offline.

The caller gives everything that it refers to: object references, the gas coins, the price. The
bytes are pysui's BCS structures, serialised.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from walrusd.chain.send.inputs import GAS, Arg, Argument, Inputs, Result
from walrusd.chain.values.pysui_parts import bcs
from walrusd.chain.values.types import ObjectRef, SharedRef
from walrusd.chain.values.typetags import parse_type_tag
from walrusd.units import address_bytes, normalize_address

__all__ = ["GAS", "Arg", "Argument", "Ptb", "Result"]

MAX_GAS_COINS = 255
"""The most coins that may pay for one transaction."""


class Ptb(Inputs):
    """Collects inputs and commands; ``build`` returns the bytes to sign."""

    def __init__(self, *, random_version: int | None = None) -> None:
        """Start empty; ``random_version`` is this network's initial version of ``0x8``."""
        super().__init__(random_version=random_version)
        self.gas = GAS
        self.spent_from_gas = 0
        self._commands: list[partial[Any]] = []

    # --- commands ---------------------------------------------------------------------------

    def split_gas(self, *amounts: int) -> list[Arg]:
        """Return new coins of ``amounts`` Mist, taken from the gas coin."""
        self.spent_from_gas += sum(amounts)
        return self.split(self.gas, *amounts)

    def split(self, coin: Argument, *amounts: int) -> list[Arg]:
        """Return new coins of ``amounts``, taken from ``coin``.

        Raises:
            ValueError: if ``amounts`` is empty.
        """
        if not amounts:
            raise ValueError("no amounts to split off")
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
            ValueError: if there are no or too many gas coins, or no commands.
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

    def _command(self, make: Any) -> int:
        self._commands.append(make)
        return len(self._commands) - 1


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
