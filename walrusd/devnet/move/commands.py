"""The parts of a programmable transaction: inputs, and the commands that use them."""

from dataclasses import dataclass
from enum import Enum

# --- inputs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PureInput:
    """Bytes of one pure value."""

    raw: bytes


@dataclass(frozen=True)
class ObjectRef:
    """One version of an object; ``digest`` is 32 bytes."""

    id: str
    version: int
    digest: bytes


@dataclass(frozen=True)
class OwnedInput:
    """An owned or immutable object at an exact version."""

    ref: ObjectRef


@dataclass(frozen=True)
class SharedInput:
    """A shared object at whatever version it has."""

    id: str
    start_version: int
    mutable: bool


Input = PureInput | OwnedInput | SharedInput


# --- commands -----------------------------------------------------------------------------------


class ArgumentKind(Enum):
    """What an argument refers to."""

    GAS = 0
    INPUT = 1
    RESULT = 2
    NESTED = 3


@dataclass(frozen=True)
class Argument:
    """A use of the gas coin, an input, a command's only result, or one of its results."""

    kind: ArgumentKind
    index: int = 0
    sub: int = 0


@dataclass(frozen=True)
class MoveCall:
    """Call ``package::module::function``."""

    package: str
    module: str
    function: str
    type_arguments: tuple[str, ...]
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class TransferObjects:
    """Send objects to an address."""

    objects: tuple[Argument, ...]
    address: Argument


@dataclass(frozen=True)
class SplitCoins:
    """Split amounts off a coin."""

    coin: Argument
    amounts: tuple[Argument, ...]


@dataclass(frozen=True)
class MergeCoins:
    """Merge coins into one."""

    into: Argument
    coins: tuple[Argument, ...]


@dataclass(frozen=True)
class MakeMoveVec:
    """Make a vector of values."""

    element_type: str | None
    elements: tuple[Argument, ...]


@dataclass(frozen=True)
class Publish:
    """Publish a package."""

    modules: tuple[bytes, ...]
    dependencies: tuple[str, ...]


@dataclass(frozen=True)
class Upgrade:
    """Publish another version of ``package``, as ``ticket`` allows."""

    modules: tuple[bytes, ...]
    dependencies: tuple[str, ...]
    package: str
    ticket: Argument


Command = MoveCall | TransferObjects | SplitCoins | MergeCoins | MakeMoveVec | Publish | Upgrade


@dataclass(frozen=True)
class Programmable:
    """Inputs and the commands that use them."""

    inputs: tuple[Input, ...]
    commands: tuple[Command, ...]
