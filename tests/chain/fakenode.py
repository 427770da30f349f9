"""A scripted Sui node: a few coins, a few transactions, and faults on demand."""

import datetime as dt
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import base58
import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb
import trio
import trio.testing
from pysui.sui.sui_bcs import bcs
from pysui.sui.sui_grpc.suimsgs.google.rpc import Status as RpcStatus

from walrusd.chain.grpc import GRPCError, GrpcMethod, Handler, Status, serve_connection
from walrusd.chain.nodes import methods as api
from walrusd.chain.nodes.client import SuiClient
from walrusd.chain.nodes.connect import open_client
from walrusd.chain.nodes.endpoints import SERVICE_INFO
from walrusd.chain.values.digests import compute_transaction_digest
from walrusd.chain.values.types import RANDOM_ID, SUI_COIN_TYPE, SUI_TYPE, ObjectRef

CHAIN = base58.b58encode(hashlib.sha256(b"chain").digest()).decode()
GAS = 1_000_000
PKG = "0x" + "77" * 32


def fake_digest(*parts) -> str:
    return base58.b58encode(hashlib.sha256(repr(parts).encode()).digest()).decode()


@dataclass
class StoredEvent:
    checkpoint: int
    index: int
    type: str
    contents: bytes


@dataclass
class FakeNode:
    """Coins live in ``coins`` (id -> [version, balance]); one transaction per checkpoint."""

    chain_id: str = CHAIN
    epoch: int = 5
    coins: dict[str, list[int]] = field(default_factory=dict)
    owner: str = ""
    last_writer: dict[str, str] = field(default_factory=dict)
    transactions: dict[str, pb.ExecutedTransaction] = field(default_factory=dict)
    executions: int = 0
    calls: list[str] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    checkpoint: int = 100
    faults: dict[str, list] = field(default_factory=dict)
    hide_checkpoints: bool = False
    executable: bool = True
    streams: list = field(default_factory=list)
    bells: set = field(default_factory=set)
    list_fault: object = None
    has_subscriptions: bool = True
    known_tokens: bool = True
    time_s: int = 0
    lowest: int = 0

    # --- plumbing ---------------------------------------------------------------------------

    def fund(self, owner: str, *balances: int) -> None:
        self.owner = owner
        for balance in balances:
            self.coins["0x" + f"{len(self.coins) + 0xC0:064x}"] = [self.checkpoint, balance]

    def fail_next(self, name: str, *faults) -> None:
        """A fault: an exception to raise, or "after": execute, then lose the reply."""
        self.faults.setdefault(name, []).extend(faults)

    def table(self) -> dict[str, Handler]:
        def route(method: GrpcMethod, answer, *, streaming=False):
            name = method.route.rsplit("/", 1)[1]

            async def unary(request):
                self.calls.append(name)
                fault = self.faults.get(name, [])
                action = fault.pop(0) if fault else None
                if isinstance(action, BaseException):
                    raise action
                reply = await answer(request)
                if action == "after":
                    raise GRPCError(Status.UNAVAILABLE, "the answer was lost")
                return reply

            return method.route, Handler(method.request, answer if streaming else unary, streaming)

        return dict(
            [
                route(SERVICE_INFO, self.info),
                route(api.GET_EPOCH, self.get_epoch),
                route(api.GET_OBJECT, self.get_object),
                route(api.BATCH_GET_OBJECTS, self.batch),
                route(api.LIST_OWNED, self.list_owned),
                route(api.GET_BALANCE, self.get_balance),
                route(api.GET_TRANSACTION, self.get_transaction),
                route(api.GET_FUNCTION, self.get_function),
                route(api.SIMULATE, self.simulate),
                route(api.EXECUTE, self.execute),
                route(api.LIST_EVENTS, self.list_events, streaming=True),
            ]
            + (
                [route(api.SUBSCRIBE_EVENTS, self.subscribe, streaming=True)]
                if self.has_subscriptions
                else []
            )
        )

    # --- reads ------------------------------------------------------------------------------

    async def info(self, request):
        return pb.GetServiceInfoResponse(
            chain_id=self.chain_id,
            chain="fake",
            epoch=self.epoch,
            checkpoint_height=self.checkpoint,
            lowest_available_checkpoint=self.lowest,
            timestamp=dt.datetime.fromtimestamp(self.time_s, dt.UTC),
        )

    async def get_epoch(self, request):
        return pb.GetEpochResponse(
            epoch=pb.Epoch(
                epoch=self.epoch if request.epoch is None else request.epoch,
                reference_gas_price=100,
                first_checkpoint=100,
            )
        )

    def coin(self, object_id: str) -> pb.Object:
        version, balance = self.coins[object_id]
        return pb.Object(
            object_id=object_id,
            version=version,
            digest=fake_digest(object_id, version),
            owner=pb.Owner(kind=pb.OwnerOwnerKind.ADDRESS, address=self.owner),
            object_type=SUI_COIN_TYPE,
            contents=pb.Bcs(value=bytes.fromhex(object_id[2:]) + balance.to_bytes(8, "little")),
            previous_transaction=self.last_writer.get(object_id),
        )

    def find(self, object_id: str) -> pb.Object | None:
        if object_id == RANDOM_ID:
            return pb.Object(
                object_id=object_id,
                version=9,
                digest=fake_digest("random"),
                owner=pb.Owner(kind=pb.OwnerOwnerKind.SHARED, version=4),
                object_type="0x2::random::Random",
            )
        return self.coin(object_id) if object_id in self.coins else None

    async def get_object(self, request):
        found = self.find(request.object_id)
        if found is None:
            raise GRPCError(Status.NOT_FOUND, f"no object {request.object_id}")
        return pb.GetObjectResponse(object=found)

    async def batch(self, request):
        results = []
        for item in request.requests:
            found = self.find(item.object_id)
            error = None if found else RpcStatus(code=5, message="not found")
            results.append(pb.GetObjectResult(object=found, error=error))
        return pb.BatchGetObjectsResponse(objects=results)

    async def list_owned(self, request):
        ids = sorted(self.coins)
        start = int(request.page_token or b"0")
        following = start + 2
        return pb.ListOwnedObjectsResponse(
            objects=[self.coin(i) for i in ids[start:following]],
            next_page_token=b"%d" % following if following < len(ids) else None,
        )

    async def get_balance(self, request):
        total = sum(balance for _, balance in self.coins.values())
        return pb.GetBalanceResponse(balance=pb.Balance(coin_type=SUI_TYPE, balance=total))

    async def get_transaction(self, request):
        found = self.transactions.get(request.digest)
        if found is None:
            raise GRPCError(Status.NOT_FOUND, f"no transaction {request.digest}")
        return pb.GetTransactionResponse(transaction=found)

    async def get_function(self, request):
        function = pb.FunctionDescriptor(
            name=request.name,
            visibility=pb.FunctionDescriptorVisibility.PUBLIC,
            is_entry=True,
            parameters=[pb.OpenSignature(), pb.OpenSignature()],
        )
        return pb.GetFunctionResponse(function=function)

    # --- execution --------------------------------------------------------------------------

    async def simulate(self, request):
        data = self.parse(request.transaction.bcs.value)
        effects, events = self.run(data, "simulated", commit=False)
        return pb.SimulateTransactionResponse(
            transaction=pb.ExecutedTransaction(effects=effects, events=events)
        )

    async def execute(self, request):
        if not self.executable:
            raise GRPCError(Status.UNAVAILABLE, "no quorum")
        raw = request.transaction.bcs.value
        digest = compute_transaction_digest(raw)
        assert len(request.signatures[0].bcs.value) == 97
        if digest not in self.transactions:
            effects, events = self.run(self.parse(raw), digest, commit=True)
            self.executions += 1
            self.checkpoint += 1
            self.transactions[digest] = pb.ExecutedTransaction(
                digest=digest,
                effects=effects,
                events=events,
                checkpoint=None if self.hide_checkpoints else self.checkpoint,
            )
        return pb.ExecuteTransactionResponse(transaction=self.transactions[digest])

    def parse(self, raw: bytes):
        data = bcs.TransactionData.deserialize(raw).value
        expiration = data.TransactionExpiration
        if expiration.enum_name == "Epoch" and expiration.value < self.epoch:
            raise GRPCError(Status.INVALID_ARGUMENT, "transaction has expired")
        for ref in data.GasData.Payment:
            object_id = ref.ObjectID.to_address_str()
            if object_id not in self.coins or self.coins[object_id][0] != ref.SequenceNumber:
                raise GRPCError(Status.INVALID_ARGUMENT, "object unavailable for consumption")
        return data

    def run(self, data, digest: str, *, commit: bool):
        ids = [ref.ObjectID.to_address_str() for ref in data.GasData.Payment]
        balance = sum(self.coins[i][1] for i in ids)
        if balance < data.GasData.Budget:
            raise GRPCError(Status.INVALID_ARGUMENT, "balance below budget")
        program = data.TransactionKind.value
        inputs, error, spent, events = program.Inputs, None, 0, []
        if data.GasData.Budget < GAS:
            error = pb.ExecutionError(
                kind=pb.ExecutionErrorExecutionErrorKind.INSUFFICIENT_GAS, description="poor"
            )
        for command in program.Command:
            if error is not None:
                break
            if command.enum_name == "SplitCoin" and command.value.FromCoin.enum_name == "GasCoin":
                for amount in command.value.Amount:
                    spent += int.from_bytes(bytes(inputs[amount.value].value), "little")
            elif command.enum_name == "MoveCall":
                call = command.value
                if call.Function == "boom":
                    error = self.abort(call)
                else:
                    events.append(
                        pb.Event(
                            package_id=PKG,
                            module=call.Module,
                            sender=data.Sender.to_address_str(),
                            event_type=f"{PKG}::{call.Module}::Done",
                            contents=pb.Bcs(value=b"\x07"),
                        )
                    )
        version = 1 + max(self.coins[i][0] for i in ids)
        left = balance - GAS - (0 if error else spent)
        if commit:
            for i in ids[1:]:
                del self.coins[i]
            self.coins[ids[0]] = [version, left]
            self.last_writer[ids[0]] = digest
        gas = pb.ChangedObject(
            object_id=ids[0],
            input_state=pb.ChangedObjectInputObjectState.EXISTS,
            output_state=pb.ChangedObjectOutputObjectState.OBJECT_WRITE,
            output_version=version,
            output_digest=fake_digest(ids[0], version),
            output_owner=pb.Owner(kind=pb.OwnerOwnerKind.ADDRESS, address=self.owner),
            id_operation=pb.ChangedObjectIdOperation.NONE,
            object_type=SUI_COIN_TYPE,
        )
        gone = [
            pb.ChangedObject(
                object_id=i,
                output_state=pb.ChangedObjectOutputObjectState.DOES_NOT_EXIST,
                id_operation=pb.ChangedObjectIdOperation.DELETED,
            )
            for i in ids[1:]
        ]
        effects = pb.TransactionEffects(
            status=pb.ExecutionStatus(success=error is None, error=error),
            gas_used=pb.GasCostSummary(computation_cost=GAS, storage_cost=300, storage_rebate=300),
            gas_object=gas,
            changed_objects=[gas, *gone],
            transaction_digest=digest,
        )
        return effects, pb.TransactionEvents(events=[] if error else events)

    def abort(self, call):
        return pb.ExecutionError(
            kind=pb.ExecutionErrorExecutionErrorKind.MOVE_ABORT,
            description="abort",
            abort=pb.MoveAbort(
                abort_code=7,
                location=pb.MoveLocation(
                    package=call.Package.to_address_str(), module=call.Module, function_name="boom"
                ),
            ),
        )

    # --- events -----------------------------------------------------------------------------

    def emit(self, *numbers: int, foreign: int = 0) -> None:
        """One checkpoint with these events of ours after ``foreign`` events of others."""
        self.checkpoint += 1
        others = [(f"0x{'99' * 32}::m::E", b"x")] * foreign
        ours = [(f"{PKG}::m::E", n.to_bytes(8, "little")) for n in numbers]
        for index, (name, contents) in enumerate(others + ours):
            self.events.append(StoredEvent(self.checkpoint, index, name, contents))
        for bell in list(self.bells):
            bell.send_nowait(self.checkpoint)

    def wanted(self, request, event: StoredEvent) -> bool:
        return any(
            event.type.startswith(term.literals[0].event_type.event_type)
            for term in request.filter.terms
        )

    async def list_events(self, request):
        tip = self.checkpoint
        after = request.options.after
        if after is not None and not self.known_tokens:
            raise GRPCError(Status.INVALID_ARGUMENT, "unknown cursor")
        start = int(after) if after else 0
        first = request.start_checkpoint or 0
        count = 0
        for n in range(start, len(self.events)):
            event = self.events[n]
            if event.checkpoint < first or event.checkpoint > tip:
                continue
            if not self.wanted(request, event):
                continue
            if self.list_fault is not None:
                self.list_fault()
            yield pb.ListEventsResponse(
                event=pb.Event(
                    event_type=event.type,
                    contents=pb.Bcs(value=event.contents),
                    checkpoint=event.checkpoint,
                    transaction_index=0,
                    event_index=event.index,
                    transaction_digest="d",
                    sender="0x1",
                    package_id=PKG,
                    module="m",
                ),
                watermark=pb.Watermark(cursor=b"%d" % (n + 1), checkpoint=event.checkpoint - 1),
            )
            count += 1
            if count == (request.options.limit or 50):
                yield pb.ListEventsResponse(end=pb.QueryEnd(reason=pb.QueryEndReason.ITEM_LIMIT))
                return
        yield pb.ListEventsResponse(
            watermark=pb.Watermark(cursor=b"%d" % len(self.events), checkpoint=tip),
            end=pb.QueryEnd(reason=pb.QueryEndReason.LEDGER_TIP),
        )

    async def subscribe(self, request):
        send, receive = trio.open_memory_channel(1000)
        self.bells.add(send)
        try:
            yield pb.SubscribeEventsResponse(watermark=pb.Watermark(checkpoint=self.checkpoint))
            async for checkpoint in receive:
                yield pb.SubscribeEventsResponse(event=pb.Event(checkpoint=checkpoint))
        finally:
            self.bells.discard(send)


def ref_of(node: FakeNode, object_id: str) -> ObjectRef:
    version, _ = node.coins[object_id]
    return ObjectRef(object_id, version, fake_digest(object_id, version))


@asynccontextmanager
async def network(*nodes: FakeNode, chain_id: str | None = None) -> AsyncIterator[SuiClient]:
    """A client of several nodes over in-memory streams; ``node.streams`` can be cut."""
    async with trio.open_nursery() as nursery:

        def connect(url: str):
            node = nodes[int(url.rsplit("-", 1)[1])]

            async def dial():
                await trio.lowlevel.checkpoint()
                if not node.executable and node.streams == ["down"]:
                    raise ConnectionRefusedError
                ours, theirs = trio.testing.memory_stream_pair()
                nursery.start_soon(serve_connection, theirs, node.table())
                node.streams.append(theirs)
                return ours

            return dial

        urls = [f"http://node-{n}" for n in range(len(nodes))]
        async with open_client(urls, chain_id=chain_id, connect=connect, keepalive=None) as client:
            yield client
        nursery.cancel_scope.cancel()
