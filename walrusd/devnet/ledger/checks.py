"""What a validator checks before it runs a transaction: signatures, ownership, versions, gas."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from walrusd.devnet.move import ptb
from walrusd.devnet.move.context import ClockObject, Random
from walrusd.devnet.move.failures import TransactionRejectedError
from walrusd.devnet.move.objects import LedgerObject, OwnerKind, blake2b256, to_base58
from walrusd.devnet.move.packages import Packages
from walrusd.devnet.move.types import SUI_COIN
from walrusd.devnet.move.values import HandleValue, PureValue, StructValue, Value
from walrusd.errors import MalformedData
from walrusd.units import address_from_bytes, normalize_address

CLOCK_ID = normalize_address("0x6")
RANDOM_ID = normalize_address("0x8")
MIN_COMPUTATION_UNITS = 1_000
MAX_GAS_BUDGET = 50_000_000_000
MAX_GAS_COINS = 256
_ED25519 = 0
_INTENT = b"\0\0\0"

Lookup = Callable[[str], LedgerObject | None]


def decode_transaction(raw: bytes) -> ptb.TransactionData:
    """Decode transaction bytes.

    Raises:
        TransactionRejectedError: if they are not a transaction.
    """
    if len(raw) > ptb.MAX_TRANSACTION_BYTES:
        raise TransactionRejectedError(
            f"serialized transaction size exceeded maximum of {ptb.MAX_TRANSACTION_BYTES}"
        )
    try:
        return ptb.TransactionData.from_bcs(raw)
    except MalformedData as e:
        raise TransactionRejectedError(f"not a transaction: {e}") from e


def verify_signatures(raw: bytes, data: ptb.TransactionData, signatures: list[bytes]) -> None:
    """Check that the sender and the gas owner signed exactly ``raw``.

    Each signature is ``flag ‖ 64 bytes ‖ 32-byte public key``, Ed25519 only, over
    ``blake2b256(intent ‖ raw)``.

    Raises:
        TransactionRejectedError: if one is missing or wrong.
    """
    needed = {data.sender, data.gas.owner}
    message = blake2b256(_INTENT + raw)
    signers = set()
    for signature in signatures:
        if len(signature) != 97 or signature[0] != _ED25519:
            raise TransactionRejectedError("only Ed25519 signatures of 97 bytes are accepted")
        try:
            Ed25519PublicKey.from_public_bytes(signature[65:]).verify(signature[1:65], message)
        except InvalidSignature:
            raise TransactionRejectedError(
                "Invalid user signature: Signature is not valid"
            ) from None
        signers.add(address_from_bytes(blake2b256(signature[:1] + signature[65:])))
    if missing := needed - signers:
        raise TransactionRejectedError(
            f"Required Signature from {', '.join(sorted(missing))} is absent"
        )
    if extra := signers - needed:
        raise TransactionRejectedError(f"Signature of {', '.join(sorted(extra))} is not needed")


def verify_form(data: ptb.TransactionData, packages: Packages) -> None:
    """Check the limits, the packages, and the rule on randomness.

    Raises:
        TransactionRejectedError: if Sui would reject the form of the transaction.
    """
    block = data.programmable
    if len(block.inputs) > ptb.MAX_INPUTS or len(block.commands) > ptb.MAX_COMMANDS:
        raise TransactionRejectedError("Size limit exceeded: too many inputs or commands")
    for item in block.inputs:
        if isinstance(item, ptb.PureInput) and len(item.raw) > ptb.MAX_PURE_BYTES:
            raise TransactionRejectedError(
                f"Size limit exceeded: maximum pure argument size is {ptb.MAX_PURE_BYTES}"
            )
    random_used = False
    for command in block.commands:
        if random_used and not isinstance(command, (ptb.TransferObjects, ptb.MergeCoins)):
            raise TransactionRejectedError(
                "PostRandomCommandRestrictions: only TransferObjects and MergeCoins may follow "
                "a call that uses Random"
            )
        if isinstance(command, ptb.MoveCall):
            if command.package not in packages.by_id:
                raise TransactionRejectedError(
                    f"Dependent package not found on-chain: {command.package}"
                )
            random_used = random_used or any(_is_random(block, a) for a in command.arguments)
        elif isinstance(command, ptb.Publish | ptb.Upgrade):
            if packages.find_contract(command.modules, command.dependencies) is None:
                raise TransactionRejectedError(
                    "the devnet has no Move VM: it publishes only contracts that it knows"
                )
        elif _is_empty(command):
            raise TransactionRejectedError("Empty command input")


def _is_random(block: ptb.Programmable, argument: ptb.Argument) -> bool:
    if argument.kind is not ptb.ArgumentKind.INPUT or argument.index >= len(block.inputs):
        return False
    item = block.inputs[argument.index]
    return isinstance(item, ptb.SharedInput) and item.id == RANDOM_ID


def _is_empty(command: ptb.Command) -> bool:
    if isinstance(command, ptb.TransferObjects):
        return not command.objects
    if isinstance(command, ptb.SplitCoins):
        return not command.amounts
    return isinstance(command, ptb.MergeCoins) and not command.coins


@dataclass
class Resolved:
    """The objects of a transaction.

    ``values`` has one value per input; ``changing`` are the objects that get a new version (owned
    ones, shared ones taken mutably, gas coins); ``reading`` the immutable and read-only shared.
    """

    values: list[Value] = field(default_factory=list)
    changing: dict[str, LedgerObject] = field(default_factory=dict)
    reading: dict[str, LedgerObject] = field(default_factory=dict)
    gas: list[LedgerObject] = field(default_factory=list)

    @property
    def lamport_version(self) -> int:
        """One more than the highest version among the inputs."""
        versions = [o.version for o in (*self.changing.values(), *self.reading.values())]
        return max(versions, default=0) + 1


def resolve_inputs(
    data: ptb.TransactionData, lookup: Lookup, packages: Packages, now_ms: int
) -> Resolved:
    """Find every object of a transaction and check that the sender may use it that way.

    Raises:
        TransactionRejectedError: with Sui's reason.
    """
    out = Resolved()
    seen: set[str] = set()
    for item in data.programmable.inputs:
        if isinstance(item, ptb.PureInput):
            out.values.append(PureValue(item.raw))
            continue
        oid = item.ref.id if isinstance(item, ptb.OwnedInput) else item.id
        if oid in seen:
            raise TransactionRejectedError(f"Mutable object {oid} is used more than once")
        seen.add(oid)
        if isinstance(item, ptb.SharedInput):
            out.values.append(_resolve_shared(item, lookup, packages, now_ms, out))
        else:
            obj = _find_version(item.ref, lookup)
            if obj.owner.kind is OwnerKind.IMMUTABLE:
                out.reading[oid] = obj
            else:
                _check_owner(obj, data.sender)
                out.changing[oid] = obj
            mutable = obj.owner.kind is not OwnerKind.IMMUTABLE
            out.values.append(_decode(obj, packages, mutable=mutable))
    for ref in data.gas.payment:
        if ref.id in seen:
            raise TransactionRejectedError(f"Mutable object {ref.id} is used more than once")
        seen.add(ref.id)
        obj = _find_version(ref, lookup)
        _check_owner(obj, data.gas.owner)
        if obj.type != SUI_COIN:
            raise TransactionRejectedError(f"Gas object {obj.id} is not a coin of SUI")
        out.gas.append(obj)
        out.changing[obj.id] = obj
    return out


def verify_gas(data: ptb.TransactionData, resolved: Resolved, reference_price: int) -> None:
    """Check price, budget and balance.

    Raises:
        TransactionRejectedError: with Sui's reason.
    """
    gas = data.gas
    if gas.price < reference_price:
        raise TransactionRejectedError(
            f"Gas price {gas.price} under reference gas price (RGP) {reference_price}"
        )
    low = MIN_COMPUTATION_UNITS * gas.price
    if gas.budget < low:
        raise TransactionRejectedError(f"Gas budget: {gas.budget} is lower than min: {low}")
    if gas.budget > MAX_GAS_BUDGET:
        raise TransactionRejectedError(
            f"Gas budget: {gas.budget} is higher than max: {MAX_GAS_BUDGET}"
        )
    if not resolved.gas or len(resolved.gas) > MAX_GAS_COINS:
        raise TransactionRejectedError(f"between 1 and {MAX_GAS_COINS} gas coins are needed")
    balance = sum(coin.sui_balance for coin in resolved.gas)
    if balance < gas.budget:
        raise TransactionRejectedError(
            f"Balance of gas object {balance} is lower than the needed amount: {gas.budget}"
        )


def verify_expiration(data: ptb.TransactionData, epoch: int) -> None:
    """Check that the transaction may still run in ``epoch``.

    Raises:
        TransactionRejectedError: if it has expired.
    """
    if data.expiration is not None and epoch > data.expiration:
        raise TransactionRejectedError(
            f"Transaction Expired: its last epoch was {data.expiration}, this is epoch {epoch}"
        )


def _resolve_shared(
    item: ptb.SharedInput, lookup: Lookup, packages: Packages, now_ms: int, out: Resolved
) -> Value:
    obj = _find(item.id, lookup)
    if obj.owner.kind is not OwnerKind.SHARED:
        raise TransactionRejectedError(f"Object {item.id} is not a shared object")
    if obj.owner.start_version != item.start_version:
        raise TransactionRejectedError(
            f"Shared object {item.id} became shared at version {obj.owner.start_version}, "
            f"not {item.start_version}: wrong initial_shared_version"
        )
    if item.id in (CLOCK_ID, RANDOM_ID):
        if item.mutable:
            raise TransactionRejectedError(
                f"Immutable parameter expected: {item.id} can only be read"
            )
        out.reading[item.id] = obj
        return HandleValue(ClockObject(now_ms) if item.id == CLOCK_ID else Random())
    (out.changing if item.mutable else out.reading)[item.id] = obj
    return _decode(obj, packages, mutable=item.mutable)


def _decode(obj: LedgerObject, packages: Packages, *, mutable: bool) -> StructValue:
    layout = packages.layout_of(obj.type)
    if layout is None:
        raise TransactionRejectedError(f"Object {obj.id} of type {obj.type} cannot be an input")
    return StructValue(obj.type, layout.from_bcs(obj.contents), obj, mutable)


def _find(oid: str, lookup: Lookup) -> LedgerObject:
    obj = lookup(oid)
    if obj is None:
        raise TransactionRejectedError(f"Could not find the referenced object {oid}")
    return obj


def _find_version(ref: ptb.ObjectRef, lookup: Lookup) -> LedgerObject:
    obj = _find(ref.id, lookup)
    if obj.owner.kind is OwnerKind.SHARED:
        raise TransactionRejectedError(f"Object {ref.id} is shared, not owned")
    if obj.version != ref.version:
        raise TransactionRejectedError(
            f"Transaction needs to be rebuilt because object {ref.id} version "
            f"{ref.version:#x} is unavailable for consumption, "
            f"current version: {obj.version:#x}"
        )
    if obj.digest_bytes != ref.digest:
        raise TransactionRejectedError(
            f"Invalid Object digest for object {ref.id}: expected {obj.digest}, "
            f"got {to_base58(ref.digest)}"
        )
    return obj


def _check_owner(obj: LedgerObject, address: str) -> None:
    if obj.owner.kind is OwnerKind.OBJECT:
        raise TransactionRejectedError(
            f"Invalid Child Object Argument. Object {obj.id} is owned by object "
            f"{obj.owner.address}. Objects owned by other objects cannot be used as input "
            "arguments."
        )
    if not obj.is_owned_by(address):
        raise TransactionRejectedError(
            f"Object {obj.id} is owned by account address {obj.owner.address or 'nobody'}, "
            f"but given owner/signer address is {address}"
        )
