"""Transaction effects: as protobuf for sui.rpc.v2 and as BCS (version 2), with real digests.

Source: ``TransactionEffectsV2`` of sui-types.
"""

from dataclasses import dataclass

from walrusd.chain.values.codecs import encode_length
from walrusd.chain.values.pysui_parts import pb
from walrusd.devnet.ledger.run import GasUsed, ObjectChange, TransactionRun
from walrusd.devnet.move import bcs
from walrusd.devnet.move.failures import ArgumentFailure, ExecutionFailure, FailureKind
from walrusd.devnet.move.objects import (
    PACKAGE_TYPE,
    LedgerObject,
    Owner,
    OwnerKind,
    blake2b256,
    to_base58,
)
from walrusd.units import normalize_address

_OPERATIONS = {
    "none": (0, pb.ChangedObjectIdOperation.NONE),
    "created": (1, pb.ChangedObjectIdOperation.CREATED),
    "deleted": (2, pb.ChangedObjectIdOperation.DELETED),
}
_OWNER_KINDS = {
    OwnerKind.ADDRESS: pb.OwnerOwnerKind.ADDRESS,
    OwnerKind.OBJECT: pb.OwnerOwnerKind.OBJECT,
    OwnerKind.SHARED: pb.OwnerOwnerKind.SHARED,
    OwnerKind.IMMUTABLE: pb.OwnerOwnerKind.IMMUTABLE,
}


@dataclass(frozen=True)
class Effects:
    """Both forms of the effects of one transaction, and their digest."""

    message: pb.TransactionEffects
    digest: bytes


def owner_message(owner: Owner) -> pb.Owner:
    """Return an owner as protobuf."""
    return pb.Owner(
        kind=_OWNER_KINDS[owner.kind],
        address=owner.address or None,
        version=owner.start_version or None,
    )


def abort_location(module: str, package: str) -> tuple[str, str]:
    """Return (package id, module name) of a ``MoveAbort.module``."""
    address, sep, name = module.rpartition("::")
    return (normalize_address(address), name) if sep else (package, name)


def build_effects(
    run: TransactionRun, digest: bytes, epoch: int, events_digest: bytes | None, package: str
) -> Effects:
    """Build the effects of a run; ``package`` is where an abort without an address happened."""
    dependencies = sorted(
        {c.before.previous for c in run.changes if c.before is not None}
        | {o.previous for o in run.reading.values()}
    )
    gas_index = next((n for n, c in enumerate(run.changes) if c.id == run.gas_object), None)
    raw = b"".join(
        (
            b"\1",  # version 2
            _encode_status(run.failure, package),
            bcs.write_u64(epoch),
            _encode_gas(run.gas),
            bcs.write_blob(digest),
            bcs.write_option(None if gas_index is None else gas_index.to_bytes(4, "little")),
            bcs.write_option(None if events_digest is None else bcs.write_blob(events_digest)),
            bcs.write_sequence([bcs.write_blob(d) for d in dependencies]),
            bcs.write_u64(run.version),
            bcs.write_sequence([_encode_change(c) for c in run.changes]),
            bcs.write_sequence([_encode_unchanged(o) for o in _consensus_reads(run)]),
            b"\0",  # no auxiliary data
        )
    )
    changed = [_change_message(c) for c in run.changes]
    effects_digest = blake2b256(b"TransactionEffects::" + raw)
    message = pb.TransactionEffects(
        bcs=pb.Bcs(name="TransactionEffects", value=raw),
        digest=to_base58(effects_digest),
        version=2,
        status=_status_message(run.failure, package),
        epoch=epoch,
        gas_used=pb.GasCostSummary(
            computation_cost=run.gas.computation,
            storage_cost=run.gas.storage,
            storage_rebate=run.gas.rebate,
            non_refundable_storage_fee=run.gas.non_refundable,
        ),
        transaction_digest=to_base58(digest),
        gas_object=None if gas_index is None else changed[gas_index],
        events_digest=None if events_digest is None else to_base58(events_digest),
        dependencies=[to_base58(d) for d in dependencies],
        lamport_version=run.version,
        changed_objects=changed,
        unchanged_consensus_objects=[
            pb.UnchangedConsensusObject(
                kind=pb.UnchangedConsensusObjectUnchangedConsensusObjectKind.READ_ONLY_ROOT,
                object_id=o.id,
                version=o.version,
                digest=o.digest,
                object_type=o.type,
            )
            for o in _consensus_reads(run)
        ],
    )
    return Effects(message, effects_digest)


def _consensus_reads(run: TransactionRun) -> list[LedgerObject]:
    shared = [o for o in run.reading.values() if o.owner.kind is OwnerKind.SHARED]
    return sorted(shared, key=lambda o: o.id)


# --- BCS -----------------------------------------------------------------------------------------


def _encode_gas(gas: GasUsed) -> bytes:
    parts = (gas.computation, gas.storage, gas.rebate, gas.non_refundable)
    return b"".join(bcs.write_u64(part) for part in parts)


def _encode_status(failure: ExecutionFailure | None, package: str) -> bytes:
    if failure is None:
        return b"\0"
    command = None if failure.command is None else bcs.write_u64(failure.command)
    return b"\1" + _encode_failure(failure, package) + bcs.write_option(command)


