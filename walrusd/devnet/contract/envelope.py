"""Module ``envelope``: keys, openings and envelopes, with the aborts of the Move program.

Contexts are the digests that ``walrusd.crypto.envelopes.contexts`` computes; points, challenges and
answers are bytes of any length, as the contract gets them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from walrusd.core.aborts import abort_named
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.envelopes.groups import G2_IDENTITY_BYTES, decode_g2
from walrusd.crypto.envelopes.openings import OpeningKey, verify_label_value, verify_opening_key
from walrusd.crypto.envelopes.recipients import Recipient, verify_recipient
from walrusd.crypto.envelopes.schnorr import SchnorrProof
from walrusd.crypto.envelopes.sealing import Envelope, verify_envelope
from walrusd.crypto.pedersen.g1 import IDENTITY_BYTES
from walrusd.devnet.contract.functions import require
from walrusd.devnet.move.aborts import MoveAbort
from walrusd.errors import (
    EnvelopeMismatch,
    LabelValueMismatch,
    MalformedPoint,
    MalformedScalar,
    RecipientKeysDiffer,
    SchnorrProofInvalid,
    VerificationFailed,
)
from walrusd.units import address_bytes

_INVALID_INPUT = 1
"""``sui::group_ops::EInvalidInput``: Move code cannot catch it, so it has no code of ours."""


@contextmanager
def _aborting(function: str, **named: type[VerificationFailed]) -> Iterator[None]:
    """Turn what does not hold into the abort that is ``named`` for it."""
    try:
        yield
    except (MalformedPoint, MalformedScalar) as e:
        raise MoveAbort("0x2::group_ops", _INVALID_INPUT, "from_bytes") from e
    except VerificationFailed as e:
        (name,) = (name for name, kind in named.items() if isinstance(e, kind))
        raise MoveAbort("envelope", abort_named("envelope", name).code, function) from e


def check_recipient(
    context: bytes, pk1: bytes, pk2: bytes, challenge: bytes, answer: bytes
) -> Recipient:
    """Abort unless whoever registers ``pk1`` and ``pk2`` for ``context`` knows their secret.

    Raises:
        MoveAbort: if it does not hold, or bytes are not a group element or scalar.
    """
    require(pk1 != IDENTITY_BYTES, "envelope.EIdentity")
    require(pk2 != G2_IDENTITY_BYTES, "envelope.EIdentity")
    with _aborting(
        "verify_recipient", EKeysDiffer=RecipientKeysDiffer, EBadKeyProof=SchnorrProofInvalid
    ):
        return verify_recipient(context, pk1, pk2, SchnorrProof(challenge, answer))


def check_opening(context: bytes, p2: bytes, challenge: bytes, answer: bytes) -> OpeningKey:
    """Abort unless whoever opens the attempt ``context`` with ``p2`` knows its secret.

    Raises:
        MoveAbort: if it does not hold, or bytes are not a group element or scalar.
    """
    require(p2 != G2_IDENTITY_BYTES, "envelope.EIdentity")
    with _aborting("verify_opening", EBadOpeningProof=SchnorrProofInvalid):
        return verify_opening_key(context, p2, SchnorrProof(challenge, answer))


def open_label(context: bytes, label: int, p2: bytes) -> tuple[Label, OpeningKey]:
    """Return what the envelopes of one label of an attempt are checked against.

    Raises:
        MoveAbort: if there is no such label, or ``p2`` is not a group element.
    """
    require(label in set(Label), "envelope.EBadLabel")
    require(p2 != G2_IDENTITY_BYTES, "envelope.EIdentity")
    with _aborting("open_label"):
        decode_g2(p2)
    return Label(label), OpeningKey(context, p2)


def check_envelope(
    opened: tuple[Label, OpeningKey], recipient: Recipient, sender: str, envelope: Envelope
) -> None:
    """Abort unless ``recipient`` finds the label's value in an envelope that ``sender`` made.

    Raises:
        MoveAbort: if it does not hold, or bytes are not a group element or scalar.
    """
    require(envelope.r != IDENTITY_BYTES, "envelope.EIdentity")
    require(envelope.c != IDENTITY_BYTES, "envelope.EIdentity")
    require(recipient.pk2 != G2_IDENTITY_BYTES, "envelope.EIdentity")
    with _aborting(
        "verify_envelope", EBadEnvelope=EnvelopeMismatch, EBadEnvelopeProof=SchnorrProofInvalid
    ):
        verify_envelope(envelope, *opened, recipient, address_bytes(sender))


def check_value(opened: tuple[Label, OpeningKey], value: bytes) -> None:
    """Abort unless ``value`` is the label's of this attempt.

    Raises:
        MoveAbort: if it does not hold, or the bytes are not a group element.
    """
    require(value != IDENTITY_BYTES, "envelope.EIdentity")
    with _aborting("verify_value", EBadValue=LabelValueMismatch):
        verify_label_value(value, *opened)
