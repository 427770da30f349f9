import pyhpke
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.refusals import refused
from walrusd.crypto import envelope
from walrusd.errors import DecryptionFailed, MalformedData

PRIVATE = b"\x07" * 32
PUBLIC = envelope.derive_public_key(PRIVATE)
KEY = bytes(range(32))
IDS = [bytes([i]) * 32 for i in range(5)]
INFO = envelope.dataset_key_info(*IDS[:3], 258, *IDS[3:])
SUITE = pyhpke.CipherSuite.new(
    pyhpke.KEMId.DHKEM_X25519_HKDF_SHA256, pyhpke.KDFId.HKDF_SHA256, pyhpke.AEADId.AES256_GCM
)
GOLDEN = (
    "01d75cd3331aff4ab5e8f2aaa7b57fa1e73ae9217105d132086b9e5b9f0a2b7a68f78792759da3f5"
    "0b84be0e424b779523e1158f1c2ea05c817ac0b3c4817abf7b9fe23a34ce68b515b296970db358ccf5"
)
LOW_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    b"\xec" + b"\xff" * 30 + b"\x7f",
]


@settings(max_examples=20)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_keys_arrive(key, info):
    sealed = envelope.seal_key(PUBLIC, key, info)
    assert len(sealed) == 81
    assert sealed[0] == 1
    assert envelope.open_key(PRIVATE, sealed, info) == key


def test_pyhpke_opens_ours():
    sealed = envelope.seal_key(PUBLIC, KEY, INFO)
    recipient = pyhpke.KEMKey.from_pyca_cryptography_key(
        X25519PrivateKey.from_private_bytes(PRIVATE)
    )
    context = SUITE.create_recipient_context(sealed[1:33], recipient, info=INFO)
    assert context.open(sealed[33:]) == KEY


def test_we_open_pyhpkes():
    recipient = pyhpke.KEMKey.from_pyca_cryptography_key(X25519PublicKey.from_public_bytes(PUBLIC))
    encapsulated, context = SUITE.create_sender_context(recipient, info=INFO)
    sealed = b"\x01" + encapsulated + context.seal(KEY)
    assert envelope.open_key(PRIVATE, sealed, INFO) == KEY


def test_other_recipients_and_purposes_do_not_open():
    sealed = envelope.seal_key(PUBLIC, KEY, INFO)
    for private, info in ((b"\x08" * 32, INFO), (PRIVATE, INFO + b"x"), (PRIVATE, b"")):
        with pytest.raises(DecryptionFailed):
            envelope.open_key(private, sealed, info)


def test_every_flipped_byte_is_found():
    sealed = envelope.seal_key(PUBLIC, KEY, INFO)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises((DecryptionFailed, MalformedData)):
            envelope.open_key(PRIVATE, bytes(changed), INFO)


@pytest.mark.parametrize("point", LOW_ORDER)
def test_encapsulated_key_of_low_order_is_refused(point):
    with pytest.raises(DecryptionFailed):
        envelope.open_key(PRIVATE, b"\x01" + point + bytes(48), INFO)


@pytest.mark.parametrize("raw", [b"", b"\x01", b"\x01" + bytes(79), b"\x01" + bytes(81)])
def test_lengths(raw):
    with pytest.raises(MalformedData):
        envelope.open_key(PRIVATE, raw, INFO)


@pytest.mark.parametrize("method", [0, 2, 16, 255])
def test_methods_not_in_use(method):
    with refused("envelope.malformed", "supported"):
        envelope.KeyEnvelope.decode(bytes([method]) + bytes(80))


def test_envelope_bytes():
    raw = envelope.seal_key(PUBLIC, KEY, INFO)
    assert envelope.KeyEnvelope.decode(raw).encode() == raw


@pytest.mark.parametrize("public", [*LOW_ORDER, b"", bytes(31), b"\x09" + bytes(32), b"\xff" * 32])
def test_unusable_public_keys(public):
    with pytest.raises(MalformedData):
        envelope.check_public_key(public)
    with pytest.raises(MalformedData):
        envelope.seal_key(public, KEY, INFO)


def test_usable_public_key():
    envelope.check_public_key(PUBLIC)
    with pytest.raises(ValueError, match="32 bytes"):
        envelope.seal_key(PUBLIC, KEY[:31], INFO)


def test_infos():
    assert (
        b"WALRUSD-V01-DATASET-KEY"
        + b"".join(IDS[:3])
        + b"\x02\x01" + bytes(6)
        + IDS[3] + IDS[4]
    ) == INFO  # fmt: skip
    with pytest.raises(ValueError, match="32 bytes"):
        envelope.dataset_key_info(b"", IDS[1], IDS[2], 258, *IDS[3:])


def test_old_envelope_still_opens():
    assert envelope.open_key(PRIVATE, bytes.fromhex(GOLDEN), INFO) == KEY
