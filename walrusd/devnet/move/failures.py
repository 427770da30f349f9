"""How a transaction fails: rejected before it runs, or undone and charged for."""

from enum import IntEnum

from walrusd.devnet.move.aborts import MoveAbort


class TransactionRejectedError(Exception):
    """Raised when a transaction is refused before it runs: nothing changes, nothing is charged."""


class EquivocatedError(TransactionRejectedError):
    """Raised when two transactions claim one version of an object: it is locked for the epoch."""


class FailureKind(IntEnum):
    """Numbers of ``ExecutionError.ExecutionErrorKind`` in sui.rpc.v2; BCS has one less."""

    INSUFFICIENT_GAS = 1
    OBJECT_TOO_BIG = 5
    INSUFFICIENT_COIN_BALANCE = 8
    COIN_BALANCE_OVERFLOW = 9
    MOVE_ABORT = 13
    VM_VERIFICATION_OR_DESERIALIZATION_ERROR = 14
    FUNCTION_NOT_FOUND = 16
    ARITY_MISMATCH = 17
    TYPE_ARITY_MISMATCH = 18
    COMMAND_ARGUMENT_ERROR = 20
    UNUSED_VALUE_WITHOUT_DROP = 22
    INVALID_TRANSFER_OBJECT = 24
    PACKAGE_UPGRADE_ERROR = 28
    CONSENSUS_OBJECT_OPERATION_NOT_ALLOWED = 32


class UpgradeFailure(IntEnum):
    """Numbers of ``PackageUpgradeErrorKind`` in sui.rpc.v2; BCS has one less."""

    UNABLE_TO_FETCH_PACKAGE = 1
    INCOMPATIBLE_UPGRADE = 3
    DIGEST_DOES_NOT_MATCH = 4
    PACKAGE_ID_DOES_NOT_MATCH = 6


class ArgumentFailure(IntEnum):
    """Numbers of ``CommandArgumentErrorKind`` in sui.rpc.v2; BCS has one less."""

    TYPE_MISMATCH = 1
    INVALID_BCS_BYTES = 2
    INVALID_USAGE_OF_PURE_ARGUMENT = 3
    INDEX_OUT_OF_BOUNDS = 5
    SECONDARY_INDEX_OUT_OF_BOUNDS = 6
    INVALID_RESULT_ARITY = 7
    INVALID_GAS_COIN_USAGE = 8
    INVALID_VALUE_USAGE = 9
    INVALID_OBJECT_BY_VALUE = 10
    INVALID_OBJECT_BY_MUT_REF = 11
    INVALID_TRANSFER_OBJECT = 14


class ExecutionFailure(Exception):
    """Raised when a transaction fails while it runs: undone, but gas is charged.

    ``argument`` and ``index`` belong to ``COMMAND_ARGUMENT_ERROR``; ``index`` (result, sub) also
    to ``UNUSED_VALUE_WITHOUT_DROP`` and (size, limit) to ``OBJECT_TOO_BIG``; ``abort`` to
    ``MOVE_ABORT``; ``upgrade`` (why, and the BCS of what is wrong) to ``PACKAGE_UPGRADE_ERROR``.
    The executor sets ``command``.
    """

    def __init__(
        self,
        kind: FailureKind,
        *,
        argument: tuple[int, ArgumentFailure] | None = None,
        index: tuple[int, int] = (0, 0),
        abort: MoveAbort | None = None,
        upgrade: tuple[UpgradeFailure, bytes] | None = None,
    ) -> None:
        super().__init__(kind.name)
        self.kind = kind
        self.argument = argument
        self.index = index
        self.abort = abort
        self.upgrade = upgrade
        self.command: int | None = None

    def describe(self) -> str:
        """Return a one-line description."""
        where = "" if self.command is None else f" in command {self.command}"
        if self.abort is not None:
            a = self.abort
            return f"MoveAbort{where}: {a.module}::{a.function} code {a.code}"
        if self.argument is not None:
            number, failure = self.argument
            return f"CommandArgumentError{where}: argument {number}: {failure.name}"
        why = "" if self.upgrade is None else f": {self.upgrade[0].name}"
        return f"{self.kind.name}{where}{why}"


def fail_argument(
    number: int, failure: ArgumentFailure, *, index: tuple[int, int] = (0, 0)
) -> ExecutionFailure:
    """Return the failure of argument ``number`` of a command."""
    return ExecutionFailure(
        FailureKind.COMMAND_ARGUMENT_ERROR, argument=(number, failure), index=index
    )
