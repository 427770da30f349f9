"""Secrets derived from the keystore's contributor seed with HKDF, the same at every retry.

Nothing has to be saved before it is used, and a crash between two steps cannot leave a commitment
whose opening is lost.
"""

from walrusd.crypto.envelopes.openings import OpeningSecret
from walrusd.crypto.envelopes.recipients import RecipientSecret
from walrusd.crypto.kdf import derive_key
from walrusd.crypto.keystore import KeyBundle
from walrusd.crypto.pedersen.g1 import Q
from walrusd.crypto.tags import Tag


def derive_cost_blinding(keys: KeyBundle, submission: bytes, cost: int) -> int:
    """Return the blinding of the cost commitment, a scalar from 1 to ``Q - 1``."""
    raw = derive_key(
        keys.contributor_secret,
        submission,
        Tag.COST_BLINDING.text + cost.to_bytes(8, "little"),
        64,
    )
    return int.from_bytes(raw, "big") % (Q - 1) + 1


def derive_cost_key(keys: KeyBundle, submission: bytes) -> bytes:
    """Return the AES key of the cost section."""
    return derive_key(keys.contributor_secret, submission, Tag.COST_KEY.text)


def _derive_scalar(keys: KeyBundle, context: bytes, tag: Tag) -> int:
    raw = derive_key(keys.contributor_secret, context, tag.text, 64)
    return int.from_bytes(raw, "big") % (Q - 1) + 1


def derive_recipient_secret(keys: KeyBundle, context: bytes) -> RecipientSecret:
    """Return the secret that opens envelopes for the seat or publisher with this context digest.

    One for each context, not one for each daemon: a proof of possession stands for one context, and
    a seat of a later generation cannot read what was sealed to an earlier one by mistake. Nothing
    has to be stored, as the context is on chain.
    """
    return RecipientSecret(_derive_scalar(keys, context, Tag.RECIPIENT_SECRET))


def derive_opening_secret(keys: KeyBundle, context: bytes) -> OpeningSecret:
    """Return the secret scalar of the attempt with the context digest ``context``.

    Each attempt has another, so a key that leaked does not open what is uploaded again.
    """
    return OpeningSecret(context, _derive_scalar(keys, context, Tag.OPENING_SCALAR))


def derive_jury_salt(keys: KeyBundle, challenge: bytes) -> bytes:
    """Return the salt of our commitment in one challenge."""
    return derive_key(keys.contributor_secret, challenge, Tag.JURY_SALT.text)


def derive_abstention(keys: KeyBundle, challenge: bytes) -> tuple[bytes, bytes]:
    """Return the work chain and state root that stand for "no value" in one challenge.

    They are secret until revealed and differ between jurors, so abstentions are never a majority.
    """
    raw = derive_key(keys.contributor_secret, challenge, Tag.JURY_SALT.text + b"/abstain", 64)
    return raw[:32], raw[32:]


def derive_paillier_seed(keys: KeyBundle, key_id: bytes) -> bytes:
    """Return the seed of our task's Paillier key; its manifest carries ``key_id``."""
    return derive_key(keys.contributor_secret, key_id, Tag.PAILLIER_SECRET.text)


def derive_dataset_key(keys: KeyBundle, key_id: bytes) -> bytes:
    """Return the key of our dataset; its public description carries ``key_id``."""
    return derive_key(keys.contributor_secret, key_id, Tag.DATASET_SECRET.text)
