"""ExecuteTransaction and SimulateTransaction."""

from walrusd.chain.grpc import GRPCError, Status
from walrusd.chain.values.pysui_parts import pb
from walrusd.devnet.ledger.checks import MAX_GAS_BUDGET, MAX_GAS_COINS
from walrusd.devnet.ledger.run import TransactionRun
from walrusd.devnet.move import ptb
from walrusd.devnet.move.aborts import ContractDefectError
from walrusd.devnet.move.failures import EquivocatedError, TransactionRejectedError
from walrusd.devnet.move.types import SUI_COIN
from walrusd.devnet.rpc.field_masks import apply_mask
from walrusd.devnet.rpc.replica import Replica
from walrusd.devnet.rpc.request_fields import refuse_field
from walrusd.devnet.rpc.sui_ledger import LedgerReads
from walrusd.devnet.rpc.transaction_requests import TransactionRequest, resolve_request

_DEFAULT_EXECUTED = ("effects.status", "checkpoint")
_SAFE_OVERHEAD = 1_000


class ExecutionService:
    """Runs transactions on the ledger, and simulates them on its node's view of the chain.

    All methods raise ``GRPCError`` for a transaction that Sui would refuse.
    """

    def __init__(self, replica: Replica, reads: LedgerReads) -> None:
        self.ledger = replica.ledger
        self.replica = replica
        self.reads = reads

    async def execute_transaction(
        self, request: pb.ExecuteTransactionRequest
    ) -> pb.ExecuteTransactionResponse:
        """Execute signed bytes; answer once the effects are final."""
        raw = _signed_bytes(request)
        signatures = [s.bcs.value or b"" for s in request.signatures if s.bcs is not None]
        try:
            executed = self.ledger.execute(raw, signatures)
        except (TransactionRejectedError, ContractDefectError) as e:
            raise _refuse(e) from e
        self.reads.add_objects(executed, request.read_mask)
        return pb.ExecuteTransactionResponse(
            transaction=apply_mask(executed, request.read_mask, _DEFAULT_EXECUTED)
        )

    def hold(self, request: pb.ExecuteTransactionRequest) -> None:
        """Give signed bytes to the validators, which lock their objects but execute nothing."""
        signatures = [s.bcs.value or b"" for s in request.signatures if s.bcs is not None]
        try:
            self.ledger.hold(_signed_bytes(request), signatures)
        except TransactionRejectedError as e:
            raise _refuse(e) from e

    async def simulate_transaction(
        self, request: pb.SimulateTransactionRequest
    ) -> pb.SimulateTransactionResponse:
        """Run a transaction, resolved or not, without effect; choose its gas if asked."""
        if request.transaction is None:
            raise refuse_field("transaction", "missing field", reason="FIELD_MISSING")
        checked = request.checks is not pb.SimulateTransactionRequestTransactionChecks.DISABLED
        try:
            wanted = resolve_request(request.transaction, self.replica)
            choose = bool(request.do_gas_selection) and checked and not wanted.payment
            data = self._choose_gas(wanted) if choose else _as_given(wanted)
            executed, run = self.ledger.simulate(data, self.replica)
        except (TransactionRejectedError, ContractDefectError) as e:
            raise _refuse(e) from e
        reply = pb.SimulateTransactionResponse(
            transaction=executed,
            command_outputs=_outputs(run),
            suggested_gas_price=self.replica.gas_price,
        )
        return apply_mask(reply, request.read_mask)

    def _choose_gas(self, wanted: TransactionRequest) -> ptb.TransactionData:
        """Choose a budget (what a first run needs, with a margin) and the largest coins."""
        budget = wanted.budget
        if not budget:
            _, run = self.ledger.simulate(wanted.with_gas((), MAX_GAS_BUDGET), self.replica)
            cost = run.gas.computation + run.gas.storage
            budget = min(cost + _SAFE_OVERHEAD * wanted.price, MAX_GAS_BUDGET)
        used = {i.ref.id for i in wanted.programmable.inputs if isinstance(i, ptb.OwnedInput)}
        coins = [c for c in self.replica.list_owned(wanted.owner, SUI_COIN) if c.id not in used]
        coins = sorted(coins, key=lambda c: -c.sui_balance)[:MAX_GAS_COINS]
        if sum(c.sui_balance for c in coins) < budget:
            raise TransactionRejectedError(
                f"Unable to perform gas selection due to insufficient SUI balance of "
                f"{wanted.owner}: {budget} Mist are needed"
            )
        payment = tuple(ptb.ObjectRef(c.id, c.version, c.digest_bytes) for c in coins)
        return wanted.with_gas(payment, budget)


def _refuse(error: TransactionRejectedError | ContractDefectError) -> GRPCError:
    if isinstance(error, ContractDefectError):
        return GRPCError(Status.INTERNAL, f"defect of the contract: {error}")
    equivocated = isinstance(error, EquivocatedError)
    status = Status.FAILED_PRECONDITION if equivocated else Status.INVALID_ARGUMENT
    return GRPCError(status, str(error))


def _signed_bytes(request: pb.ExecuteTransactionRequest) -> bytes:
    message = request.transaction
    if message is None or message.bcs is None or not message.bcs.value:
        raise refuse_field("transaction.bcs.value", "missing field", reason="FIELD_MISSING")
    return bytes(message.bcs.value)


def _as_given(wanted: TransactionRequest) -> ptb.TransactionData:
    return wanted.with_gas(wanted.payment, wanted.budget or MAX_GAS_BUDGET)


def _outputs(run: TransactionRun) -> list[pb.CommandResult]:
    return [
        pb.CommandResult(
            return_values=[
                pb.CommandOutput(value=pb.Bcs(name=kind, value=raw)) for kind, raw in outputs
            ]
        )
        for outputs in run.outputs
    ]
