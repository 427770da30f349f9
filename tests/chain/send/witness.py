"""A node whose knowledge of one transaction a test writes down."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pysui.sui.sui_grpc.suimsgs.sui.rpc.v2 as pb
import trio

from tests.chain.fakenode import GAS, FakeNode, fake_digest
from walrusd.chain.grpc import GRPCError, Status
from walrusd.chain.values.types import SUI_COIN_TYPE, ObjectRef

LOST = GRPCError(Status.UNAVAILABLE, "lost")
STALE = GRPCError(Status.INVALID_ARGUMENT, "object is unavailable for consumption")
LOCKED = GRPCError(Status.FAILED_PRECONDITION, "already locked by a different transaction")
REFUSED = GRPCError(Status.INVALID_ARGUMENT, "signature is not valid")


def shown(digest: str, *changed: pb.ChangedObject, success: bool = True) -> pb.ExecutedTransaction:
    """Return a transaction as a node shows it."""
    error = None if success else pb.ExecutionError(description="failed")
    return pb.ExecutedTransaction(
        digest=digest,
        effects=pb.TransactionEffects(
            status=pb.ExecutionStatus(success=success, error=error),
            gas_used=pb.GasCostSummary(computation_cost=GAS, storage_cost=1, storage_rebate=1),
            changed_objects=list(changed),
            transaction_digest=digest,
        ),
        events=pb.TransactionEvents(),
        checkpoint=101,
    )


@dataclass
class Witness(FakeNode):
    """``first`` are the first checkpoints of epochs, ``past`` the old versions it still has.

    ``executes`` answers each execution; ``asked_at`` is when it was asked, in trio's seconds.
    """

    first: dict[int, int] = field(default_factory=dict)
    past: set[tuple[str, int]] = field(default_factory=set)
    executes: Callable[[int], pb.ExecutedTransaction | GRPCError] = lambda _count: LOST
    asked_at: list[float] = field(default_factory=list)
    epochs_asked: list[int] = field(default_factory=list)
    """What the epochs are from each question on."""

    def hold(self, coin: ObjectRef, *, writer: str = "") -> None:
        """Show a version of a coin, and who wrote it."""
        self.owner = "0xa"
        self.coins[coin.id] = [coin.version, 10 * GAS]
        if writer:
            self.last_writer[coin.id] = writer

    async def execute(self, request):
        self.asked_at.append(trio.current_time())
        answer = self.executes(len(self.asked_at))
        if isinstance(answer, GRPCError):
            raise answer
        return pb.ExecuteTransactionResponse(transaction=answer)

    async def get_epoch(self, request):
        if request.epoch is None:
            return await super().get_epoch(request)
        self.epochs_asked.append(request.epoch)
        found = pb.Epoch(epoch=request.epoch, first_checkpoint=self.first.get(request.epoch))
        return pb.GetEpochResponse(epoch=found)

    async def get_object(self, request):
        if request.version is None:
            return await super().get_object(request)
        if (request.object_id, request.version) not in self.past:
            raise GRPCError(Status.NOT_FOUND, "no such version")
        return pb.GetObjectResponse(
            object=pb.Object(
                object_id=request.object_id,
                version=request.version,
                digest=fake_digest(request.object_id, request.version),
                owner=pb.Owner(kind=pb.OwnerOwnerKind.ADDRESS, address="0xa"),
                object_type=SUI_COIN_TYPE,
                contents=pb.Bcs(value=bytes(40)),
            )
        )
