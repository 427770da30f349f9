"""Packages bound to Python functions, in place of a Move VM, and the layouts of their types."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from walrusd.chain.packages.bytecode import compute_package_digest
from walrusd.chain.values.bcs import U8, U64, Id, Layout, StructCodec, Uid
from walrusd.chain.values.codecs import BalanceCodec, Optional, Vector
from walrusd.devnet.move.context import Coin, MoveContext
from walrusd.devnet.move.signatures import ContractFunction
from walrusd.devnet.move.types import FRAMEWORK, SUI_COIN
from walrusd.errors import MalformedData


class UpgradeCap(Layout, module="package"):
    """``0x2::package::UpgradeCap``: what publishing a package returns."""

    id: Uid
    package: Id
    version: U64
    policy: U8


@dataclass(frozen=True)
class Package:
    """A published package. ``layouts`` maps ``module::Name`` to its dataclass."""

    id: str
    functions: dict[tuple[str, str], ContractFunction]
    layouts: dict[str, type[Layout]]
    not_transferable: frozenset[type[Layout]] = frozenset()
    original_id: str = ""
    version: int = 1

    @classmethod
    def bind(
        cls,
        package_id: str,
        functions: Iterable[ContractFunction],
        layouts: Iterable[type[Layout]],
        not_transferable: Iterable[type[Layout]] = (),
        *,
        original_id: str | None = None,
        version: int = 1,
    ) -> "Package":
        """Bind functions and layouts to a package id; ``not_transferable`` lack ``store``."""
        return cls(
            package_id,
            {(f.module, f.name): f for f in functions},
            {f"{layout.MODULE}::{layout.__name__}": layout for layout in layouts},
            frozenset(not_transferable),
            original_id or package_id,
            version,
        )


@dataclass(frozen=True)
class Contract:
    """A package that a devnet can publish: at genesis, and whenever a client sends its bytes.

    ``genesis(ctx, chain_id)`` publishes it and makes its first objects (``chain_id`` has 32
    bytes); ``init(ctx)`` is what publishing alone runs. ``digest`` is Sui's digest of the modules
    that ``functions`` mirror, which need ``dependencies``; empty if there are none.
    """

    functions: Sequence[ContractFunction]
    layouts: Sequence[type[Layout]]
    not_transferable: Sequence[type[Layout]]
    genesis: Callable[[MoveContext, bytes], object]
    init: Callable[[MoveContext], object]
    digest: bytes = b""
    modules: tuple[bytes, ...] = ()
    dependencies: tuple[str, ...] = ()

    def bind(self, package_id: str, original_id: str | None = None, version: int = 1) -> Package:
        """Return the package, or a later version of one, as the executor calls it."""
        return Package.bind(
            package_id,
            self.functions,
            self.layouts,
            self.not_transferable,
            original_id=original_id,
            version=version,
        )


@dataclass(frozen=True)
class Published:
    """A version of a package made by a transaction; types keep the id of the first version."""

    id: str
    original_id: str
    version: int
    contract: Contract


@dataclass
class Packages:
    """Every package of the ledger, by id, and the contracts that may be published.

    The first of ``contracts`` is what genesis publishes.
    """

    by_id: dict[str, Package] = field(default_factory=dict)
    contracts: Sequence[Contract] = ()

    def find_contract(
        self, modules: Iterable[bytes], dependencies: Iterable[str]
    ) -> Contract | None:
        """Return the contract that mirrors these modules, or None if it is unknown."""
        digest = compute_package_digest(modules, dependencies)
        return next((c for c in self.contracts if c.digest == digest), None)

    def versions_of(self, package: Package) -> list[Package]:
        """Return every version of a package, oldest first."""
        same = (p for p in self.by_id.values() if p.original_id == package.original_id)
        return sorted(same, key=lambda p: p.version)

    def add(self, package: Package) -> None:
        """Make a package callable."""
        self.by_id[package.id] = package

    def layout_of(self, move_type: str) -> type[Layout] | None:
        """Return the dataclass of a canonical type, or None if it is not known."""
        if move_type == SUI_COIN:
            return Coin
        if move_type == f"{FRAMEWORK}::package::UpgradeCap":
            return UpgradeCap
        address, _, name = move_type.partition("::")
        package = self.by_id.get(address)
        return None if package is None else package.layouts.get(name)

    def type_of(self, package_id: str, layout: type[Layout]) -> str:
        """Return the canonical type of a layout of a package."""
        if layout is Coin:
            return SUI_COIN
        if layout is UpgradeCap:
            return f"{FRAMEWORK}::package::UpgradeCap"
        package = self.by_id.get(package_id)
        address = package_id if package is None else package.original_id
        return f"{address}::{layout.MODULE}::{layout.__name__}"

    def is_transferable(self, package_id: str, layout: type[Layout]) -> bool:
        """Return whether the struct has ``store``, so that anyone may transfer it."""
        package = self.by_id.get(package_id)
        return package is None or layout not in package.not_transferable

    def json_of(self, move_type: str, contents: bytes) -> dict[str, Any] | None:
        """Return the JSON that a node returns for a value; None if its type is unknown."""
        layout = self.layout_of(move_type)
        if layout is None:
            return None
        try:
            return layout.from_bcs(contents).to_json()
        except MalformedData:
            return None

    def held_sui(self, move_type: str, contents: bytes) -> int:
        """Return the Mist inside a value of a canonical type."""
        layout = self.layout_of(move_type)
        if layout is None or not _holds_sui(layout):
            return 0
        return compute_held_sui(layout.from_bcs(contents))


def has_id(layout: type[Layout]) -> bool:
    """Return whether values of this layout are objects."""
    first = next(iter(layout.codecs().items()), None)
    return first is not None and first[0] == "id" and first[1].move_type == "0x2::object::UID"


def compute_held_sui(value: Layout) -> int:
    """Return the Mist in all ``Balance`` fields of a value, at any depth."""
    if not _holds_sui(type(value)):
        return 0
    return sum(_sum(codec, getattr(value, name)) for name, codec in value.codecs().items())


def _sum(codec: Any, value: Any) -> int:
    if isinstance(codec, BalanceCodec):
        return int(value)
    if isinstance(codec, StructCodec):
        return compute_held_sui(value)
    if isinstance(codec, Vector):
        return sum(_sum(codec.item, item) for item in value) if _may_hold(codec.item) else 0
    if isinstance(codec, Optional):
        return 0 if value is None else _sum(codec.item, value)
    return 0


_HOLDS: dict[Any, bool] = {}


def _holds_sui(layout: type[Layout]) -> bool:
    if layout not in _HOLDS:
        _HOLDS[layout] = any(_may_hold(codec) for codec in layout.codecs().values())
    return _HOLDS[layout]


def _may_hold(codec: Any) -> bool:
    if isinstance(codec, BalanceCodec):
        return True
    if isinstance(codec, StructCodec):
        return _holds_sui(codec.cls)
    return isinstance(codec, (Vector, Optional)) and _may_hold(codec.item)
