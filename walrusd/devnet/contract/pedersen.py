"""Module ``pedersen``: the cost commitment, with the aborts of the Move program."""

from walrusd.core.aborts import abort_named
from walrusd.crypto.pedersen import pedersen
from walrusd.crypto.pedersen.g1 import IDENTITY_BYTES, decode_scalar
from walrusd.devnet.contract.constants import DIGEST
from walrusd.devnet.contract.functions import require
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.errors import MalformedData, VerificationFailed

_INVALID_INPUT = 1
"""``sui::group_ops::EInvalidInput``: Move code cannot catch it, so it has no code of ours."""


def check_proof(context: bytes, commitment: bytes, proof: bytes) -> None:
    """Abort unless the committer proves that it can open the commitment.

    ``commitment`` has 48 bytes and ``proof`` 112; the caller has checked that.

    Raises:
        MoveAbort: if it does not hold, or bytes are not a group element or scalar.
    """
    require(commitment != IDENTITY_BYTES, "pedersen.EBadPoint")
    try:
        pedersen.verify_proof(context, commitment, proof)
    except MalformedData as e:
        raise MoveAbort("0x2::group_ops", _INVALID_INPUT, "from_bytes") from e
    except VerificationFailed as e:
        code = abort_named("pedersen", "EBadProof").code
        raise MoveAbort("pedersen", code, "check_proof") from e


def check_opening(commitment: bytes, cost: int, blinding: bytes) -> None:
    """Abort unless ``commitment == cost·G + blinding·H``; ``blinding`` is big-endian.

    Raises:
        MoveAbort: if it does not hold, or bytes are not a group element or scalar.
    """
    require(len(blinding) == DIGEST, "pedersen.EBadPoint")
    try:
        pedersen.verify_commitment(commitment, cost, decode_scalar(blinding))
    except MalformedData as e:
        raise MoveAbort("0x2::group_ops", _INVALID_INPUT, "from_bytes") from e
    except VerificationFailed as e:
        code = abort_named("pedersen", "EBadOpening").code
        raise MoveAbort("pedersen", code, "check_opening") from e
