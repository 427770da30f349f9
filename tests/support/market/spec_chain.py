"""The contract's calls of a daemon, carried out by the executable specification in process.

The calls themselves are the daemon's own: what they put into a transaction is handed to the
specification argument by argument, so a call with a wrong one fails here as it would on chain.
"""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import trio

from tests.contract.world import PACKAGE, address
from walrusd.chain.calls.contract import ContractClient
from walrusd.chain.layouts import objects as ob
from walrusd.chain.send.inputs import Inputs
from walrusd.chain.values.types import CLOCK_ID, RANDOM_ID, ObjectRef, SharedRef
from walrusd.core.aborts import ABORTS
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.devnet.move.context import Coin
from walrusd.devnet.move.signatures import PureKind
from walrusd.devnet.move.types import decode_pure
from walrusd.errors import MoveAborted, ObjectNotFound
from walrusd.units import MIST_PER_SUI, Mist

if TYPE_CHECKING:
    from tests.support.market.spec import Play

_AMBIENT = {CLOCK_ID, RANDOM_ID}
"""Objects that the specification supplies itself."""


class PowerCut(BaseException):
    """Ends a daemon in the middle of what it does, as ``kill -9`` does: nothing catches it."""


class SpecPtb(Inputs):
    """Carries out each command of a transaction at once; its results are values."""

    def __init__(self, chain: "SpecChain") -> None:
        super().__init__(random_version=1)
        self._chain = chain

    def pure(self, encoded: bytes) -> Any:
        return encoded

    def split_gas(self, *amounts: int) -> list[Any]:
        return [self._chain.world.mint(self._chain.name, amount) for amount in amounts]

    def transfer(self, _recipient: str, *_objects: Any) -> None:
        """Do nothing: what a call returns is the sender's already."""

    def call(self, target: str, *arguments: Any) -> Any:
        name, world = target.partition("::")[2], self._chain.world
        kinds = iter(world.functions[name].params)
        given = []
        for argument in arguments:
            if isinstance(argument, ObjectRef | SharedRef):
                if argument.id not in _AMBIENT:
                    given.append(world.objects[argument.id])
                    next(kinds)
                continue
            if isinstance(argument, SimpleNamespace):
                continue
            kind = next(kinds)
            is_pure = isinstance(kind, PureKind)
            given.append(decode_pure(kind.move_type, argument) if is_pure else argument)
        self._chain.play.note_call(self._chain.name, name, "before")
        found = world.call(name, self._chain.name, *given)
        if isinstance(found, Coin):
            self._chain.play.note_received(self._chain.name, found.balance)
        self._chain.called.append(name)
        return found

    @property
    def clock(self) -> Any:
        return SimpleNamespace(id=CLOCK_ID)

    @property
    def random(self) -> Any:
        return SimpleNamespace(id=RANDOM_ID)


class SpecChain(ContractClient):
    """One daemon's view of the specification. A named action is done once, as the Sender does."""

    def __init__(self, play: "Play", name: str) -> None:
        self.package_id = self._called_package_id = PACKAGE
        self.market_id, self.pool_ids = play.world.market.id, (play.world.pool.id,)
        self.play, self.name, self.world = play, name, play.world
        self._done: dict[str, Any] = {}
        self._cap_turn = trio.Lock()
        self.called: list[str] = []
        """Every entry point that was called with success."""

    @property
    def address(self) -> str:
        return address(self.name)

    def forget(self, object_id: str) -> None:
        pass

    async def find_done(self, once: str) -> Any:
        return self._done.get(once)

    async def _read(self, layout, object_id):
        found = self.play.snapshot(object_id)
        if not isinstance(found, layout):
            raise ObjectNotFound(f"{object_id} is no {layout.__name__}")
        return found

    async def read_many(self, layout, object_ids):
        found = {i: self.play.snapshot(i) for i in object_ids}
        return {i: value for i, value in found.items() if isinstance(value, layout)}

    async def verifier_caps(self, owner: str) -> Any:
        caps = [c for c in self.world.of_type(ob.VerifierCap) if self.world.owners[c.id] == owner]
        return [(ObjectRef(cap.id, 1, "digest"), cap) for cap in caps]

    async def publisher_cap(self, owner: str, task: str) -> Any:
        for cap in self.world.of_type(ob.PublisherCap):
            if cap.task == task and self.world.owners[cap.id] == owner:
                return ObjectRef(cap.id, 1, "digest")
        raise ObjectNotFound(f"{owner} owns no publisher capability for task {task}")

    async def balance(self, owner: str) -> Mist:
        return Mist(1000 * MIST_PER_SUI)

    async def shared_ref(self, object_id: str) -> SharedRef:
        if object_id not in self.world.objects:
            raise ObjectNotFound(f"{object_id} is not a shared object")
        return SharedRef(object_id, 1)

    async def _send(self, build, once, *touched, random=False, label=""):
        await trio.lowlevel.checkpoint()
        if once in self._done:
            return self._done[once]
        before, called = len(self.world.events), len(self.called)
        try:
            build(SpecPtb(self))
        except MoveAbort as error:
            abort = ABORTS[error.module, error.code]
            raise MoveAborted(
                f"{abort.name}: {abort.sentence}", module=error.module, abort_code=error.code
            ) from error
        finally:
            await self.play.deliver()
        executed = SimpleNamespace(digest=f"tx-{before}", events=self.world.events[before:])
        if once is not None:
            self._done[once] = executed
        if len(self.called) > called:
            # The outbox knows what was sent, whatever becomes of the daemon.
            self.play.note_call(self.name, self.called[-1], "after")
        return executed
