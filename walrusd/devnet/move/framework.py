"""The part of ``0x2::package`` that upgrades need, as Sui's framework defines it."""

from typing import ClassVar

from walrusd.chain.packages.bytecode import compute_package_digest
from walrusd.chain.values.bcs import U8, Bytes, Id, Layout
from walrusd.devnet.move import bcs, ptb
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.devnet.move.context import MoveContext
from walrusd.devnet.move.failures import ExecutionFailure, FailureKind, UpgradeFailure
from walrusd.devnet.move.packages import (
    Contract,
    Package,
    Packages,
    Published,
    UpgradeCap,
)
from walrusd.devnet.move.signatures import BYTES, ContractFunction, mut, value
from walrusd.devnet.move.signatures import U8 as U8_KIND
from walrusd.devnet.move.types import FRAMEWORK
from walrusd.units import address_from_bytes

_MODULE = "package"
_TOO_PERMISSIVE, _ALREADY_AUTHORIZED, _NOT_AUTHORIZED, _WRONG_CAP = 1, 2, 3, 4
_NO_PACKAGE = address_from_bytes(bytes(32))


class UpgradeTicket(Layout, module=_MODULE):
    """The right to one upgrade in this transaction, to exactly the bytes of ``digest``."""

    DROP: ClassVar[bool] = False

    cap: Id
    package: Id
    policy: U8
    digest: Bytes


class UpgradeReceipt(Layout, module=_MODULE):
    """The proof that an upgrade was done; must be returned to the capability."""

    DROP: ClassVar[bool] = False

    cap: Id
    package: Id


def bind_framework() -> Package:
    """Return the part of ``0x2`` that transactions call here."""
    functions = (
        ContractFunction(
            _MODULE,
            "authorize_upgrade",
            (mut(UpgradeCap), U8_KIND, BYTES),
            (value(UpgradeTicket),),
            entry=False,
            impl=authorize_upgrade,
        ),
        ContractFunction(
            _MODULE,
            "commit_upgrade",
            (mut(UpgradeCap), value(UpgradeReceipt)),
            (),
            entry=False,
            impl=commit_upgrade,
        ),
    )
    return Package.bind(FRAMEWORK, functions, (UpgradeTicket, UpgradeReceipt))


def authorize_upgrade(
    _ctx: MoveContext, cap: UpgradeCap, policy: int, digest: bytes
) -> UpgradeTicket:
    """Issue a ticket; the capability issues no other until its receipt is returned.

    Raises:
        MoveAbort: if a ticket is already issued, or the policy is too permissive.
    """
    if cap.package == _NO_PACKAGE:
        raise MoveAbort("0x2::package", _ALREADY_AUTHORIZED, "authorize_upgrade")
    if policy < cap.policy:
        raise MoveAbort("0x2::package", _TOO_PERMISSIVE, "authorize_upgrade")
    package, cap.package = cap.package, _NO_PACKAGE
    return UpgradeTicket(cap.id, package, policy, digest)


def commit_upgrade(_ctx: MoveContext, cap: UpgradeCap, receipt: UpgradeReceipt) -> None:
    """Take the receipt: the capability now belongs to the new version.

    Raises:
        MoveAbort: if the receipt is another capability's, or no upgrade was authorized.
    """
    if receipt.cap != cap.id:
        raise MoveAbort("0x2::package", _WRONG_CAP, "commit_upgrade")
    if cap.package != _NO_PACKAGE:
        raise MoveAbort("0x2::package", _NOT_AUTHORIZED, "commit_upgrade")
    cap.package = receipt.package
    cap.version += 1


def use_ticket(
    packages: Packages,
    command: ptb.Upgrade,
    contract: Contract,
    ticket: UpgradeTicket,
    new_id: str,
) -> tuple[Published, UpgradeReceipt]:
    """Return the new version of the ticket's package, which does ``contract``, and the receipt.

    Raises:
        ExecutionFailure: if the ticket is for another package or other bytes, or if the contract
            lacks a function or a type of the old version, or has another in its place.
    """
    old = packages.by_id.get(command.package)
    if old is None:
        raise _refuse(UpgradeFailure.UNABLE_TO_FETCH_PACKAGE, bcs.write_address(command.package))
    if ticket.package != command.package:
        detail = bcs.write_address(command.package) + bcs.write_address(ticket.package)
        raise _refuse(UpgradeFailure.PACKAGE_ID_DOES_NOT_MATCH, detail)
    digest = compute_package_digest(command.modules, command.dependencies)
    if ticket.digest != digest:
        raise _refuse(UpgradeFailure.DIGEST_DOES_NOT_MATCH, bcs.write_blob(digest))
    if not is_compatible(old, contract):
        raise _refuse(UpgradeFailure.INCOMPATIBLE_UPGRADE, b"")
    upgraded = Published(new_id, old.original_id, old.version + 1, contract)
    return upgraded, UpgradeReceipt(ticket.cap, new_id)


def is_compatible(old: Package, new: Contract) -> bool:
    """Return whether ``new`` has every public function and layout of ``old``, unchanged.

    This is the "compatible" policy: bodies and private functions may change, more may be added.
    """
    functions = {(f.module, f.name): f for f in new.functions}
    layouts = {f"{layout.MODULE}::{layout.__name__}": layout for layout in new.layouts}
    return all(layouts.get(name) is layout for name, layout in old.layouts.items()) and all(
        function.entry or (key in functions and _signature(functions[key]) == _signature(function))
        for key, function in old.functions.items()
    )


def _signature(function: ContractFunction) -> tuple[object, ...]:
    return function.entry, tuple(function.params), tuple(function.returns)


def _refuse(why: UpgradeFailure, detail: bytes) -> ExecutionFailure:
    return ExecutionFailure(FailureKind.PACKAGE_UPGRADE_ERROR, upgrade=(why, detail))
