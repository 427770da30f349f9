"""What a failed transaction means; for an abort of the contract, the sentence of its code."""

from collections.abc import Iterable, Mapping

from walrusd.chain.values.types import Abort, ExecutedTransaction
from walrusd.errors import MoveAborted, PackageMismatch, TransactionFailed, WalrusdError
from walrusd.units import normalize_address

_MISMATCH = ("FUNCTION_NOT_FOUND", "ARITY_MISMATCH", "VM_VERIFICATION_OR_DESERIALIZATION_ERROR")
"""Execution errors that mean that the package has another interface than this program expects."""


class AbortSentences:
    """The abort codes of one contract, by ``(module, code)``.

    Other packages, also the framework, may have a module of the same name, so a sentence is used
    only for an abort in one of the contract's packages. Depending on their protocol version, nodes
    name the first version of a package or the one that ran: both are the contract's.
    """

    def __init__(
        self, packages: Iterable[str] = (), sentences: Mapping[tuple[str, int], str] | None = None
    ) -> None:
        self._packages = set(map(normalize_address, packages))
        self._sentences = sentences or {}

    def add_package(self, package: str) -> None:
        """Add ``package``, published just now, to the contract's packages."""
        self._packages.add(normalize_address(package))

    def find(self, abort: Abort) -> str:
        """Return the contract's sentence for an abort; empty if it is not the contract's."""
        if abort.package not in self._packages:
            return ""
        return self._sentences.get((abort.module, abort.code), "")


def explain_failure(
    outcome: ExecutedTransaction, sentences: AbortSentences, *, executed: bool
) -> WalrusdError:
    """Return the typed error of a transaction that failed, or whose simulation did.

    Args:
        outcome: its effects.
        sentences: what the contract's abort codes mean.
        executed: whether it was executed, and so paid gas.
    """
    abort = outcome.abort
    if abort is None:
        how = "failed" if executed else "would fail"
        mismatch = any(word in outcome.error for word in _MISMATCH)
        kind = PackageMismatch if mismatch else TransactionFailed
        return kind(
            f"the transaction {how}: {outcome.error}", digest=outcome.digest, executed=executed
        )
    where = f"{abort.module}::{abort.function}" if abort.function else abort.module
    ours = sentences.find(abort)
    sentence = ours or abort.sentence or abort.name
    return MoveAborted(
        f"{sentence} ({where}, code {abort.code})"
        if sentence
        else f"{where} aborts with code {abort.code}",
        package=abort.package,
        module=abort.module,
        function=abort.function,
        abort_code=abort.code,
        digest=outcome.digest,
        executed=executed,
        hint=PackageMismatch.default_hint if "EWrongVersion" in ours else None,
    )
