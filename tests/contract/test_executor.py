"""The specification through the devnet's own executor: one transaction opens a task."""

from walrusd.chain.layouts.objects import PublisherCap, Task
from walrusd.devnet.contract import FUNCTIONS, LAYOUTS, NOT_TRANSFERABLE
from walrusd.devnet.contract.task import compute_publisher_context
from walrusd.devnet.move import ptb
from walrusd.devnet.move.context import ClockObject, Fate
from walrusd.devnet.move.executor import Execution
from walrusd.devnet.move.packages import Package, Packages
from walrusd.devnet.move.ptb import Argument, ArgumentKind, MoveCall, TransferObjects
from walrusd.devnet.move.types import SUI_COIN, encode_pure
from walrusd.devnet.move.values import HandleValue, PureValue, StructValue

from .early import make_keys, required
from .market import TERMS, Bazaar
from .world import PACKAGE, address, digest


def test_terms_and_task_in_one_transaction():
    m = Bazaar()
    packages = Packages()
    packages.add(Package.bind(PACKAGE, FUNCTIONS, LAYOUTS, NOT_TRANSFERABLE))
    inputs, inputs_used = [], []

    def give(value):
        inputs.append(value)
        inputs_used.append(Argument(ArgumentKind.INPUT, len(inputs) - 1))
        return inputs_used[-1]

    def pure(move_type, value):
        return give(PureValue(encode_pure(move_type, value)))

    context = compute_publisher_context(m.market, m.address("publisher"))
    fields = list(vars(TERMS).values())
    make_terms = [pure("u8", f) for f in fields[:3]] + [pure("u64", f) for f in fields[3:]]
    coin = m.mint("publisher", required(TERMS))
    open_task = [
        give(StructValue(f"{PACKAGE}::market::Market", m.market, mutable=False)),
        give(StructValue(f"{PACKAGE}::node::VerifierPool", m.pool, mutable=False)),
        Argument(ArgumentKind.RESULT, 0),
        *[pure("vector<u8>", part) for part in make_keys("publisher", context)],
        pure("u256", 2**255),
        *[pure("vector<u8>", digest(n)) for n in range(4)],
        pure("address", "0x0"),
        pure("vector<address>", [m.dataset.id]),
        pure("vector<u64>", [1]),
        give(StructValue(SUI_COIN, coin)),
        give(HandleValue(ClockObject(m.now))),
    ]
    commands: tuple[ptb.Command, ...] = (
        MoveCall(PACKAGE, "terms", "new_terms", (), tuple(make_terms)),
        MoveCall(PACKAGE, "task", "open_task", (), tuple(open_task)),
        TransferObjects((Argument(ArgumentKind.RESULT, 1),), pure("address", address("publisher"))),
    )
    ctx = m.context("publisher")
    execution = Execution(packages, ctx, None, inputs)
    execution.run(commands)

    by_type = {type(p.value): p for p in ctx.placements.values()}
    assert by_type[Task].fate is Fate.SHARED
    assert by_type[Task].value.manifest_blob == 2**255
    assert by_type[PublisherCap].owner == address("publisher")
    assert [e.value.task for e in execution.events] == [by_type[Task].value.id]
