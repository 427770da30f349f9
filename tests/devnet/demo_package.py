"""A small Move package in Python: a shared box of money, enough to test every ledger rule."""

from walrusd.chain.values.bcs import U64, Addr, Balance, Bytes, Layout, Uid
from walrusd.devnet.move import signatures as sig
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.devnet.move.context import ClockObject, Coin, MoveContext, Random
from walrusd.devnet.move.packages import Contract, compute_package_digest


class Box(Layout, module="box"):
    """Shared."""

    id: Uid
    owner: Addr
    deposits: U64
    note: Bytes
    funds: Balance
    keys: list[Addr]


class Key(Layout, module="box"):
    """Owned."""

    id: Uid
    box: Addr


class Lid(Layout, module="box"):
    """Owned, without `store`."""

    id: Uid


class Ticket(Layout, module="box"):
    """A value without an id that cannot be dropped."""

    DROP = False
    amount: U64


class Deposited(Layout, module="events"):
    box: Addr
    amount: U64
    at_ms: U64


class Tossed(Layout, module="events"):
    value: Bytes


def create(ctx: MoveContext, note: bytes) -> Key:
    box = Box(ctx.fresh_id(), ctx.sender, 0, note, 0, [])
    ctx.share(box)
    return Key(ctx.fresh_id(), box.id)


def deposit(ctx: MoveContext, box: Box, coin: Coin, clock: ClockObject) -> None:
    amount = ctx.take_coin(coin)
    if amount == 0:
        raise MoveAbort("box", 1, "deposit")
    box.funds += amount
    box.deposits += 1
    ctx.emit(Deposited(box.id, amount, clock.timestamp_ms))


def withdraw(ctx: MoveContext, box: Box, key: Key, amount: int) -> Coin:
    if key.box != box.id:
        raise MoveAbort("box", 2, "withdraw")
    if amount > box.funds:
        raise MoveAbort("box", 3, "withdraw")
    box.funds -= amount
    return ctx.new_coin(amount)


def skim(ctx: MoveContext, box: Box, coin: Coin, amount: int) -> None:
    box.funds += ctx.split_balance(coin, amount)


def read(ctx: MoveContext, box: Box) -> tuple[int, str]:
    return box.funds, box.owner


def smash(ctx: MoveContext, box: Box) -> Coin:
    ctx.delete(box)
    return ctx.new_coin(box.funds)


def ticket(ctx: MoveContext, amount: int) -> Ticket:
    return Ticket(amount)


def punch(ctx: MoveContext, ticket: Ticket) -> int:
    return ticket.amount


def swallow(ctx: MoveContext, box: Box, key: Key) -> None:
    ctx.wrap(key)
    box.keys.append(key.id)


def spit(ctx: MoveContext, box: Box) -> Key:
    return Key(box.keys.pop(), box.id)


def freeze_key(ctx: MoveContext, key: Key) -> None:
    ctx.freeze(key)


def lid(ctx: MoveContext) -> Lid:
    return Lid(ctx.fresh_id())


def give_lid(ctx: MoveContext, lid: Lid, to: str) -> None:
    ctx.transfer(lid, to)


def toss(ctx: MoveContext, random: Random) -> None:
    ctx.emit(Tossed(ctx.random_bytes(32)))


def fill(ctx: MoveContext, box: Box, size: int) -> None:
    box.note = bytes(size)


def forge(ctx: MoveContext, box: Box) -> None:
    box.funds += 1


def lose(ctx: MoveContext, key: Key) -> None:
    return None


def meddle(ctx: MoveContext, box: Box) -> None:
    box.deposits += 1


def _public(name, params, returns, impl):
    return sig.ContractFunction("box", name, params, returns, entry=False, impl=impl)


FUNCTIONS = [
    _public("create", [sig.BYTES], [sig.value(Key)], create),
    _public("deposit", [sig.mut(Box), sig.COIN, sig.CLOCK], [], deposit),
    _public("withdraw", [sig.mut(Box), sig.ref(Key), sig.U64], [sig.COIN], withdraw),
    _public("skim", [sig.mut(Box), sig.COIN_MUT, sig.U64], [], skim),
    _public("read", [sig.ref(Box)], [sig.U64, sig.ADDRESS], read),
    _public("smash", [sig.value(Box)], [sig.COIN], smash),
    _public("ticket", [sig.U64], [sig.value(Ticket)], ticket),
    _public("punch", [sig.value(Ticket)], [sig.U64], punch),
    _public("swallow", [sig.mut(Box), sig.value(Key)], [], swallow),
    _public("spit", [sig.mut(Box)], [sig.value(Key)], spit),
    _public("freeze_key", [sig.value(Key)], [], freeze_key),
    _public("lid", [], [sig.value(Lid)], lid),
    _public("give_lid", [sig.value(Lid), sig.ADDRESS], [], give_lid),
    sig.ContractFunction("box", "toss", [sig.RANDOM], [], entry=True, impl=toss),
    _public("fill", [sig.mut(Box), sig.U64], [], fill),
    _public("forge", [sig.mut(Box)], [], forge),
    _public("lose", [sig.value(Key)], [], lose),
    _public("meddle", [sig.ref(Box)], [], meddle),
]


def genesis(ctx: MoveContext, chain_id: bytes) -> None:
    box = Box(ctx.fresh_id(), ctx.sender, 0, b"first", 0, [])
    ctx.share(box)
    ctx.transfer(Key(ctx.fresh_id(), box.id), ctx.sender)


def init(ctx: MoveContext) -> None:
    ctx.transfer(Lid(ctx.fresh_id()), ctx.sender)


MODULES = (b"some bytecode", b"and more")
DEPENDENCIES = ("0x" + "0" * 63 + "1", "0x" + "0" * 63 + "2")
DEMO = Contract(
    functions=FUNCTIONS,
    layouts=[Box, Key, Lid, Ticket, Deposited, Tossed],
    not_transferable=[Box, Lid],
    genesis=genesis,
    init=init,
    digest=compute_package_digest(MODULES, DEPENDENCIES),
)
