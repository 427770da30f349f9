"""Reads of sui.rpc.v2: service, epoch, checkpoints, objects, coins, functions, transactions."""

import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb
from pysui.sui.sui_grpc.suimsgs.google.protobuf import FieldMask
from pysui.sui.sui_grpc.suimsgs.google.rpc import Status as RpcStatus

import walrusd
from walrusd.chain.grpc import GRPCError, Status
from walrusd.devnet.ledger.dynamic_fields import field_message
from walrusd.devnet.ledger.messages import object_message, to_datetime
from walrusd.devnet.ledger.store import Checkpoint
from walrusd.devnet.move.descriptors import describe_function, describe_package
from walrusd.devnet.move.objects import owned_by_object, to_base58
from walrusd.devnet.move.packages import Package
from walrusd.devnet.move.types import COIN, SUI
from walrusd.devnet.rpc.masks import apply_mask
from walrusd.devnet.rpc.replica import Replica
from walrusd.devnet.rpc.requests import (
    parse_digest,
    parse_page,
    parse_type,
    refuse_field,
    require_address,
)

_MAX_BATCH = 1000
_PAGE, _MAX_PAGE = 50, 1000


class Reads:
    """Answers from what a node has seen; every method answers one RPC and changes nothing."""

    def __init__(self, node: Replica) -> None:
        self.node = node
        self.ledger = node.ledger

    # --- LedgerService ------------------------------------------------------------------------

    async def get_service_info(self, _: pb.GetServiceInfoRequest) -> pb.GetServiceInfoResponse:
        """Name the chain, its tip and this server."""
        tip = self.node.tip
        return pb.GetServiceInfoResponse(
            chain_id=self.ledger.chain_id,
            chain="devnet",
            epoch=self.node.epoch,
            checkpoint_height=tip.sequence,
            # A live network seals several checkpoints a second; here only transactions seal one,
            # so the tip's own time would stand still while the clock runs.
            timestamp=to_datetime(self.node.now_ms()),
            lowest_available_checkpoint=self.node.lowest,
            lowest_available_checkpoint_objects=self.node.lowest,
            server=f"walrusd-devnet/{walrusd.__version__}",
        )

    async def get_epoch(self, request: pb.GetEpochRequest) -> pb.GetEpochResponse:
        """Describe the current or a past epoch."""
        ledger = self.ledger
        current = self.node.epoch
        number = current if request.epoch is None else request.epoch
        first = ledger.store.first_checkpoint_of(number)
        if number > current or first is None:  # a node says no more of an epoch it does not know
            alone = pb.Epoch(epoch=number)
            return pb.GetEpochResponse(epoch=apply_mask(alone, request.read_mask, ("epoch",)))
        following = ledger.store.first_checkpoint_of(number + 1) if number < current else None
        price, protocol = ledger.epochs.price_at(number), 1
        epoch = pb.Epoch(
            epoch=number,
            first_checkpoint=first.sequence,
            last_checkpoint=None if following is None else following.sequence - 1,
            start=to_datetime(first.timestamp_ms),
            end=None if following is None else to_datetime(following.timestamp_ms),
            reference_gas_price=price,
            protocol_config=pb.ProtocolConfig(protocol_version=protocol),
        )
        if number == current:  # of validators and staking, which a devnet has not, it says nothing
            epoch.system_state = pb.SystemState(
                version=2,
                epoch=number,
                protocol_version=protocol,
                reference_gas_price=price,
                epoch_start_timestamp_ms=first.timestamp_ms,
                safe_mode=False,
            )
        return pb.GetEpochResponse(epoch=apply_mask(epoch, request.read_mask, ("epoch",)))

    async def get_checkpoint(self, request: pb.GetCheckpointRequest) -> pb.GetCheckpointResponse:
        """Show a checkpoint by number or digest; the newest if neither is given."""
        found: Checkpoint | None = self.node.tip
        if request.sequence_number is not None:
            found = self.node.checkpoint(request.sequence_number)
        elif request.digest:
            found = self.node.checkpoint_by_digest(parse_digest(request.digest))
        if found is None:
            raise GRPCError(Status.NOT_FOUND, "Checkpoint not found")
        shown = apply_mask(
            self._checkpoint(found, request.read_mask),
            request.read_mask,
            ("sequence_number", "digest"),
        )
        return pb.GetCheckpointResponse(checkpoint=shown)

    def _checkpoint(self, c: Checkpoint, mask: FieldMask | None) -> pb.Checkpoint:
        store = self.ledger.store
        paths = [] if mask is None else mask.paths
        wanted = any(p == "*" or p.startswith(("transactions", "contents")) for p in paths)
        stored = store.transactions_between(c.first_number, c.end_number) if wanted else []
        previous = store.checkpoint(c.sequence - 1) if c.sequence else None
        transactions = [self.ledger.place(s) for s in stored]
        return pb.Checkpoint(
            sequence_number=c.sequence,
            digest=to_base58(c.digest),
            summary=pb.CheckpointSummary(
                digest=to_base58(c.digest),
                epoch=c.epoch,
                sequence_number=c.sequence,
                total_network_transactions=c.end_number,
                previous_digest=None if previous is None else to_base58(previous.digest),
                timestamp=to_datetime(c.timestamp_ms),
            ),
            contents=pb.CheckpointContents(
                version=1,
                transactions=[
                    pb.CheckpointedTransactionInfo(
                        transaction=t.digest,
                        effects=None if t.effects is None else t.effects.digest,
                        signatures=t.signatures,
                    )
                    for t in transactions
                ],
            ),
            transactions=transactions,
        )

    def _object(self, request: pb.GetObjectRequest, mask: FieldMask | None) -> pb.Object:
        oid = require_address(request.object_id, "object_id")
        obj = self.node.get_object(oid, request.version)
        if obj is None:
            at = "" if request.version is None else f" with version {request.version}"
            raise GRPCError(Status.NOT_FOUND, f"Object {oid}{at} not found")
        message = object_message(obj, self.ledger.packages)
        package = self.ledger.packages.by_id.get(oid)
        if package is not None:
            message.package = describe_package(package, obj)
        return apply_mask(message, mask, ("object_id", "version", "digest"))

    async def get_object(self, request: pb.GetObjectRequest) -> pb.GetObjectResponse:
        """Show one object."""
        return pb.GetObjectResponse(object=self._object(request, request.read_mask))

    async def batch_get_objects(
        self, request: pb.BatchGetObjectsRequest
    ) -> pb.BatchGetObjectsResponse:
        """Show several objects; a missing one is an error in its place."""
        if len(request.requests) > _MAX_BATCH:
            raise refuse_field("requests", f"at most {_MAX_BATCH} objects at once")
        out = []
        for item in request.requests:
            try:
                out.append(pb.GetObjectResult(object=self._object(item, request.read_mask)))
            except GRPCError as e:
                if e.status is not Status.NOT_FOUND:
                    raise
                out.append(pb.GetObjectResult(error=_in_place(e)))
        return pb.BatchGetObjectsResponse(objects=out)

    async def get_transaction(self, request: pb.GetTransactionRequest) -> pb.GetTransactionResponse:
        """Show an executed transaction, with its checkpoint once it is in one."""
        shown = self._transaction(request.digest, request.read_mask)
        return pb.GetTransactionResponse(transaction=shown)

    async def batch_get_transactions(
        self, request: pb.BatchGetTransactionsRequest
    ) -> pb.BatchGetTransactionsResponse:
        """Show several transactions; a missing one is an error in its place."""
        if len(request.digests) > _MAX_BATCH:
            raise refuse_field("digests", f"at most {_MAX_BATCH} transactions at once")
        out = []
        for digest in request.digests:
            try:
                shown = self._transaction(digest, request.read_mask)
                out.append(pb.GetTransactionResult(transaction=shown))
            except GRPCError as e:
                out.append(pb.GetTransactionResult(error=_in_place(e)))
        return pb.BatchGetTransactionsResponse(transactions=out)

    def _transaction(self, digest: str | None, mask: FieldMask | None) -> pb.ExecutedTransaction:
        found = self.node.get_transaction(parse_digest(digest))
        if found is None:
            raise GRPCError(Status.NOT_FOUND, f"Transaction {digest} not found")
        self.add_objects(found, mask)
        return apply_mask(found, mask, ("digest",))

    def add_objects(self, executed: pb.ExecutedTransaction, mask: FieldMask | None) -> None:
        """Add the object set, if the mask asks for it."""
        paths = [] if mask is None else mask.paths
        if any(p in {"*", "objects"} or p.startswith("objects.") for p in paths):
            objects = self.node.list_changed_objects(executed)
            executed.objects = pb.ObjectSet(
                objects=[object_message(o, self.ledger.packages) for o in objects]
            )

    # --- StateService -------------------------------------------------------------------------

    async def list_owned_objects(
        self, request: pb.ListOwnedObjectsRequest
    ) -> pb.ListOwnedObjectsResponse:
        """List what an address owns, in pages ordered by object id."""
        owner = require_address(request.owner, "owner")
        wanted = parse_type(request.object_type, "object_type") if request.object_type else None
        after, size = parse_page(request.page_token, request.page_size, _MAX_PAGE, _PAGE)
        objects = [o for o in self.node.list_owned(owner, wanted) if o.id > after]
        page = objects[:size]
        return pb.ListOwnedObjectsResponse(
            objects=[
                apply_mask(
                    object_message(o, self.ledger.packages),
                    request.read_mask,
                    ("object_id", "version", "object_type"),
                )
                for o in page
            ],
            next_page_token=page[-1].id.encode() if len(objects) > size else None,
        )

    def _balances(self, owner: str) -> dict[str, int]:
        totals: dict[str, int] = {}
        for obj in self.node.list_owned(owner, COIN):
            coin_type = obj.type[len(COIN) + 1 : -1]
            totals[coin_type] = totals.get(coin_type, 0) + (obj.coin_balance or 0)
        return totals

    async def get_balance(self, request: pb.GetBalanceRequest) -> pb.GetBalanceResponse:
        """Add up the coins of one type."""
        wanted = parse_type(request.coin_type or SUI, "coin_type")
        total = self._balances(require_address(request.owner, "owner")).get(wanted, 0)
        return pb.GetBalanceResponse(balance=_balance(wanted, total))

    async def list_balances(self, request: pb.ListBalancesRequest) -> pb.ListBalancesResponse:
        """Add up the coins of every type."""
        totals = self._balances(require_address(request.owner, "owner"))
        return pb.ListBalancesResponse(balances=[_balance(t, n) for t, n in totals.items()])

    async def list_dynamic_fields(
        self, request: pb.ListDynamicFieldsRequest
    ) -> pb.ListDynamicFieldsResponse:
        """List the dynamic fields of an object, in pages ordered by field id."""
        parent = require_address(request.parent, "parent")
        after, size = parse_page(request.page_token, request.page_size, _MAX_PAGE, _PAGE)
        fields = [f for f in self.node.list_held(owned_by_object(parent)) if f.id > after]
        default = ("parent", "field_id")
        apply_mask(pb.DynamicField(), request.read_mask, default)  # refused even without fields
        return pb.ListDynamicFieldsResponse(
            dynamic_fields=[
                apply_mask(field_message(f, self.ledger.packages), request.read_mask, default)
                for f in fields[:size]
            ],
            next_page_token=fields[size - 1].id.encode() if len(fields) > size else None,
        )

    async def get_coin_info(self, request: pb.GetCoinInfoRequest) -> pb.GetCoinInfoResponse:
        """Describe a coin type: SUI is the only one."""
        wanted = parse_type(request.coin_type or "", "coin_type")
        if wanted != SUI:
            raise GRPCError(Status.NOT_FOUND, f"Coin type {request.coin_type} not found")
        metadata = pb.CoinMetadata(decimals=9, name="Sui", symbol="SUI", description="")
        return pb.GetCoinInfoResponse(coin_type=wanted, metadata=metadata)

    # --- MovePackageService -------------------------------------------------------------------

    def _package(self, text: str | None) -> Package:
        package = self.node.packages.by_id.get(require_address(text, "package_id"))
        if package is None:
            raise GRPCError(Status.NOT_FOUND, f"Package {text} not found")
        return package

    async def get_function(self, request: pb.GetFunctionRequest) -> pb.GetFunctionResponse:
        """Describe one function."""
        package = self._package(request.package_id)
        key = (request.module_name or "", request.name or "")
        function = package.functions.get(key)
        if function is None:
            raise GRPCError(Status.NOT_FOUND, f"Function {'::'.join(key)} not found")
        return pb.GetFunctionResponse(function=describe_function(package, function))

    async def get_package(self, request: pb.GetPackageRequest) -> pb.GetPackageResponse:
        """Describe a package."""
        package = self._package(request.package_id)
        stored = self.node.get_object(package.id)
        return pb.GetPackageResponse(package=describe_package(package, stored))

    async def list_package_versions(
        self, request: pb.ListPackageVersionsRequest
    ) -> pb.ListPackageVersionsResponse:
        """List the versions of a package."""
        versions = self.node.packages.versions_of(self._package(request.package_id))
        return pb.ListPackageVersionsResponse(
            versions=[pb.PackageVersion(package_id=p.id, version=p.version) for p in versions]
        )


def _balance(coin_type: str, total: int) -> pb.Balance:
    # As a node does it: all of it is in coins, and of nothing there are no parts.
    return pb.Balance(coin_type=coin_type, balance=total, coin_balance=total or None)


def _in_place(error: GRPCError) -> RpcStatus:
    return RpcStatus(code=error.status.value, message=error.message or "")
