"""Typed reads and execution on a Sui network, over any of several full nodes."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager

import trio

from walrusd.chain.grpc import Status
from walrusd.chain.nodes import methods
from walrusd.chain.nodes.endpoints import SERVICE_INFO, Endpoints, Node, NodeStream
from walrusd.chain.nodes.own_writes import OwnWrites
from walrusd.chain.nodes.wire import (
    OBJECT_FIELDS,
    TRANSACTION_FIELDS,
    need,
    need_address,
    read_coin_balance,
    read_function,
    read_object,
    read_service_info,
    read_transaction,
)
from walrusd.chain.values.pysui_parts import pb, protobuf
from walrusd.chain.values.types import (
    SUI_TYPE,
    EpochInfo,
    ExecutedTransaction,
    FunctionInfo,
    ObjectData,
    ServiceInfo,
    Simulation,
)
from walrusd.errors import ChainUnreachable, ObjectNotFound, TransactionUncertain
from walrusd.units import Address, Mist, ObjectId, normalize_address

_BATCH = 50
"""The most objects of one request."""

CALL_S, EXECUTE_S, LIST_S = 20.0, 60.0, 60.0
"""Timeouts in seconds: of a read, of an execution, of one page of events."""

_STALE_AFTER = 10.0
"""Seconds of waiting after which a node is suspected to have fallen behind."""


class SuiClient:
    """Reads from and executes on one Sui network. Objects may be read from any of its nodes.

    Every method may raise ``ChainUnreachable`` (no node answers), ``ChainRefused`` (a node refuses
    the request) and ``WrongNetwork`` (a node serves another chain). Cancelling a read has no
    effect; of an execution, see ``execute``.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        *,
        seconds: float = CALL_S,
        execute_seconds: float = EXECUTE_S,
        archives: "SuiClient | None" = None,
    ) -> None:
        """Ask ``endpoints``; ``archives`` keeps history that they have pruned."""
        self.endpoints, self.archives = endpoints, archives
        self._seconds, self._execute_seconds = seconds, execute_seconds
        self.own_writes = OwnWrites()

    def at(self, node: Node) -> "SuiClient":
        """Return a client of one node alone."""
        return self._on(self.endpoints.alone(node))

    def each(self) -> "list[SuiClient]":
        """Return a client of each node alone, the current one first."""
        return [self._on(endpoints) for endpoints in self.endpoints.each()]

    def _on(self, endpoints: Endpoints) -> "SuiClient":
        return SuiClient(endpoints, seconds=self._seconds, execute_seconds=self._execute_seconds)

    async def service_info(self) -> ServiceInfo:
        """Return what the node says about itself."""
        request = pb.GetServiceInfoRequest()
        return read_service_info(
            await self.endpoints.ask(SERVICE_INFO, request, seconds=self._seconds)
        )

    async def epoch(self) -> EpochInfo:
        """Return the current epoch."""
        request = pb.GetEpochRequest(read_mask=protobuf.FieldMask(["epoch", "reference_gas_price"]))
        reply = await self.endpoints.ask(methods.GET_EPOCH, request, seconds=self._seconds)
        epoch = need(reply.epoch, "epoch")
        return EpochInfo(
            epoch.epoch or 0, need(epoch.reference_gas_price, "epoch.reference_gas_price")
        )

    async def first_checkpoint_of(self, epoch: int) -> int:
        """Return the first checkpoint of an epoch.

        Raises:
            ObjectNotFound: if the node does not know the epoch, or has pruned it.
        """
        request = pb.GetEpochRequest(
            epoch=epoch, read_mask=protobuf.FieldMask(["first_checkpoint"])
        )
        reply = await self.endpoints.ask(methods.GET_EPOCH, request, seconds=self._seconds)
        first: int | None = need(reply.epoch, "epoch").first_checkpoint
        if first is None:  # for an unknown epoch, a node returns only its number
            raise ObjectNotFound(f"the node does not know where epoch {epoch} began")
        return first

    async def get_object(self, object_id: str, *, version: int | None = None) -> ObjectData:
        """Return an object, the newest version by default.

        Raises:
            ObjectNotFound: if the node does not have it.
        """
        wanted = normalize_address(object_id)
        request = pb.GetObjectRequest(
            object_id=wanted, version=version, read_mask=protobuf.FieldMask(OBJECT_FIELDS)
        )

        async def ask() -> ObjectData | ObjectNotFound:
            try:
                reply = await self.endpoints.ask(methods.GET_OBJECT, request, seconds=self._seconds)
            except ObjectNotFound as error:
                return error
            return read_object(need(reply.object, "object"))

        found = await self.own_writes.read([wanted] if version is None else [], ask, _versions)
        if isinstance(found, ObjectNotFound):
            raise found
        return found

    async def get_objects(self, object_ids: Iterable[str]) -> dict[ObjectId, ObjectData]:
        """Return the objects that exist, by id; missing ones are left out."""
        wanted = [normalize_address(object_id) for object_id in object_ids]
        return await self.own_writes.read(
            wanted, lambda: self._get_objects(wanted), lambda found: _versions(*found.values())
        )

    async def _get_objects(self, wanted: Sequence[str]) -> dict[ObjectId, ObjectData]:
        found: dict[ObjectId, ObjectData] = {}
        for start in range(0, len(wanted), _BATCH):
            request = pb.BatchGetObjectsRequest(
                requests=[pb.GetObjectRequest(object_id=i) for i in wanted[start : start + _BATCH]],
                read_mask=protobuf.FieldMask(OBJECT_FIELDS),
            )
            reply = await self.endpoints.ask(
                methods.BATCH_GET_OBJECTS, request, seconds=self._seconds
            )
            for result in reply.objects:
                if result.object is not None:
                    item = read_object(result.object)
                    found[item.id] = item
                elif result.error is not None and result.error.code != Status.NOT_FOUND.value:
                    raise ChainUnreachable(f"an object could not be read: {result.error.message}")
        return found

    async def list_owned(self, owner: str, object_type: str | None = None) -> list[ObjectData]:
        """Return the objects an address owns, optionally of one type (``pkg::module::Name``)."""
        address = normalize_address(owner)
        return await self.own_writes.read(
            self.own_writes.owned_by(address, object_type),
            lambda: self._list_owned(address, object_type),
            lambda found: _versions(*found),
        )

    async def _list_owned(self, address: Address, object_type: str | None) -> list[ObjectData]:
        found: list[ObjectData] = []
        token: bytes | None = None
        while True:
            request = pb.ListOwnedObjectsRequest(
                owner=address,
                object_type=object_type,
                page_size=1000,
                page_token=token,
                read_mask=protobuf.FieldMask(OBJECT_FIELDS),
            )
            reply = await self.endpoints.ask(methods.LIST_OWNED, request, seconds=self._seconds)
            found += map(read_object, reply.objects)
            token = reply.next_page_token or None
            if token is None:
                return found

    async def balance(self, owner: str, coin_type: str = SUI_TYPE) -> Mist:
        """Return how much an address owns in coins of one type, in its smallest unit."""
        request = pb.GetBalanceRequest(owner=normalize_address(owner), coin_type=coin_type)
        reply = await self.endpoints.ask(methods.GET_BALANCE, request, seconds=self._seconds)
        return read_coin_balance(reply.balance)

    async def get_transaction(self, digest: str) -> ExecutedTransaction:
        """Return an executed transaction.

        Raises:
            ObjectNotFound: if the node does not have it yet, or has pruned it.
        """
        request = pb.GetTransactionRequest(
            digest=digest, read_mask=protobuf.FieldMask(TRANSACTION_FIELDS)
        )
        reply = await self.endpoints.ask(methods.GET_TRANSACTION, request, seconds=self._seconds)
        return read_transaction(need(reply.transaction, "transaction"))

    async def wait_visible(self, digest: str, *, seconds: float = 60.0) -> ExecutedTransaction:
        """Return a transaction once it is in a checkpoint, so that reads and events include it.

        Other nodes may lag behind: from now on, reads wait until they include this transaction.

        Raises:
            TransactionUncertain: if that takes longer than ``seconds``.
        """
        delay, check_node = 0.05, trio.current_time() + _STALE_AFTER
        with trio.move_on_after(seconds):
            while True:
                if trio.current_time() > check_node:
                    await self.endpoints.leave_stale()
                    check_node += _STALE_AFTER
                try:
                    found = await self.get_transaction(digest)
                except ObjectNotFound:
                    found = None
                if found is not None and found.checkpoint is not None:
                    self.own_writes.note(found)
                    return found
                await trio.sleep(delay)
                delay = min(2 * delay, 1.0)
        raise TransactionUncertain(f"transaction {digest} is in no checkpoint after {seconds} s")

    async def get_function(self, package: str, module: str, function: str) -> FunctionInfo:
        """Return the signature of a Move function.

        Raises:
            ObjectNotFound: if the package has no such function.
        """
        request = pb.GetFunctionRequest(
            package_id=normalize_address(package), module_name=module, name=function
        )
        reply = await self.endpoints.ask(methods.GET_FUNCTION, request, seconds=self._seconds)
        return read_function(need(reply.function, "function"))

    async def package_versions(self, package: str) -> list[Address]:
        """Return the ids of every version of a package, oldest first."""
        versions: list[pb.PackageVersion] = []
        token: bytes | None = None
        while True:
            request = pb.ListPackageVersionsRequest(
                package_id=normalize_address(package), page_token=token
            )
            reply = await self.endpoints.ask(methods.LIST_VERSIONS, request, seconds=self._seconds)
            versions += reply.versions
            token = reply.next_page_token or None
            if token is None:
                break
        versions.sort(key=lambda item: item.version or 0)
        return [need_address(need(item.package_id, "package_id")) for item in versions]

    async def simulate(self, tx_bytes: bytes) -> Simulation:
        """Return what a built, unsigned transaction would do now; nothing is paid.

        Raises:
            ChainRefused: if it is invalid, for instance because an object version is stale.
        """
        request = pb.SimulateTransactionRequest(
            transaction=pb.Transaction(bcs=pb.Bcs(value=tx_bytes)),
            checks=pb.SimulateTransactionRequestTransactionChecks.ENABLED,
            do_gas_selection=False,
            read_mask=protobuf.FieldMask(
                [f"transaction.{name}" for name in TRANSACTION_FIELDS] + ["suggested_gas_price"]
            ),
        )
        reply = await self.endpoints.ask(methods.SIMULATE, request, seconds=self._seconds)
        outcome = read_transaction(need(reply.transaction, "transaction"))
        return Simulation(outcome, reply.suggested_gas_price)

    async def execute(self, tx_bytes: bytes, signature: bytes) -> ExecutedTransaction:
        """Execute signed bytes, in one attempt at one node.

        Cancelled, it may or may not have been executed.

        Raises:
            TransactionUncertain: if it is not known whether the transaction will be executed;
                sending the identical bytes again is safe.
            ChainRefused: if the node says that it will not be.
        """
        request = pb.ExecuteTransactionRequest(
            transaction=pb.Transaction(bcs=pb.Bcs(value=tx_bytes)),
            signatures=[pb.UserSignature(bcs=pb.Bcs(value=signature))],
            read_mask=protobuf.FieldMask(TRANSACTION_FIELDS),
        )
        try:
            reply = await self.endpoints.ask_once(
                methods.EXECUTE, request, seconds=self._execute_seconds
            )
            return read_transaction(need(reply.transaction, "transaction"))
        except ChainUnreachable as error:
            raise TransactionUncertain(error.message) from error

    def list_events(
        self, request: pb.ListEventsRequest, *, seconds: float = LIST_S
    ) -> AbstractAsyncContextManager[NodeStream[pb.ListEventsRequest, pb.ListEventsResponse]]:
        """Open ListEvents at the current node; for the follower."""
        return self.endpoints.stream(methods.LIST_EVENTS, request, seconds=seconds)

    def subscribe_events(
        self, request: pb.SubscribeEventsRequest
    ) -> AbstractAsyncContextManager[
        NodeStream[pb.SubscribeEventsRequest, pb.SubscribeEventsResponse]
    ]:
        """Open SubscribeEvents at the current node; for the follower."""
        return self.endpoints.stream(methods.SUBSCRIBE_EVENTS, request, seconds=None)


def _versions(*found: ObjectData | ObjectNotFound) -> dict[str, int]:
    return {item.id: item.version for item in found if isinstance(item, ObjectData)}
