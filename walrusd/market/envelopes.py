"""Sealing an opening's keys to seats, jurors and publishers, in envelopes that the contract checks.

Whoever holds the value of a label can make one for anybody: its recipient's public keys are on
chain. Making one takes milliseconds of group arithmetic.
"""

from walrusd.chain.calls.delivery import Sealed
from walrusd.chain.calls.node import ProvenKeys
from walrusd.chain.calls.reads import SeatId
from walrusd.chain.layouts import events as ev
from walrusd.core.secrets import derive_recipient_secret
from walrusd.crypto.envelopes.contexts import Label, PublisherContext, SeatContext
from walrusd.crypto.envelopes.openings import LabelValue, OpeningKey, verify_label_value
from walrusd.crypto.envelopes.recipients import Recipient, prove_recipient
from walrusd.crypto.envelopes.sealing import seal
from walrusd.crypto.keystore import KeyBundle
from walrusd.engine.tools import Tools
from walrusd.errors import ObjectNotFound
from walrusd.market.case import Case
from walrusd.market.keys import Place, make_publisher_context, make_seat_context
from walrusd.units import address_bytes


def prove_own_keys(keys: KeyBundle, context: SeatContext | PublisherContext) -> ProvenKeys:
    """Return our public keys for a seat or a publication, with the proof that they are ours.

    The same keystore has the same keys for the same context, so none are stored.
    """
    digest = context.digest()
    secret = derive_recipient_secret(keys, digest)
    public, proof = secret.describe(digest), prove_recipient(secret, digest)
    return ProvenKeys(public.pk1, public.pk2, proof.challenge, proof.answer)


async def find_recipient(tools: Tools, case: Case, place: Place) -> Recipient:
    """Return the public keys of a seat or juror, which the contract checked at its registration.

    Raises:
        ObjectNotFound: if neither the events nor the verifier's capabilities have them.
    """
    context = make_seat_context(case, place).digest()
    seat = SeatId(case.submission.pool, place.pool_index, place.generation)
    for logged in tools.chain_log.events_by("SeatRegistered", place.verifier):
        event = ev.SeatRegistered.from_bcs(logged.body)
        if SeatId(event.pool, event.index, event.generation) == seat:
            return Recipient(context, event.pk1, event.pk2)
    # The log may not go back so far; a verifier may also have given its capability away.
    found = await tools.contract.find_cap(place.verifier, seat)
    if found is None:
        raise ObjectNotFound(
            f"the keys of seat {seat.index} of pool {seat.pool} are not known here",
            hint="wait until walrusd has read the chain's events",
        )
    return Recipient(context, found[1].pk1, found[1].pk2)


def get_publisher(case: Case) -> Recipient:
    """Return the public keys of a task's publisher, which the contract checked at its opening."""
    context, task = make_publisher_context(case).digest(), case.task
    return Recipient(context, task.publisher_pk1, task.publisher_pk2)


def seal_value(tools: Tools, value: LabelValue, recipient: Recipient) -> Sealed:
    """Return the value of a label sealed to a recipient, as we send it."""
    envelope = seal(value, recipient, address_bytes(tools.address))
    return Sealed(envelope.r, envelope.c, envelope.proof.challenge, envelope.proof.answer)


def read_update_value(case: Case, value: bytes) -> LabelValue:
    """Return the value of the update that a manifest hands to the seats.

    Raises:
        MalformedPoint, LabelValueMismatch: if it is not the one that the opening fixes.
    """
    assert case.submission.opening is not None
    opening = OpeningKey(case.opening_context.digest(), case.submission.opening.p2)
    return verify_label_value(value, Label.UPDATE, opening)


async def deliver_to_place(tools: Tools, case: Case, number: int, value: LabelValue) -> None:
    """Send a place of the committee its envelope. Errors as ``find_recipient`` and ``deliver``."""
    place, submission = case.submission.committee[number], case.submission
    recipient = await find_recipient(tools, case, place)
    await tools.contract.deliver(
        case.task.id,
        submission.id,
        place=number,
        pk1=recipient.pk1,
        pk2=recipient.pk2,
        sealed=seal_value(tools, value, recipient),
        once=f"deliver:{submission.id}:{submission.attempt}:{number}:{place.slot}",
    )


async def deliver_to_juror(tools: Tools, case: Case, number: int, value: LabelValue) -> None:
    """Send a juror its envelope. Errors as ``find_recipient`` and ``deliver_juror``."""
    submission = case.submission
    assert submission.dispute is not None
    recipient = await find_recipient(tools, case, submission.dispute.jurors[number])
    await tools.contract.deliver_juror(
        case.task.id,
        submission.id,
        juror=number,
        pk1=recipient.pk1,
        pk2=recipient.pk2,
        sealed=seal_value(tools, value, recipient),
        case=submission.dispute.challenge,
    )


async def deliver_update(tools: Tools, case: Case, value: LabelValue) -> None:
    """Send the publisher the envelope of the update. Errors as the contract's call."""
    sealed = seal_value(tools, value, get_publisher(case))
    await tools.contract.deliver_update(case.task.id, case.submission.id, sealed)
