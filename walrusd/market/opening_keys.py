"""The keys of openings: finding the one that was sent to us, and sending ours to others."""

from walrusd.chain.layouts import events as ev
from walrusd.crypto.envelope import (
    check_public_key,
    derive_public_key,
    open_key,
    opening_key_info,
    seal_key,
)
from walrusd.crypto.stream import verify_key_check
from walrusd.engine.tools import Tools
from walrusd.errors import DecryptionFailed, MalformedData, SeatKeyLost, VerificationFailed
from walrusd.market.case import Case
from walrusd.market.secrets import derive_opening_key
from walrusd.units import address_bytes

UNUSABLE_ENVELOPE = b"\x00"
"""The envelope for a seat with an unusable encryption key: no method has the number 0."""


def make_envelope(case: Case, recipient: str, public_key: bytes, key: bytes) -> bytes:
    """Encrypt an opening's key to a recipient.

    Raises:
        MalformedData: if the recipient's encryption key is unusable.
    """
    return seal_key(public_key, key, _info(case, recipient))


def make_seat_envelope(case: Case, recipient: str, public_key: bytes, key: bytes) -> bytes:
    """Encrypt an opening's key to a seat; a seat with an unusable key gets an unusable envelope.

    The contract cannot tell good keys from bad ones. If we did not open because of one bad key, we
    would lose our stake for a stranger's mistake.
    """
    try:
        check_public_key(public_key)
    except MalformedData:
        return UNUSABLE_ENVELOPE
    return make_envelope(case, recipient, public_key, key)


def _info(case: Case, recipient: str) -> bytes:
    return opening_key_info(
        case.market.chain_id,
        address_bytes(case.market.package),
        address_bytes(case.submission.id),
        address_bytes(recipient),
    )


def find_shared_envelopes(tools: Tools, submission: str, recipient: str) -> dict[str, bytes]:
    """Return the newest envelope that each sender posted for a recipient after the opening."""
    found = [
        ev.KeyResealed.from_bcs(logged.body)
        for logged in tools.chain_log.events("KeyResealed", submission)
    ]
    return {event.sender: event.envelope for event in found if event.recipient == recipient}


def find_opening_key(tools: Tools, case: Case) -> bytes | None:
    """Return the key of a submission's opening, or None if no one has sent it to us.

    Any party may post envelopes, including useless ones, so each is tried until a key has the
    check value on the chain.
    """
    submission, me = case.submission, tools.address
    if submission.opening is None:
        return None
    if submission.contributor == me:
        return derive_opening_key(tools.keys, address_bytes(submission.id))
    seats = zip(submission.committee, submission.opening.envelopes, strict=False)
    envelopes = [envelope for seat, envelope in seats if seat.verifier == me]
    for envelope in [*envelopes, *find_shared_envelopes(tools, submission.id, me).values()]:
        key = _try_envelope(tools, case, envelope)
        if key is not None:
            return key
    return None


def _try_envelope(tools: Tools, case: Case, envelope: bytes) -> bytes | None:
    assert case.submission.opening is not None
    try:
        key = open_key(tools.keys.encryption_key, envelope, _info(case, tools.address))
        name = address_bytes(case.submission.id)
        verify_key_check(key, name, case.submission.opening.key_check)
    except (DecryptionFailed, MalformedData, VerificationFailed):
        return None
    return key


async def share_opening_key(
    tools: Tools, case: Case, recipient: str, public_key: bytes, key: bytes
) -> None:
    """Re-encrypt an opening's key to one more recipient, unless we have done so.

    Envelopes that others posted do not count: they may be garbage, and we cannot tell.

    Raises:
        MalformedData: if the recipient's encryption key is unusable.
    """
    if tools.address in find_shared_envelopes(tools, case.submission.id, recipient):
        return
    envelope = make_envelope(case, recipient, public_key, key)
    await tools.contract.reseal(case.submission.id, recipient, envelope)


def check_seat_key(tools: Tools, registered: bytes) -> None:
    """Check that our keystore can open the envelopes for our seat.

    Raises:
        SeatKeyLost: if another keystore registered the seat.
    """
    if derive_public_key(tools.keys.encryption_key) != registered:
        raise SeatKeyLost("the keystore does not hold the key of our seat")
