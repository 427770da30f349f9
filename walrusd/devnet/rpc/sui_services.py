"""The table of every RPC that the devnet answers."""

from dataclasses import dataclass

from walrusd.chain.grpc import Handler
from walrusd.chain.values.pysui_parts import pb
from walrusd.devnet.ledger.ledger import Ledger
from walrusd.devnet.rpc.faults import Faults
from walrusd.devnet.rpc.replica import Replica
from walrusd.devnet.rpc.sui_events import EventService
from walrusd.devnet.rpc.sui_execution import ExecutionService
from walrusd.devnet.rpc.sui_ledger import LedgerReads
from walrusd.devnet.rpc.sui_state import StateReads


@dataclass(frozen=True)
class SuiServices:
    """The services of one node and their routes, ready for ``serve_connection``."""

    node: Replica
    faults: Faults
    reads: LedgerReads
    execution: ExecutionService
    events: EventService
    table: dict[str, Handler]


def build_sui_services(
    ledger: Ledger, *, heartbeat: float = 5.0, node: Replica | None = None
) -> SuiServices:
    """Return the services of sui.rpc.v2 on ``node``; None is a node without any lag."""
    node = node or Replica(ledger)
    reads, state = LedgerReads(node), StateReads(node)
    execution = ExecutionService(node, reads)
    events = EventService(node, heartbeat=heartbeat)
    faults = Faults(hold=execution.hold)
    routes = {
        "LedgerService/GetServiceInfo": Handler(pb.GetServiceInfoRequest, reads.get_service_info),
        "LedgerService/GetEpoch": Handler(pb.GetEpochRequest, reads.get_epoch),
        "LedgerService/GetCheckpoint": Handler(pb.GetCheckpointRequest, reads.get_checkpoint),
        "LedgerService/GetObject": Handler(pb.GetObjectRequest, reads.get_object),
        "LedgerService/BatchGetObjects": Handler(
            pb.BatchGetObjectsRequest, reads.batch_get_objects
        ),
        "LedgerService/GetTransaction": Handler(pb.GetTransactionRequest, reads.get_transaction),
        "LedgerService/BatchGetTransactions": Handler(
            pb.BatchGetTransactionsRequest, reads.batch_get_transactions
        ),
        "LedgerService/ListEvents": Handler(
            pb.ListEventsRequest, events.list_events, streaming=True
        ),
        "StateService/ListOwnedObjects": Handler(
            pb.ListOwnedObjectsRequest, state.list_owned_objects
        ),
        "StateService/GetBalance": Handler(pb.GetBalanceRequest, state.get_balance),
        "StateService/ListBalances": Handler(pb.ListBalancesRequest, state.list_balances),
        "StateService/ListDynamicFields": Handler(
            pb.ListDynamicFieldsRequest, state.list_dynamic_fields
        ),
        "StateService/GetCoinInfo": Handler(pb.GetCoinInfoRequest, state.get_coin_info),
        "MovePackageService/GetFunction": Handler(pb.GetFunctionRequest, state.get_function),
        "MovePackageService/GetPackage": Handler(pb.GetPackageRequest, state.get_package),
        "MovePackageService/ListPackageVersions": Handler(
            pb.ListPackageVersionsRequest, state.list_package_versions
        ),
        "TransactionExecutionService/ExecuteTransaction": Handler(
            pb.ExecuteTransactionRequest, execution.execute_transaction
        ),
        "TransactionExecutionService/SimulateTransaction": Handler(
            pb.SimulateTransactionRequest, execution.simulate_transaction
        ),
        "SubscriptionService/SubscribeEvents": Handler(
            pb.SubscribeEventsRequest, events.subscribe_events, streaming=True
        ),
    }
    table = {f"/sui.rpc.v2.{name}": handler for name, handler in routes.items()}
    return SuiServices(node, faults, reads, execution, events, faults.wrap(table))
