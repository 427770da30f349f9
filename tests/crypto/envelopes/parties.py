"""Parties, secrets and contexts that the tests of envelopes share. All secrets are public."""

import hashlib
from dataclasses import dataclass
from unittest import mock

from walrusd.crypto.envelopes.contexts import Label, OpeningContext, PublisherContext, SeatContext
from walrusd.crypto.envelopes.openings import OpeningSecret, prove_opening_key
from walrusd.crypto.envelopes.recipients import Recipient, RecipientSecret, prove_recipient
from walrusd.crypto.envelopes.schnorr import SchnorrProof
from walrusd.crypto.pedersen.g1 import Q


def identify(name: str) -> bytes:
    """Return 32 bytes that stand for ``name``."""
    return hashlib.sha256(name.encode()).digest()


def choose_scalar(name: str) -> int:
    """Return a scalar that stands for ``name``."""
    return int.from_bytes(identify(name) + identify(f"{name}!"), "big") % (Q - 1) + 1


def fixed_entropy():
    """Return a context in which proofs and envelopes come out the same every time."""
    return mock.patch(
        "walrusd.crypto.envelopes.schnorr.secrets.token_bytes", return_value=bytes(32)
    )


PLACE = [identify(name) for name in ("chain", "package", "market")]
POOL = identify("pool")
CONTRIBUTOR = identify("contributor")
STRANGER = identify("stranger")

SEATS = [SeatContext(*PLACE, POOL, i, 3 - i, identify(f"owner {i}")) for i in range(3)]
PUBLISHER = PublisherContext(*PLACE, identify("publisher"))
OPENING = OpeningContext(
    *PLACE, POOL, identify("task"), identify("submission"), CONTRIBUTOR, attempt=1
)


@dataclass(frozen=True)
class Party:
    """A recipient with its secret and proof of possession."""

    secret: RecipientSecret
    recipient: Recipient
    proof: SchnorrProof


def make_party(name: str, context: SeatContext | PublisherContext) -> Party:
    """Return the party with the secret that stands for ``name``."""
    secret, digest = RecipientSecret(choose_scalar(name)), context.digest()
    return Party(secret, secret.describe(digest), prove_recipient(secret, digest))


with fixed_entropy():
    ALICE, BOB, CAROL = (make_party(f"seat {i}", seat) for i, seat in enumerate(SEATS))
    PAUL = make_party("publisher", PUBLISHER)
    SECRET = OpeningSecret(OPENING.digest(), choose_scalar("opening"))
    OPENED = SECRET.describe()
    OPENED_PROOF = prove_opening_key(SECRET)
VALUES = {label: SECRET.compute_value(label) for label in Label}
