"""Openings and envelopes of people in tests: made once for the same parties, always the same."""

import hashlib
from functools import cache
from unittest.mock import patch

from walrusd.crypto.envelopes import schnorr
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.envelopes.openings import OpeningSecret, prove_opening_key
from walrusd.crypto.envelopes.recipients import Recipient
from walrusd.crypto.envelopes.sealing import seal
from walrusd.crypto.pedersen.g1 import Q


def _fixed_salt(count):
    return bytes(count)


def _secret_of(context):
    scalar = int.from_bytes(hashlib.sha256(b"opening" + context).digest(), "big") % Q
    return OpeningSecret(context, scalar)


@cache
def make_opening(context):
    """Return ``p2, challenge, answer`` of the attempt with this context digest."""
    secret = _secret_of(context)
    with patch.object(schnorr.secrets, "token_bytes", _fixed_salt):
        proof = prove_opening_key(secret)
    return secret.describe().p2, proof.challenge, proof.answer


@cache
def _value_of(context, label):
    return _secret_of(context).compute_value(label)


@cache
def make_envelope(context, label, recipient_context, pk1, pk2, sender):
    """Return ``r, c, challenge, answer`` of an envelope that ``sender``, 32 bytes, posts."""
    recipient = Recipient(recipient_context, pk1, pk2)
    with patch.object(schnorr.secrets, "token_bytes", _fixed_salt):
        envelope = seal(_value_of(context, Label(label)), recipient, sender)
    return envelope.r, envelope.c, envelope.proof.challenge, envelope.proof.answer
