"""Secrets that can be derived again after a crash: one for each purpose and each context."""

from dataclasses import replace

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from walrusd.core.secrets import (
    derive_abstention,
    derive_cost_blinding,
    derive_cost_key,
    derive_dataset_key,
    derive_jury_salt,
    derive_opening_secret,
    derive_paillier_seed,
    derive_recipient_secret,
)
from walrusd.crypto.keystore import KeyBundle
from walrusd.crypto.pedersen.g1 import Q

KEYS = KeyBundle(b"a" * 32, b"b" * 32, b"c" * 32)
HERE, THERE = bytes(32), bytes(31) + b"\x01"
DERIVED = (
    derive_cost_key,
    derive_jury_salt,
    derive_paillier_seed,
    derive_dataset_key,
)


def derive_all(keys):
    secrets = [derive(keys, context) for derive in DERIVED for context in (HERE, THERE)]
    for context in (HERE, THERE):
        secrets += derive_abstention(keys, context)
        secrets += [derive_cost_blinding(keys, context, cost).to_bytes(32) for cost in (0, 1)]
        secrets.append(derive_recipient_secret(keys, context).scalar.to_bytes(32))
        secrets.append(derive_opening_secret(keys, context).scalar.to_bytes(32))
    return secrets


def test_every_secret_is_another_and_the_same_each_time():
    mine = derive_all(KEYS)
    assert derive_all(KEYS) == mine
    others = derive_all(replace(KEYS, contributor_secret=bytes(32)))
    assert len({*mine, *others}) == len(mine) + len(others)
    assert {len(secret) for secret in mine} == {32}


def test_a_blinding_is_a_scalar_and_not_zero():
    for cost in range(20):
        assert 1 <= derive_cost_blinding(KEYS, HERE, cost) < Q


def test_what_an_abstention_stands_for_is_no_half_of_the_salt():
    chain, root = derive_abstention(KEYS, HERE)
    assert chain != root
    assert derive_jury_salt(KEYS, HERE) not in {chain, root}


def test_an_opening_secret_is_that_of_its_attempt():
    assert derive_opening_secret(KEYS, THERE).context == THERE


def test_the_scalars_of_envelopes_are_those_of_hkdf():
    """The reduction leaves no room for another one after a crash or in another version."""
    for derive, tag in (
        (derive_recipient_secret, b"WALRUSD-V02-RECIPIENT-SECRET"),
        (derive_opening_secret, b"WALRUSD-V02-OPENING-SCALAR"),
    ):
        raw = HKDF(SHA256(), 64, THERE, tag).derive(KEYS.contributor_secret)
        assert derive(KEYS, THERE).scalar == int.from_bytes(raw, "big") % (Q - 1) + 1
