"""The RPCs of ``sui.rpc.v2`` that we call, with their message types."""

from walrusd.chain.grpc import GrpcMethod
from walrusd.chain.values.pysui_parts import pb

_LEDGER = "/sui.rpc.v2.LedgerService/"
_STATE = "/sui.rpc.v2.StateService/"
_PACKAGES = "/sui.rpc.v2.MovePackageService/"
_SUBSCRIPTION = "/sui.rpc.v2.SubscriptionService/"
_EXECUTION = "/sui.rpc.v2.TransactionExecutionService/"

GET_EPOCH = GrpcMethod(_LEDGER + "GetEpoch", pb.GetEpochRequest, pb.GetEpochResponse)
GET_OBJECT = GrpcMethod(_LEDGER + "GetObject", pb.GetObjectRequest, pb.GetObjectResponse)
BATCH_GET_OBJECTS = GrpcMethod(
    _LEDGER + "BatchGetObjects", pb.BatchGetObjectsRequest, pb.BatchGetObjectsResponse
)
GET_TRANSACTION = GrpcMethod(
    _LEDGER + "GetTransaction", pb.GetTransactionRequest, pb.GetTransactionResponse
)
LIST_EVENTS = GrpcMethod(_LEDGER + "ListEvents", pb.ListEventsRequest, pb.ListEventsResponse)
SUBSCRIBE_EVENTS = GrpcMethod(
    _SUBSCRIPTION + "SubscribeEvents",
    pb.SubscribeEventsRequest,
    pb.SubscribeEventsResponse,
)
LIST_OWNED = GrpcMethod(
    _STATE + "ListOwnedObjects", pb.ListOwnedObjectsRequest, pb.ListOwnedObjectsResponse
)
GET_BALANCE = GrpcMethod(_STATE + "GetBalance", pb.GetBalanceRequest, pb.GetBalanceResponse)
GET_FUNCTION = GrpcMethod(_PACKAGES + "GetFunction", pb.GetFunctionRequest, pb.GetFunctionResponse)
LIST_VERSIONS = GrpcMethod(
    _PACKAGES + "ListPackageVersions", pb.ListPackageVersionsRequest, pb.ListPackageVersionsResponse
)
EXECUTE = GrpcMethod(
    _EXECUTION + "ExecuteTransaction", pb.ExecuteTransactionRequest, pb.ExecuteTransactionResponse
)
SIMULATE = GrpcMethod(
    _EXECUTION + "SimulateTransaction",
    pb.SimulateTransactionRequest,
    pb.SimulateTransactionResponse,
)
GET_PACKAGE = GrpcMethod(_PACKAGES + "GetPackage", pb.GetPackageRequest, pb.GetPackageResponse)
