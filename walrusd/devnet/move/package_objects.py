"""Packages as ledger objects: their modules at their address, type origins, and linkage."""

from walrusd.chain.packages.modules import ZERO_ADDRESS, read_module
from walrusd.devnet.move import bcs
from walrusd.devnet.move.objects import EMPTY_PACKAGE, IMMUTABLE, PACKAGE_TYPE, LedgerObject
from walrusd.devnet.move.packages import Contract, Packages, Published
from walrusd.units import address_bytes

_FRAMEWORK_VERSION = 1


def build_package_object(
    published: Published, previous: bytes, storage_rebate: int = 0
) -> LedgerObject:
    """Return the object of a published or upgraded package; it is immutable."""
    return LedgerObject(
        published.id,
        published.version,
        IMMUTABLE,
        PACKAGE_TYPE,
        encode_package(published.contract, published.original_id),
        previous,
        storage_rebate,
    )


def encode_package(contract: Contract, original_id: str) -> bytes:
    """Return Sui's ``MovePackage`` less its id and version.

    As there, every module's address is the id of the package's first version. That version also
    defined all types: the devnet accepts no upgrade that adds one.
    """
    if not contract.modules:
        return EMPTY_PACKAGE
    modules = sorted((m.name, m.at(original_id).code) for m in map(read_module, contract.modules))
    origins = sorted((layout.MODULE, layout.__name__) for layout in contract.layouts)
    linkage = sorted(contract.dependencies, key=address_bytes)
    return (
        bcs.write_sequence([bcs.write_text(n) + bcs.write_blob(code) for n, code in modules])
        + bcs.write_sequence(
            [
                bcs.write_text(m) + bcs.write_text(n) + bcs.write_address(original_id)
                for m, n in origins
            ]
        )
        + bcs.write_sequence(
            [
                bcs.write_address(d) + bcs.write_address(d) + bcs.write_u64(_FRAMEWORK_VERSION)
                for d in linkage
            ]
        )
    )


def read_code(contents: bytes) -> dict[str, bytes]:
    """Return the modules in the contents of a package object, by name."""
    reader = bcs.Reader(contents)
    return dict(reader.sequence(lambda r: (r.text(), r.blob())))


def read_linkage(contents: bytes) -> list[tuple[str, str, int]]:
    """Return the linkage of a package object: first id, id used, and its version."""
    reader = bcs.Reader(contents)
    reader.sequence(lambda r: (r.text(), r.blob()))
    reader.sequence(lambda r: (r.text(), r.text(), r.address()))
    return reader.sequence(lambda r: (r.address(), r.address(), r.uint(8)))


def find_contract(packages: Packages, package: LedgerObject) -> Contract | None:
    """Return the contract from which a package object was made; the first if it has no code."""
    code = read_code(package.contents).values()
    sent = [read_module(module).at(ZERO_ADDRESS).code for module in code]
    found = packages.find_contract(sent, [used for _, used, _ in read_linkage(package.contents)])
    return found or next(iter(packages.contracts), None)


def read_original_id(package: LedgerObject) -> str:
    """Return the id of the first version of a package."""
    for code in read_code(package.contents).values():
        return read_module(code).address
    return package.id
