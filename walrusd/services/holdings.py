"""Openings that we hold the key of, however it reached us, and passing the key on."""

from walrusd.chain.layouts import events as ev
from walrusd.crypto.envelope import open_key, opening_key_info, seal_key
from walrusd.services.derive import derive_opening_key
from walrusd.services.facts import Case
from walrusd.services.tools import Tools
from walrusd.units import address_bytes


def _info(case: Case, recipient: str) -> bytes:
    return opening_key_info(
        case.market.chain_id,
        address_bytes(case.market.package),
        address_bytes(case.submission.id),
        address_bytes(recipient),
    )


def resealed_to(tools: Tools, submission: str, recipient: str) -> list[ev.KeyResealed]:
    """Return the envelopes posted for a recipient after the opening, oldest first."""
    found = [
        ev.KeyResealed.from_bcs(logged.body)
        for logged in tools.chain_log.events("KeyResealed", submission)
    ]
    return [event for event in found if event.recipient == recipient]


def find_opening_key(tools: Tools, case: Case) -> bytes | None:
    """Return the key of a submission's opening, or None if nobody has sealed it to us.

    Raises:
        DecryptionFailed, MalformedData: if the envelope for our seat does not open.
    """
    submission = case.submission
    if submission.opening is None:
        return None
    if submission.contributor == tools.address:
        return derive_opening_key(tools.keys, address_bytes(submission.id))
    seat = case.seat_of(tools.address)
    if seat is not None:
        envelope = submission.opening.envelopes[seat]
    else:
        posted = resealed_to(tools, submission.id, tools.address)
        if not posted:
            return None
        # The last one: an earlier envelope may have been posted by somebody to annoy us.
        envelope = posted[-1].envelope
    return open_key(tools.keys.encryption_key, envelope, _info(case, tools.address))


async def reseal_to(
    tools: Tools, case: Case, recipient: str, public_key: bytes, key: bytes
) -> None:
    """Seal an opening's key to one more recipient, unless somebody has done so."""
    if resealed_to(tools, case.submission.id, recipient):
        return
    envelope = seal_key(public_key, key, _info(case, recipient))
    await tools.contract.reseal(case.submission.id, recipient, envelope)
