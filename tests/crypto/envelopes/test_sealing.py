"""Sealing, unsealing and sealing again, and what must never be possible."""

import dataclasses
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.crypto.envelopes.parties import (
    ALICE,
    BOB,
    CAROL,
    CONTRIBUTOR,
    OPENED,
    OPENED_PROOF,
    OPENING,
    PAUL,
    PUBLISHER,
    SEATS,
    SECRET,
    STRANGER,
    VALUES,
    choose_scalar,
    fixed_entropy,
    identify,
)
from tests.support.refusals import refused
from walrusd.crypto.envelopes.contexts import Label, OpeningContext, SeatContext, encode_bytes
from walrusd.crypto.envelopes.groups import G2, decode_g2, encode_g2, multiply_g2, pairs_cancel
from walrusd.crypto.envelopes.openings import (
    LabelValue,
    OpeningKey,
    OpeningSecret,
    compute_label_point,
    prove_opening_key,
    verify_label_value,
    verify_opening_key,
)
from walrusd.crypto.envelopes.recipients import RecipientSecret, prove_recipient, verify_recipient
from walrusd.crypto.envelopes.schnorr import SchnorrProof
from walrusd.crypto.envelopes.sealing import ENVELOPE_BYTES, Envelope, seal, unseal, verify_envelope
from walrusd.crypto.pedersen.g1 import G, Q, decode_point, encode_point, multiply
from walrusd.crypto.tags import Tag, u64
from walrusd.errors import MalformedData, VerificationFailed

SCALARS = st.integers(1, Q - 1)
LABELS = st.sampled_from(Label)
WORK, UPDATE = Label.WORK, Label.UPDATE


@settings(max_examples=10)
@given(SCALARS, SCALARS, SCALARS, LABELS, st.integers(0, 2**64 - 1))
def test_a_value_goes_from_hand_to_hand(s, first, second, label, attempt):
    context = dataclasses.replace(OPENING, attempt=attempt).digest()
    secret = OpeningSecret(context, s)
    opening = verify_opening_key(context, secret.describe().p2, prove_opening_key(secret))
    value = secret.compute_value(label)
    keys = [RecipientSecret(first), RecipientSecret(second)]
    for key, sender, seat in zip(keys, (CONTRIBUTOR, SEATS[0].owner), SEATS, strict=False):
        place = seat.digest()
        shown = key.describe(place)
        recipient = verify_recipient(place, shown.pk1, shown.pk2, prove_recipient(key, place))
        sent = Envelope.decode(seal(value, recipient, sender).encode())
        verify_envelope(sent, label, opening, recipient, sender)
        found = unseal(sent, key, label, opening)
        assert found == value
        assert found.derive_key() == value.derive_key()
        value = found  # the next one gets it from this recipient


def test_a_seat_learns_the_other_label_only_when_it_is_told():
    told = VALUES[UPDATE].value
    assert verify_label_value(told, UPDATE, OPENED) == VALUES[UPDATE]
    with refused("envelope.value"):
        verify_label_value(VALUES[WORK].value, UPDATE, OPENED)


def test_keys_differ_by_label_attempt_and_secret():
    again = dataclasses.replace(OPENING, attempt=2).digest()
    keys = {
        secret.compute_value(label).derive_key()
        for label in Label
        for secret in (
            SECRET,
            OpeningSecret(again, SECRET.scalar),
            OpeningSecret(OPENED.context, choose_scalar("another")),
        )
    }
    assert len(keys) == 6
    assert all(len(key) == 32 for key in keys)


def test_only_the_recipient_unseals():
    sent = seal(VALUES[WORK], ALICE.recipient, CONTRIBUTOR)
    assert unseal(sent, ALICE.secret, WORK, OPENED) == VALUES[WORK]
    for other in (BOB, CAROL, PAUL):
        with refused("envelope.value"):
            unseal(sent, other.secret, WORK, OPENED)
    with refused("envelope.value"):
        unseal(sent, ALICE.secret, UPDATE, OPENED)


