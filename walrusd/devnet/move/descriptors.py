"""Signatures of contract functions as a node describes them."""

from walrusd.chain.values.pysui_parts import pb
from walrusd.devnet.move.objects import LedgerObject
from walrusd.devnet.move.package_objects import read_code, read_linkage
from walrusd.devnet.move.packages import Package
from walrusd.devnet.move.signatures import (
    ClockKind,
    CoinKind,
    ContractFunction,
    Mode,
    ParamKind,
    PureKind,
    RandomKind,
)
from walrusd.devnet.move.types import COIN, FRAMEWORK, SUI
from walrusd.units import normalize_address

_STD = normalize_address("0x1")
_BODY = pb.OpenSignatureBodyType
_PRIMITIVES = {
    "address": _BODY.ADDRESS,
    "bool": _BODY.BOOL,
    "u8": _BODY.U8,
    "u16": _BODY.U16,
    "u32": _BODY.U32,
    "u64": _BODY.U64,
    "u128": _BODY.U128,
    "u256": _BODY.U256,
}
_DATATYPES = {"ID": f"{FRAMEWORK}::object::ID", "String": f"{_STD}::string::String"}
_REFERENCES = {
    Mode.VALUE: None,
    Mode.REF: pb.OpenSignatureReference.IMMUTABLE,
    Mode.MUT: pb.OpenSignatureReference.MUTABLE,
}


def describe_function(package: Package, function: ContractFunction) -> pb.FunctionDescriptor:
    """Return the descriptor; ``&mut TxContext`` is the last parameter, as in Move."""
    context = pb.OpenSignature(
        reference=pb.OpenSignatureReference.MUTABLE,
        body=_datatype(f"{FRAMEWORK}::tx_context::TxContext"),
    )
    visibilities = pb.FunctionDescriptorVisibility
    return pb.FunctionDescriptor(
        name=function.name,
        visibility=visibilities.PRIVATE if function.entry else visibilities.PUBLIC,
        is_entry=function.entry,
        parameters=[*(_signature(package, kind) for kind in function.params), context],
        returns=[_signature(package, kind) for kind in function.returns],
    )


def describe_package(package: Package, stored: LedgerObject | None) -> pb.Package:
    """Return the package with its modules, their code, and their functions."""
    modules: dict[str, list[pb.FunctionDescriptor]] = {}
    for function in package.functions.values():
        modules.setdefault(function.module, []).append(describe_function(package, function))
    for name in package.layouts:
        modules.setdefault(name.partition("::")[0], [])
    code = {} if stored is None else read_code(stored.contents)
    linkage = [] if stored is None else read_linkage(stored.contents)
    for name in code:
        modules.setdefault(name, [])
    return pb.Package(
        storage_id=package.id,
        original_id=package.original_id,
        version=package.version,
        modules=[
            pb.Module(name=name, contents=code.get(name), functions=functions)
            for name, functions in sorted(modules.items())
        ],
        linkage=[
            pb.Linkage(original_id=original, upgraded_id=upgraded, upgraded_version=version)
            for original, upgraded, version in linkage
        ],
    )


def _datatype(name: str, *arguments: pb.OpenSignatureBody) -> pb.OpenSignatureBody:
    return pb.OpenSignatureBody(
        type=_BODY.DATATYPE, type_name=name, type_parameter_instantiation=list(arguments)
    )


def _signature(package: Package, kind: ParamKind) -> pb.OpenSignature:
    if isinstance(kind, PureKind):
        return pb.OpenSignature(body=_pure(kind.move_type))
    if isinstance(kind, CoinKind):
        return pb.OpenSignature(
            reference=_REFERENCES[kind.mode], body=_datatype(COIN, _datatype(SUI))
        )
    if isinstance(kind, ClockKind | RandomKind):
        name = "clock::Clock" if isinstance(kind, ClockKind) else "random::Random"
        return pb.OpenSignature(
            reference=pb.OpenSignatureReference.IMMUTABLE, body=_datatype(f"{FRAMEWORK}::{name}")
        )
    layout = kind.layout
    return pb.OpenSignature(
        reference=_REFERENCES[kind.mode],
        body=_datatype(f"{package.original_id}::{layout.MODULE}::{layout.__name__}"),
    )


def _pure(move_type: str) -> pb.OpenSignatureBody:
    if move_type in _PRIMITIVES:
        return pb.OpenSignatureBody(type=_PRIMITIVES[move_type])
    if move_type.startswith("vector<"):
        return pb.OpenSignatureBody(
            type=_BODY.VECTOR, type_parameter_instantiation=[_pure(move_type[7:-1])]
        )
    if move_type.startswith("Option<"):
        return _datatype(f"{_STD}::option::Option", _pure(move_type[7:-1]))
    return _datatype(_DATATYPES[move_type])
