"""A chain with the demo package, and a builder that signs transactions for it."""

import struct
from dataclasses import dataclass, field

from tests.support.databases import close_after_test
from walrusd.chain.values.codecs import encode_length
from walrusd.devnet.ledger.accounts import Account, Seed, derive_accounts
from walrusd.devnet.ledger.checks import CLOCK_ID, RANDOM_ID
from walrusd.devnet.ledger.genesis import compute_package_id, start_chain
from walrusd.devnet.ledger.ledger import Ledger
from walrusd.devnet.ledger.store import Store
from walrusd.devnet.move import ptb
from walrusd.devnet.move.objects import LedgerObject, OwnerKind
from walrusd.devnet.move.ptb import Argument, ArgumentKind
from walrusd.devnet.move.types import SUI_COIN
from walrusd.units import address_bytes

from .demo_package import DEMO

START_MS = 1_700_000_000_000
BUDGET = 50_000_000
GAS = Argument(ArgumentKind.GAS)
SEED = Seed.from_number(7)


class Wall:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms


def open_ledger(path=None, *, wall=None, seal_at_once=True, contract=DEMO) -> Ledger:
    """Open a ledger for as long as the test runs."""
    store = close_after_test(Store(path))
    if store.last_checkpoint() is None:
        start_chain(store, SEED, contract, accounts=3, now_ms=START_MS)
    return Ledger(store, [contract], wall or Wall(), seal_at_once=seal_at_once)


def u64(number: int) -> bytes:
    return struct.pack("<Q", number)


@dataclass
class Tx:
    """Collects inputs and commands of one transaction."""

    ledger: Ledger
    inputs: list[ptb.Input] = field(default_factory=list)
    commands: list[ptb.Command] = field(default_factory=list)

    def add(self, item: ptb.Input) -> Argument:
        if item in self.inputs:
            return Argument(ArgumentKind.INPUT, self.inputs.index(item))
        self.inputs.append(item)
        return Argument(ArgumentKind.INPUT, len(self.inputs) - 1)

    def pure(self, raw: bytes) -> Argument:
        self.inputs.append(ptb.PureInput(raw))
        return Argument(ArgumentKind.INPUT, len(self.inputs) - 1)

    def u64(self, number: int) -> Argument:
        return self.pure(u64(number))

    def blob(self, raw: bytes) -> Argument:
        return self.pure(encode_length(len(raw)) + raw)

    def address(self, address: str) -> Argument:
        return self.pure(address_bytes(address))

    def obj(self, oid: str, *, mutable: bool = True) -> Argument:
        found = self.ledger.get_object(oid)
        assert found is not None
        if found.owner.kind is OwnerKind.SHARED:
            return self.add(ptb.SharedInput(oid, found.owner.start_version, mutable))
        return self.add(ptb.OwnedInput(ref_of(found)))

    @property
    def clock(self) -> Argument:
        return self.obj(CLOCK_ID, mutable=False)

    @property
    def random(self) -> Argument:
        return self.obj(RANDOM_ID, mutable=False)

    def do(self, command: ptb.Command) -> Argument:
        self.commands.append(command)
        return Argument(ArgumentKind.RESULT, len(self.commands) - 1)

    def call(self, function: str, *arguments: Argument, package: str | None = None) -> Argument:
        package = package or compute_package_id(self.ledger.seed)
        return self.do(ptb.MoveCall(package, "box", function, (), arguments))

    def split(self, coin: Argument, *amounts: int) -> Argument:
        return self.do(ptb.SplitCoins(coin, tuple(self.u64(a) for a in amounts)))

    def transfer(self, to: str, *objects: Argument) -> Argument:
        return self.do(ptb.TransferObjects(objects, self.address(to)))

    def data(self, sender: str, gas: list[LedgerObject], **changes) -> ptb.TransactionData:
        fields = {"owner": sender, "price": 1000, "budget": BUDGET, "expiration": None, **changes}
        return ptb.TransactionData(
            ptb.Programmable(tuple(self.inputs), tuple(self.commands)),
            sender,
            ptb.GasData(
                tuple(ref_of(c) for c in gas),
                fields["owner"],
                fields["price"],
                fields["budget"],
            ),
            fields["expiration"],
        )

    def send(self, account: Account, **changes):
        gas = changes.pop("gas", None) or coins_of(self.ledger, account.address)[:1]
        raw = self.data(account.address, gas, **changes).to_bcs()
        return self.ledger.execute(raw, [account.sign(raw)])


def nested(result: Argument, sub: int) -> Argument:
    return Argument(ArgumentKind.NESTED, result.index, sub)


def ref_of(obj: LedgerObject) -> ptb.ObjectRef:
    return ptb.ObjectRef(obj.id, obj.version, obj.digest_bytes)


def coins_of(ledger: Ledger, address: str) -> list[LedgerObject]:
    return sorted(ledger.list_owned(address, SUI_COIN), key=lambda c: -c.sui_balance)


def balance_of(ledger: Ledger, address: str) -> int:
    return sum(c.sui_balance for c in ledger.list_owned(address, SUI_COIN))


def find(ledger: Ledger, name: str, owner: str | None = None) -> list[LedgerObject]:
    return [
        obj
        for obj in ledger.list_objects()
        if obj.type.endswith(f"::box::{name}") and (owner is None or obj.is_owned_by(owner))
    ]


def accounts() -> list[Account]:
    return derive_accounts(SEED, 3)
