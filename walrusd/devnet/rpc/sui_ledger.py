"""LedgerService of sui.rpc.v2 besides its events: epochs, checkpoints, objects, transactions."""

import walrusd
from walrusd.chain.grpc import GRPCError, Status
from walrusd.chain.values.pysui_parts import pb, protobuf, rpc
from walrusd.devnet.ledger.messages import object_message, to_datetime
from walrusd.devnet.ledger.store import Checkpoint
from walrusd.devnet.move.descriptors import describe_package
from walrusd.devnet.move.objects import to_base58
from walrusd.devnet.rpc.field_masks import apply_mask
from walrusd.devnet.rpc.replica import Replica
from walrusd.devnet.rpc.request_fields import parse_digest, refuse_field, require_address

_MAX_BATCH = 1000


class LedgerReads:
    """Answers from a node's view of the chain. Each method answers one RPC and changes nothing.

    All raise ``GRPCError``: NOT_FOUND, or INVALID_ARGUMENT for a malformed field.
    """

    def __init__(self, node: Replica) -> None:
        self.node = node
        self.ledger = node.ledger

    async def get_service_info(self, _: pb.GetServiceInfoRequest) -> pb.GetServiceInfoResponse:
        """Describe the chain, its tip and this server."""
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
        if number > current or first is None:  # of an unknown epoch, a node returns only the number
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
        if number == current:  # without validators and staking, which a devnet does not have
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
        """Return a checkpoint by number or digest; the newest if neither is given."""
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

    def _checkpoint(self, c: Checkpoint, mask: protobuf.FieldMask | None) -> pb.Checkpoint:
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

    def _object(self, request: pb.GetObjectRequest, mask: protobuf.FieldMask | None) -> pb.Object:
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
        """Return one object."""
        return pb.GetObjectResponse(object=self._object(request, request.read_mask))

    async def batch_get_objects(
        self, request: pb.BatchGetObjectsRequest
    ) -> pb.BatchGetObjectsResponse:
        """Return several objects, with an error in place of a missing one."""
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
        """Return an executed transaction, with its checkpoint once it is in one."""
        shown = self._transaction(request.digest, request.read_mask)
        return pb.GetTransactionResponse(transaction=shown)

    async def batch_get_transactions(
        self, request: pb.BatchGetTransactionsRequest
    ) -> pb.BatchGetTransactionsResponse:
        """Return several transactions, with an error in place of a missing one."""
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

    def _transaction(
        self, digest: str | None, mask: protobuf.FieldMask | None
    ) -> pb.ExecutedTransaction:
        found = self.node.get_transaction(parse_digest(digest))
        if found is None:
            raise GRPCError(Status.NOT_FOUND, f"Transaction {digest} not found")
        self.add_objects(found, mask)
        return apply_mask(found, mask, ("digest",))

    def add_objects(
        self, executed: pb.ExecutedTransaction, mask: protobuf.FieldMask | None
    ) -> None:
        """Add the object set, if the mask asks for it."""
        paths = [] if mask is None else mask.paths
        if any(p in {"*", "objects"} or p.startswith("objects.") for p in paths):
            objects = self.node.list_changed_objects(executed)
            executed.objects = pb.ObjectSet(
                objects=[object_message(o, self.ledger.packages) for o in objects]
            )


def _in_place(error: GRPCError) -> rpc.Status:
    return rpc.Status(code=error.status.value, message=error.message or "")
