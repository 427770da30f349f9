from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.refusals import refused
from walrusd.crypto import keystore
from walrusd.crypto.cbor import encode_canonical
from walrusd.crypto.keystore import (
    KeyBundle,
    PassphraseKek,
    RawKek,
    open_keystore,
    seal_keystore,
)
from walrusd.errors import KeystoreLocked, MalformedData

RAW = RawKek(b"k" * 32)
PASSPHRASE = PassphraseKek(b"correct horse", memory_kib=64, iterations=1)
BUNDLE = KeyBundle(
    b"SUISEED!" * 4, b"X25519!!" * 4, b"CONTRIB!" * 4, {"cifar": b"DATASET!" * 4}, ((7919, 7927),)
)
keys = st.binary(min_size=32, max_size=32)
bundles = st.builds(
    KeyBundle,
    keys,
    keys,
    keys,
    st.dictionaries(st.text(max_size=40), keys, max_size=4),
    st.lists(st.tuples(st.integers(2, 2**1536), st.integers(2, 2**1536)), max_size=2).map(tuple),
)


@settings(max_examples=25)
@given(bundles)
def test_bundles_survive(bundle):
    assert open_keystore(seal_keystore(bundle, RAW), RAW) == bundle


def test_passphrase():
    sealed = seal_keystore(BUNDLE, PASSPHRASE)
    assert open_keystore(sealed, PassphraseKek(b"correct horse")) == BUNDLE
    with refused("keys.locked", "decrypted"):
        open_keystore(sealed, PassphraseKek(b"wrong horse"))


def test_wrong_key_or_kind():
    sealed = seal_keystore(BUNDLE, RAW)
    with refused("keys.locked", "decrypted"):
        open_keystore(sealed, RawKek(b"j" * 32))
    with refused("keys.locked", "file") as caught:
        open_keystore(sealed, PASSPHRASE)
    assert "key file" in caught.value.hint
    with refused("keys.locked", "passphrase") as caught:
        open_keystore(seal_keystore(BUNDLE, PASSPHRASE), RAW)
    assert "passphrase" in caught.value.hint
    with refused("keys.locked", "32"):
        RawKek(b"k" * 33)


def test_every_flipped_byte_is_found():
    sealed = seal_keystore(BUNDLE, RAW)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises((KeystoreLocked, MalformedData)):
            open_keystore(bytes(changed), RAW)


def test_every_shorter_file_is_refused():
    sealed = seal_keystore(BUNDLE, RAW)
    for length in range(len(sealed)):
        with pytest.raises((KeystoreLocked, MalformedData)):
            open_keystore(sealed[:length], RAW)


@pytest.mark.parametrize(
    "costs", [[1 << 40, 1, 1], [64, 1 << 20, 1], [64, 1, 99], [64, 0, 1], [1, 1, 1], [64, 1], 5]
)
def test_forged_costs_are_refused_before_they_are_paid(costs):
    header = encode_canonical({"salt": bytes(32), "argon2id": costs})
    data = b"WALRUSDK\x01\x02" + len(header).to_bytes(2, "little") + header + bytes(60)
    with refused("data.malformed", "cost"):
        open_keystore(data, PASSPHRASE)


@pytest.mark.parametrize(
    "header", [{}, [], {"salt": bytes(31)}, {"salt": "x" * 32}, {"salt": bytes(32), "more": 1}]
)
def test_odd_headers_are_refused(header):
    raw = encode_canonical(header)
    data = b"WALRUSDK\x01\x01" + len(raw).to_bytes(2, "little") + raw + bytes(60)
    with pytest.raises(MalformedData):
        open_keystore(data, RAW)


def test_same_bundle_never_seals_alike():
    assert seal_keystore(BUNDLE, RAW)[:-16] != seal_keystore(BUNDLE, RAW)[:-16]


def test_secrets_do_not_show():
    sealed = seal_keystore(BUNDLE, RAW)
    shown = " ".join(
        [repr(BUNDLE), str(BUNDLE), f"{BUNDLE}", repr(RAW), repr(PASSPHRASE), repr([BUNDLE])]
    )
    for secret in ("SUISEED", "X25519!!", "CONTRIB", "DATASET!", "kkk", "horse", "7919", "7927"):
        assert secret not in shown
        assert secret.encode() not in sealed
    assert "dataset_keys=1" in repr(BUNDLE)


def test_errors_do_not_carry_secrets():
    plaintext = encode_canonical({"sui_seed": b"SUISEED!" * 4})
    with pytest.raises(MalformedData) as caught:
        keystore._decode_bundle(plaintext)
    assert caught.value.__suppress_context__
    assert "SUISEED" not in str(caught.value)


def test_short_keys_are_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        replace(BUNDLE, dataset_keys={"short": b""})


def test_generated_bundles_differ():
    made = [KeyBundle.generate() for _ in range(2)]
    secrets = {key for b in made for key in (b.sui_seed, b.encryption_key, b.contributor_secret)}
    assert len(secrets) == 6


def test_default_costs():
    assert (PassphraseKek(b"").memory_kib, PassphraseKek(b"").iterations) == (256 * 1024, 3)
