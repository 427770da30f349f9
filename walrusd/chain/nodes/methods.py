"""The RPCs of ``sui.rpc.v2`` that we call, with their message types."""

import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb

from walrusd.chain.grpc import Method

_LEDGER = "/sui.rpc.v2.LedgerService/"
_STATE = "/sui.rpc.v2.StateService/"
_PACKAGES = "/sui.rpc.v2.MovePackageService/"
_SUBSCRIPTION = "/sui.rpc.v2.SubscriptionService/"
_EXECUTION = "/sui.rpc.v2.TransactionExecutionService/"

GET_EPOCH = Method(_LEDGER + "GetEpoch", pb.GetEpochRequest, pb.GetEpochResponse)
GET_OBJECT = Method(_LEDGER + "GetObject", pb.GetObjectRequest, pb.GetObjectResponse)
BATCH_GET_OBJECTS = Method(
    _LEDGER + "BatchGetObjects", pb.BatchGetObjectsRequest, pb.BatchGetObjectsResponse
)
GET_TRANSACTION = Method(
    _LEDGER + "GetTransaction", pb.GetTransactionRequest, pb.GetTransactionResponse
)
LIST_EVENTS = Method(_LEDGER + "ListEvents", pb.ListEventsRequest, pb.ListEventsResponse)
SUBSCRIBE_EVENTS = Method(
    _SUBSCRIPTION + "SubscribeEvents",
    pb.SubscribeEventsRequest,
    pb.SubscribeEventsResponse,
)
LIST_OWNED = Method(
    _STATE + "ListOwnedObjects", pb.ListOwnedObjectsRequest, pb.ListOwnedObjectsResponse
)
GET_BALANCE = Method(_STATE + "GetBalance", pb.GetBalanceRequest, pb.GetBalanceResponse)
GET_FUNCTION = Method(_PACKAGES + "GetFunction", pb.GetFunctionRequest, pb.GetFunctionResponse)
LIST_VERSIONS = Method(
    _PACKAGES + "ListPackageVersions", pb.ListPackageVersionsRequest, pb.ListPackageVersionsResponse
)
EXECUTE = Method(
    _EXECUTION + "ExecuteTransaction", pb.ExecuteTransactionRequest, pb.ExecuteTransactionResponse
)
SIMULATE = Method(
    _EXECUTION + "SimulateTransaction",
    pb.SimulateTransactionRequest,
    pb.SimulateTransactionResponse,
)
GET_PACKAGE = Method(_PACKAGES + "GetPackage", pb.GetPackageRequest, pb.GetPackageResponse)
