"""Checks and runs transaction bytes as validators do, on the ledger or on a node's view of it."""

from dataclasses import dataclass
from typing import Protocol

from walrusd.chain.values.pysui_parts import pb
from walrusd.devnet.ledger import checks
from walrusd.devnet.ledger.accounts import Seed
from walrusd.devnet.ledger.checks import Resolved
from walrusd.devnet.ledger.executed import describe_run, failed_package
from walrusd.devnet.ledger.messages import object_message, transaction_message
from walrusd.devnet.ledger.run import TransactionRun, run_transaction
from walrusd.devnet.move import ptb
from walrusd.devnet.move.context import MoveContext
from walrusd.devnet.move.objects import LedgerObject
from walrusd.devnet.move.packages import Packages


class LedgerState(Protocol):
    """The state a transaction runs on: the ledger, or what a full node has seen of it."""

    @property
    def packages(self) -> Packages:
        """The packages that can be called."""
        ...

    @property
    def epoch(self) -> int:
        """The current epoch."""
        ...

    @property
    def gas_price(self) -> int:
        """The reference gas price."""
        ...

    def get_object(self, oid: str, version: int | None = None) -> LedgerObject | None:
        """Return an object."""
        ...

    def now_ms(self) -> int:
        """Return the time of the ledger."""
        ...


@dataclass(frozen=True)
class Runner:
    """Checks and runs transactions; changes nothing."""

    seed: Seed

    def admit(
        self, raw: bytes, signatures: list[bytes], state: LedgerState
    ) -> tuple[ptb.TransactionData, Resolved]:
        """Return a signed transaction that may run, and its objects.

        Raises:
            TransactionRejectedError: with Sui's reason.
        """
        data = checks.decode_transaction(raw)
        checks.verify_signatures(raw, data, signatures)
        checks.verify_expiration(data, state.epoch)
        return data, self.resolve(data, state, paying=True)

    def resolve(self, data: ptb.TransactionData, state: LedgerState, *, paying: bool) -> Resolved:
        """Return the objects of a transaction.

        Raises:
            TransactionRejectedError: with Sui's reason.
        """
        checks.verify_form(data, state.packages)
        resolved = checks.resolve_inputs(data, state.get_object, state.packages, state.now_ms())
        if paying:
            checks.verify_gas(data, resolved, state.gas_price)
        return resolved

    def run(
        self, data: ptb.TransactionData, resolved: Resolved, digest: bytes, state: LedgerState
    ) -> TransactionRun:
        """Run a checked transaction.

        Raises:
            ContractDefectError: the contract broke its own rules.
        """
        context = MoveContext(
            sender=data.sender,
            now_ms=state.now_ms(),
            epoch=state.epoch,
            package="0x" + "0" * 64,
            digest=digest,
            random_seed=self.seed.derive("random", digest),
        )
        return run_transaction(state.packages, context, data, resolved)

    def describe(
        self,
        run: TransactionRun,
        data: ptb.TransactionData,
        raw: bytes,
        digest: bytes,
        state: LedgerState,
    ) -> pb.ExecutedTransaction:
        """Return a run as a node returns it, without its objects."""
        return describe_run(
            run,
            transaction_message(data, raw, digest),
            digest,
            state.epoch,
            failed_package(run, data),
        )

    def simulate(
        self, data: ptb.TransactionData, state: LedgerState
    ) -> tuple[pb.ExecutedTransaction, TransactionRun]:
        """Run a transaction without signatures and without effect.

        Without gas coins, a made-up coin pays.

        Raises:
            TransactionRejectedError: refused before running.
            ContractDefectError: the contract broke its own rules.
        """
        raw = data.to_bcs()
        digest = ptb.compute_transaction_digest(raw)
        resolved = self.resolve(data, state, paying=bool(data.gas.payment))
        run = self.run(data, resolved, digest, state)
        executed = self.describe(run, data, raw, digest, state)
        objects = [o for c in run.changes for o in (c.before, c.after) if o is not None]
        packages = state.packages
        executed.objects = pb.ObjectSet(objects=[object_message(o, packages) for o in objects])
        return executed, run
