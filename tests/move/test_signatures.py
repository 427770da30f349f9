"""The executable specification declares the functions of the Move package, type for type."""

from walrusd.devnet.contract import FUNCTIONS
from walrusd.devnet.move.signatures import (
    ClockKind,
    CoinKind,
    Mode,
    ParamKind,
    PureKind,
    RandomKind,
    StructKind,
)

from .sources import parse_functions, read_modules

MOVE = {
    (f.module, f.name): f
    for module, text in read_modules().items()
    for f in parse_functions(module, text)
}
LIBRARY = {("merkle", "verify_path")}
"""For other contracts; no transaction of ours calls it."""

_PREFIX = {Mode.VALUE: "", Mode.REF: "&", Mode.MUT: "&mut "}


def move_type(kind: ParamKind) -> str:
    match kind:
        case PureKind(move_type=name):
            return name
        case StructKind(layout=layout, mode=mode):
            return _PREFIX[mode] + layout.__name__
        case CoinKind(mode=mode):
            return _PREFIX[mode] + "Coin<SUI>"
        case ClockKind():
            return "&Clock"
        case RandomKind():
            return "&Random"
    raise TypeError(kind)


def test_python_and_move_have_the_same_functions():
    assert {(f.module, f.name) for f in FUNCTIONS} == set(MOVE) - LIBRARY


def test_functions_have_the_same_signatures():
    for function in FUNCTIONS:
        move = MOVE[function.module, function.name]
        params = tuple(p for p in move.params if p != "&mut TxContext")
        assert tuple(map(move_type, function.params)) == params, function.name
        assert function.entry == move.is_entry, function.name
        returns = [move.returns] if move.returns else []
        assert [move_type(r) for r in function.returns] == returns, function.name