def test_what_is_not_the_value_is_not_unsealed():
    other = OpeningSecret(OPENED.context, choose_scalar("another")).compute_value(WORK)
    sent = seal(other, ALICE.recipient, CONTRIBUTOR)
    with refused("envelope.mismatch"):
        verify_envelope(sent, WORK, OPENED, ALICE.recipient, CONTRIBUTOR)
    with refused("envelope.value"):
        unseal(sent, ALICE.secret, WORK, OPENED)


@pytest.mark.parametrize("at", range(0, ENVELOPE_BYTES, 7))
def test_every_byte_of_an_envelope_counts(at):
    with fixed_entropy():
        raw = bytearray(seal(VALUES[WORK], ALICE.recipient, CONTRIBUTOR).encode())
    raw[at] ^= 1
    with pytest.raises((MalformedData, VerificationFailed)):
        verify_envelope(Envelope.decode(bytes(raw)), WORK, OPENED, ALICE.recipient, CONTRIBUTOR)


def test_envelopes_and_proofs_have_one_length():
    raw = seal(VALUES[WORK], ALICE.recipient, CONTRIBUTOR).encode()
    assert len(raw) == ENVELOPE_BYTES == 160
    for wrong in (raw[:-1], raw + b"\0", b""):
        with refused("envelope.malformed"):
            Envelope.decode(wrong)
    proof = OPENED_PROOF.encode()
    assert SchnorrProof.decode(proof) == OPENED_PROOF
    for wrong in (proof[:-1], proof + b"\0", b"", b"\xff" * 64, bytes(32) + Q.to_bytes(32, "big")):
        with refused("data.scalar"):
            SchnorrProof.decode(wrong)


def test_no_envelope_has_the_randomness_of_another():
    """Even from a random generator that always gives the same."""
    with fixed_entropy():
        sent = [
            seal(value, party.recipient, sender)
            for value in VALUES.values()
            for party in (ALICE, BOB, PAUL)
            for sender in (CONTRIBUTOR, STRANGER)
        ]
        again = seal(VALUES[WORK], ALICE.recipient, CONTRIBUTOR)
    assert len({envelope.r for envelope in sent}) == len(sent)
    # The same envelope once more gives nothing away.
    assert again == sent[0]
    assert seal(VALUES[WORK], ALICE.recipient, CONTRIBUTOR).r != again.r


def test_a_nonce_never_serves_two_statements():
    """Two proofs of one secret with one nonce would give it away: ``x = (z − z')/(e − e')``."""
    with fixed_entropy():
        contexts = [seat.digest() for seat in SEATS]
        proofs = [prove_recipient(ALICE.secret, context) for context in contexts]
        again = prove_recipient(ALICE.secret, contexts[0])
    nonces = {
        (int.from_bytes(p.answer, "big") - int.from_bytes(p.challenge, "big") * ALICE.secret.scalar)
        % Q
        for p in proofs
    }
    assert len(nonces) == len(proofs)
    assert again == proofs[0]
    assert prove_recipient(ALICE.secret, contexts[0]) != again


def test_a_nonce_depends_on_the_random_generator_and_on_the_secret():
    found = set()
    for entropy in (bytes(32), b"\x01" * 32):
        target = "walrusd.crypto.envelopes.schnorr.secrets.token_bytes"
        with mock.patch(target, return_value=entropy):
            for party in (ALICE, BOB):
                found.add(prove_recipient(party.secret, SEATS[0].digest()).challenge)
    assert len(found) == 4


def test_one_r_for_two_labels_would_give_the_other_label_away():
    """Why ``seal`` draws it: whoever reads one of two such envelopes computes both values."""
    r = choose_scalar("r")
    mask = multiply(decode_point(ALICE.recipient.pk1), r)
    first, second = (decode_point(VALUES[label].value) + mask for label in Label)
    leaked = decode_point(VALUES[WORK].value) - (first - second)
    assert encode_point(leaked) == VALUES[UPDATE].value


