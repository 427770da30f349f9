"""Keys and signatures against pysui's and known vectors."""

import base64
import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from pysui.sui.sui_crypto import SuiKeyPair, keypair_from_keystring

from walrusd.chain.send.signer import Signer
from walrusd.errors import ConfigError

seeds = st.binary(min_size=32, max_size=32)


@given(seeds, st.binary(max_size=200))
def test_signatures_equal_pysuis(seed, tx):
    pair = keypair_from_keystring(base64.b64encode(b"\0" + seed).decode())
    signer = Signer(seed)
    expected = base64.b64decode(pair.new_sign_secure(base64.b64encode(tx).decode()))
    signature = signer.sign_transaction(tx)
    assert signature == expected
    assert len(signature) == 97
    message = hashlib.blake2b(b"\0\0\0" + tx, digest_size=32).digest()
    key = Ed25519PublicKey.from_public_bytes(signature[65:])
    key.verify(signature[1:65], message)
    with pytest.raises(InvalidSignature):
        key.verify(signature[1:65], hashlib.blake2b(tx, digest_size=32).digest())


@given(seeds)
def test_wallet_strings_round_trip(seed):
    signer = Signer(seed)
    text = signer.to_bech32()
    assert text.startswith("suiprivkey1")
    assert Signer.from_bech32(text + "\n").address == signer.address
    assert SuiKeyPair.from_bech32(text).public_key.scheme_and_key()[1:] == signer.public_key


def test_the_address_is_the_hash_of_flag_and_key():
    signer = Signer(bytes(range(32)))
    assert signer.address == "0x160179a1565ea7cff27ead23f54cc7f50893bf58155cd7285156e57afa31c3ac"


def test_bad_keys_are_refused_and_never_repeated():
    text = Signer(bytes(32)).to_bech32()
    damaged = text[:-1] + ("q" if text[-1] != "q" else "p")
    for bad in (damaged, "secret-passphrase", text.replace("sui", "abc")):
        with pytest.raises(ConfigError) as caught:
            Signer.from_bech32(bad)
        assert bad not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
    with pytest.raises(ConfigError):
        Signer(b"short")


def test_a_signer_shows_only_its_address():
    seed = bytes(range(32))
    assert repr(Signer(seed)) == f"Signer({Signer(seed).address})"
