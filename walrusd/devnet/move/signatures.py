"""The signatures of contract functions: what each parameter is, and how it is passed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from walrusd.devnet.move.aborts import ContractDefectError


class Mode(Enum):
    """How an argument is passed."""

    VALUE = "value"
    REF = "ref"
    MUT = "mut"


@dataclass(frozen=True)
class PureKind:
    """A primitive, or a vector or option of primitives, by value.

    ``move_type``: ``bool u8 u16 u32 u64 u128 u256 address ID String vector<…> Option<…>``. In
    Python: int, bool, ``0x…`` string (address, ID), str, bytes (``vector<u8>``), list, None.
    """

    move_type: str


@dataclass(frozen=True)
class StructKind:
    """A struct of the package: an object, or a value that an earlier command returned."""

    layout: type[Any]
    mode: Mode


@dataclass(frozen=True)
class CoinKind:
    """``Coin<SUI>``."""

    mode: Mode


@dataclass(frozen=True)
class ClockKind:
    """``&Clock``."""


@dataclass(frozen=True)
class RandomKind:
    """``&Random``: private ``entry`` functions only, followed only by transfers and merges."""


ParamKind = PureKind | StructKind | CoinKind | ClockKind | RandomKind

BOOL = PureKind("bool")
U8 = PureKind("u8")
U16 = PureKind("u16")
U32 = PureKind("u32")
U64 = PureKind("u64")
U128 = PureKind("u128")
U256 = PureKind("u256")
ADDRESS = PureKind("address")
BYTES = PureKind("vector<u8>")
COIN = CoinKind(Mode.VALUE)
COIN_MUT = CoinKind(Mode.MUT)
CLOCK = ClockKind()
RANDOM = RandomKind()


def vector(item: PureKind) -> PureKind:
    """``vector<item>``."""
    return PureKind(f"vector<{item.move_type}>")


def option(item: PureKind) -> PureKind:
    """``Option<item>``."""
    return PureKind(f"Option<{item.move_type}>")


def value(layout: type[Any]) -> StructKind:
    """``T`` by value: the function must transfer, share, freeze, wrap, delete or return it."""
    return StructKind(layout, Mode.VALUE)


def ref(layout: type[Any]) -> StructKind:
    """``&T``."""
    return StructKind(layout, Mode.REF)


def mut(layout: type[Any]) -> StructKind:
    """``&mut T``."""
    return StructKind(layout, Mode.MUT)


@dataclass(frozen=True)
class ContractFunction:
    """One callable function of the package.

    ``entry`` means private ``entry`` (may take ``Random``); otherwise the function is ``public``.
    ``impl(ctx, *args)`` returns None, one value, or a tuple as long as ``returns``. ``TxContext``
    is not listed in ``params``.
    """

    module: str
    name: str
    params: Sequence[ParamKind]
    returns: Sequence[ParamKind]
    entry: bool
    impl: Callable[..., Any]

    def __post_init__(self) -> None:
        if RANDOM in self.params and not self.entry:
            raise ContractDefectError(f"{self.module}::{self.name} takes Random but is public")