def test_one_point_for_all_openings_would_let_a_stranger_steal_the_value():
    """Why a label's point has the whole context: a seat would open the stranger's envelope."""
    point = compute_label_point(OPENED.context, WORK)
    r, t = choose_scalar("r"), choose_scalar("t")
    mask, masks = multiply(decode_point(ALICE.recipient.pk1), r), multiply(G, r)
    copied = decode_point(VALUES[WORK].value) + mask + multiply(point, t)
    shifted = decode_g2(OPENED.p2) + multiply_g2(G2, t)
    pairs = [(copied, G2), (-masks, decode_g2(ALICE.recipient.pk2))]
    assert pairs_cancel([*pairs, (-point, shifted)])
    opened = copied - multiply(masks, ALICE.secret.scalar)
    assert encode_point(opened - multiply(point, t)) == VALUES[WORK].value

    strangers = dataclasses.replace(OPENING, submission=identify("m"), contributor=STRANGER)
    other = compute_label_point(strangers.digest(), WORK)
    assert not pairs_cancel([*pairs, (-other, shifted)])
    # And the stranger could not have opened with this point, as it does not know ``s + t``.
    for secret in (t, choose_scalar("guess")):
        proof = prove_opening_key(OpeningSecret(strangers.digest(), secret))
        with refused("envelope.proof"):
            verify_opening_key(strangers.digest(), encode_g2(shifted), proof)


def test_secrets_are_not_shown():
    shown = f"{ALICE.secret!r} {SECRET!r} {VALUES[WORK]!r}"
    assert str(ALICE.secret.scalar) not in shown
    assert str(SECRET.scalar) not in shown
    assert str(VALUES[WORK].value) not in shown
    assert isinstance(VALUES[WORK], LabelValue)


@pytest.mark.parametrize("scalar", [0, Q, -1])
def test_secrets_are_scalars_other_than_zero(scalar):
    with pytest.raises(ValueError, match="secret scalar"):
        RecipientSecret(scalar)
    with pytest.raises(ValueError, match="secret scalar"):
        OpeningSecret(OPENED.context, scalar)


def test_the_sender_is_an_address():
    with pytest.raises(ValueError, match="32 bytes"):
        seal(VALUES[WORK], ALICE.recipient, CONTRIBUTOR[1:])


def test_contexts_take_what_the_contract_has():
    with pytest.raises(ValueError, match="chain_id"):
        dataclasses.replace(OPENING, chain_id=b"")
    with pytest.raises(ValueError, match="owner"):
        dataclasses.replace(PUBLISHER, owner=bytes(33))
    for wrong in (-1, 1 << 64):
        with pytest.raises(ValueError, match="u64"):
            dataclasses.replace(SEATS[0], generation=wrong)
        with pytest.raises(ValueError, match="u64"):
            dataclasses.replace(OPENING, attempt=wrong)
    assert encode_bytes(bytes(127)) == b"\x7f" + bytes(127)
    assert encode_bytes(bytes(300)) == b"\xac\x02" + bytes(300)


def test_contexts_of_different_kinds_never_meet():
    """Each preimage begins with the length of its tag, and the tag."""
    one = bytes(32)
    seat = SeatContext(one, one, one, one, 0, 0, one)
    opening = OpeningContext(one, one, one, one, one, one, one, 0)
    assert len({seat.digest(), opening.digest(), OPENED.context}) == 3
    assert Tag.SEAT_CONTEXT.prefix == b"\x18WALRUSD-V02-SEAT-CONTEXT"
    assert u64(1) == b"\x01" + bytes(7)


def test_an_opening_key_stands_for_one_attempt():
    again = dataclasses.replace(OPENING, attempt=2).digest()
    with refused("envelope.proof"):
        verify_opening_key(again, OPENED.p2, OPENED_PROOF)
    sent = seal(VALUES[WORK], ALICE.recipient, CONTRIBUTOR)
    with refused("envelope.mismatch"):
        verify_envelope(sent, WORK, OpeningKey(again, OPENED.p2), ALICE.recipient, CONTRIBUTOR)