def _encode_failure(failure: ExecutionFailure, package: str) -> bytes:
    tag = encode_length(failure.kind - 1)
    if failure.abort is not None:
        address, module = abort_location(failure.abort.module, package)
        return (
            tag
            + bcs.write_address(address)
            + bcs.write_text(module)
            + bytes(4)  # function and instruction numbers: there is no bytecode
            + bcs.write_option(bcs.write_text(failure.abort.function))
            + bcs.write_u64(failure.abort.code)
        )
    if failure.argument is not None:
        number, kind = failure.argument
        first, second = (i.to_bytes(2, "little") for i in failure.index)
        tail = {
            ArgumentFailure.INDEX_OUT_OF_BOUNDS: first,
            ArgumentFailure.INVALID_RESULT_ARITY: first,
            ArgumentFailure.SECONDARY_INDEX_OUT_OF_BOUNDS: first + second,
        }.get(kind, b"")
        return tag + number.to_bytes(2, "little") + encode_length(kind - 1) + tail
    if failure.kind is FailureKind.UNUSED_VALUE_WITHOUT_DROP:
        return tag + b"".join(i.to_bytes(2, "little") for i in failure.index)
    if failure.upgrade is not None:
        why, detail = failure.upgrade
        return tag + encode_length(why - 1) + detail
    if failure.kind is FailureKind.OBJECT_TOO_BIG:
        return tag + b"".join(bcs.write_u64(i) for i in failure.index)
    return tag


def _encode_version_digest(obj: LedgerObject) -> bytes:
    return bcs.write_u64(obj.version) + bcs.write_blob(obj.digest_bytes)


def _encode_change(change: ObjectChange) -> bytes:
    before, after = change.before, change.after
    return (
        bcs.write_address(change.id)
        + (b"\0" if before is None else b"\1" + _encode_version_digest(before))
        + (b"" if before is None else before.owner.to_bcs())
        + _encode_output(after)
        + bytes([_OPERATIONS[change.operation][0]])
    )


def _encode_output(after: LedgerObject | None) -> bytes:
    if after is None:
        return b"\0"
    if after.type == PACKAGE_TYPE:
        return b"\2" + _encode_version_digest(after)
    return b"\1" + bcs.write_blob(after.digest_bytes) + after.owner.to_bcs()


def _encode_unchanged(obj: LedgerObject) -> bytes:
    return bcs.write_address(obj.id) + b"\0" + _encode_version_digest(obj)


# --- protobuf ------------------------------------------------------------------------------------


def _change_message(change: ObjectChange) -> pb.ChangedObject:
    before, after = change.before, change.after
    known = after or before
    out = pb.ChangedObject(
        object_id=change.id,
        object_type=None if known is None else known.type,
        input_state=pb.ChangedObjectInputObjectState.DOES_NOT_EXIST,
        output_state=pb.ChangedObjectOutputObjectState.DOES_NOT_EXIST,
        id_operation=_OPERATIONS[change.operation][1],
    )
    if before is not None:
        out.input_state = pb.ChangedObjectInputObjectState.EXISTS
        out.input_version, out.input_digest = before.version, before.digest
        out.input_owner = owner_message(before.owner)
    if after is not None:
        states = pb.ChangedObjectOutputObjectState
        package = after.type == PACKAGE_TYPE
        out.output_state = states.PACKAGE_WRITE if package else states.OBJECT_WRITE
        out.output_version, out.output_digest = after.version, after.digest
        out.output_owner = owner_message(after.owner)
    return out


def _status_message(failure: ExecutionFailure | None, package: str) -> pb.ExecutionStatus:
    if failure is None:
        return pb.ExecutionStatus(success=True)
    error = pb.ExecutionError(
        description=failure.describe(),
        command=failure.command,
        kind=pb.ExecutionErrorExecutionErrorKind(int(failure.kind)),
    )
    first, second = failure.index
    if failure.abort is not None:
        address, module = abort_location(failure.abort.module, package)
        error.abort = pb.MoveAbort(
            abort_code=failure.abort.code,
            location=pb.MoveLocation(
                package=address,
                module=module,
                function=0,
                instruction=0,
                function_name=failure.abort.function,
            ),
        )
    elif failure.argument is not None:
        number, kind = failure.argument
        error.command_argument_error = pb.CommandArgumentError(
            argument=number,
            kind=pb.CommandArgumentErrorCommandArgumentErrorKind(int(kind)),
            # mypy reads the field's annotation as the builtin of the same name
            index_error=pb.IndexError(index=first, subresult=second),  # type: ignore[arg-type]
        )
    elif failure.kind is FailureKind.UNUSED_VALUE_WITHOUT_DROP:
        error.index_error = pb.IndexError(index=first, subresult=second)  # type: ignore[assignment]  # see above
    elif failure.upgrade is not None:
        error.package_upgrade_error = pb.PackageUpgradeError(
            kind=pb.PackageUpgradeErrorPackageUpgradeErrorKind(int(failure.upgrade[0]))
        )
    elif failure.kind is FailureKind.OBJECT_TOO_BIG:
        error.size_error = pb.SizeError(size=first, max_size=second)
    return pb.ExecutionStatus(success=False, error=error)
