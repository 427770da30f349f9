"""The contract's bytecode in this release, and whether the package on a chain is the same."""

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import walrusd
from walrusd.chain.packages.modules import ZERO_ADDRESS, read_module
from walrusd.errors import ContractMismatch, MalformedData
from walrusd.units import Address, ObjectId, address_bytes

BUILT = Path(walrusd.__file__).parent / "move" / "bytecode" / "package.json"

INTERFACE_VERSION = 1
"""``market::VERSION`` of the contract: the supported version of its shared objects."""


def compute_package_digest(modules: Iterable[bytes], dependencies: Iterable[str]) -> bytes:
    """Return Sui's digest of a package: BLAKE2b of the sorted module hashes and dependencies.

    An upgrade authorises exactly one digest. Modules are as compiled, with address zero.
    """
    parts = [hashlib.blake2b(module, digest_size=32).digest() for module in modules]
    parts += [address_bytes(dependency) for dependency in dependencies]
    return hashlib.blake2b(b"".join(sorted(parts)), digest_size=32).digest()


@dataclass(frozen=True)
class Bytecode:
    """A compiled package, its modules in the order to publish them, as ``sui`` would send it.

    ``compatible`` are digests of earlier builds with the same interface.
    """

    modules: tuple[bytes, ...]
    dependencies: tuple[Address, ...]
    digest: bytes
    compatible: frozenset[bytes] = frozenset()


@cache
def load_bytecode(path: Path = BUILT) -> Bytecode:
    """Return the bytecode that this release ships.

    Raises:
        MalformedData: if the file is damaged: its digest is not that of its modules.
    """
    built = json.loads(path.read_text("utf-8"))
    modules = tuple(base64.b64decode(module) for module in built["modules"])
    digest = compute_package_digest(modules, built["dependencies"])
    if digest.hex() != built["digest"]:
        raise MalformedData(
            f"{path} is damaged: its modules have the digest {digest.hex()}",
            hint="reinstall walrusd",
        )
    return Bytecode(
        modules,
        tuple(map(Address, built["dependencies"])),
        digest,
        frozenset(map(bytes.fromhex, built.get("compatible", []))),
    )


@dataclass(frozen=True)
class PublishedPackage:
    """A package on a chain: ``modules`` maps names to code, whose address is ``original_id``."""

    id: ObjectId
    original_id: ObjectId
    version: int
    modules: dict[str, bytes]
    dependencies: tuple[Address, ...]

    def compute_digest(self) -> bytes:
        """Return the digest of what was sent to publish this package.

        Raises:
            MalformedData: if a module is not Move bytecode.
        """
        sent = (read_module(code).at(ZERO_ADDRESS).code for code in self.modules.values())
        return compute_package_digest(sent, self.dependencies)


@dataclass(frozen=True)
class VerifiedPackage:
    """A package whose code on chain is known to this release; ``digest`` in hexadecimal."""

    id: ObjectId
    original_id: ObjectId
    version: int
    digest: str
    modules: int
    is_current: bool


def verify_package(bytecode: Bytecode, package: PublishedPackage) -> VerifiedPackage:
    """Compare a package with the committed bytecode, module by module, byte for byte.

    Publishing writes the address of each module: it must be the package's own.

    Raises:
        ContractMismatch: with the modules that differ, in ``modules``.
    """
    wanted = {m.name: m.at(package.original_id).code for m in map(read_module, bytecode.modules)}
    differing = sorted(
        name
        for name in {*wanted, *package.modules}
        if wanted.get(name) != package.modules.get(name)
    )
    if set(bytecode.dependencies) != set(package.dependencies):
        differing.append("dependencies")
    try:
        digest = package.compute_digest()
    except MalformedData as error:
        raise ContractMismatch(
            f"package {package.id} has a module that is not Move bytecode", package=package.id
        ) from error
    has_other_address = any(
        str(read_module(code).address) != package.original_id for code in package.modules.values()
    )
    is_known = not has_other_address and digest in bytecode.compatible
    if differing and not is_known:
        raise ContractMismatch(
            f"package {package.id} (version {package.version}) is not the contract of this"
            f" walrusd: {', '.join(differing)} differ",
            package=package.id,
            modules=differing,
            digest=digest.hex(),
            expected_digest=bytecode.digest.hex(),
        )
    return VerifiedPackage(
        package.id,
        package.original_id,
        package.version,
        digest.hex(),
        len(package.modules),
        is_current=not differing,
    )
