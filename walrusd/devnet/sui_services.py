"""The table of every RPC that the devnet answers."""

from dataclasses import dataclass

import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb

from walrusd.chain.grpc import Handler
from walrusd.devnet.ledger import Ledger
from walrusd.devnet.sui_events import EventService
from walrusd.devnet.sui_execution import ExecutionService
from walrusd.devnet.sui_reads import Reads


@dataclass(frozen=True)
class SuiServices:
    """The services of one ledger and their routes, ready for ``serve_connection``."""

    reads: Reads
    execution: ExecutionService
    events: EventService
    table: dict[str, Handler]


def build_services(ledger: Ledger, *, heartbeat: float = 5.0) -> SuiServices:
    """Return the services of sui.rpc.v2 on ``ledger``."""
    reads = Reads(ledger)
    execution = ExecutionService(ledger, reads)
    events = EventService(ledger, heartbeat=heartbeat)
    routes = {
        "LedgerService/GetServiceInfo": Handler(pb.GetServiceInfoRequest, reads.get_service_info),
        "LedgerService/GetEpoch": Handler(pb.GetEpochRequest, reads.get_epoch),
        "LedgerService/GetCheckpoint": Handler(pb.GetCheckpointRequest, reads.get_checkpoint),
        "LedgerService/GetObject": Handler(pb.GetObjectRequest, reads.get_object),
        "LedgerService/BatchGetObjects": Handler(
            pb.BatchGetObjectsRequest, reads.batch_get_objects
        ),
        "LedgerService/GetTransaction": Handler(pb.GetTransactionRequest, reads.get_transaction),
        "LedgerService/ListEvents": Handler(
            pb.ListEventsRequest, events.list_events, streaming=True
        ),
        "StateService/ListOwnedObjects": Handler(
            pb.ListOwnedObjectsRequest, reads.list_owned_objects
        ),
        "StateService/GetBalance": Handler(pb.GetBalanceRequest, reads.get_balance),
        "StateService/ListBalances": Handler(pb.ListBalancesRequest, reads.list_balances),
        "MovePackageService/GetFunction": Handler(pb.GetFunctionRequest, reads.get_function),
        "MovePackageService/GetPackage": Handler(pb.GetPackageRequest, reads.get_package),
        "MovePackageService/ListPackageVersions": Handler(
            pb.ListPackageVersionsRequest, reads.list_package_versions
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
    return SuiServices(reads, execution, events, table)
