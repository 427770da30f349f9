import os
from io import BytesIO, RawIOBase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.crypto.tinkstream import Unclosable, make_primitive
from tests.support.refusals import refused
from walrusd.crypto import stream
from walrusd.crypto.kdf import KeyDeriver, derive_key
from walrusd.errors import DecryptionFailed

KEY = bytes(range(32))
AAD = b"some dataset"
GOLDEN = (
    "28a06d71c8987f8d184b07b04182def161d5707317e2919da1f0f4d8fea732ebe7140fac14806f55"
    "5c9395cdb94aea80e910406b4709e3b172bc7d8fa6b7"
)
GOLDEN_CHECK = "f71baf8d8b5a67e9ee47f51eab090ab3f7f72520cfb0eab6714be8a712c9b942"
SEGMENT = 1 << 20
FIRST, REST = SEGMENT - 56, SEGMENT - 16
BOUNDARIES = [0, 1, 100, FIRST - 1, FIRST, FIRST + 1, FIRST + REST, FIRST + REST + 1]
LONG = os.urandom(FIRST + 2 * REST + 5)
SEALED = stream.encrypt_bytes(LONG, KEY, AAD)


@pytest.fixture(scope="module")
def tink_primitive():
    return make_primitive(KEY)


@pytest.mark.parametrize("size", BOUNDARIES)
def test_tink_reads_ours_and_we_read_tinks(tink_primitive, size):
    plaintext = LONG[:size]
    ours = stream.encrypt_bytes(plaintext, KEY, AAD)
    assert len(ours) == stream.compute_ciphertext_size(size)
    with tink_primitive.new_decrypting_stream(Unclosable(ours), AAD) as reader:
        assert reader.read() == plaintext
    theirs = Unclosable()
    with tink_primitive.new_encrypting_stream(theirs, AAD) as writer:
        writer.write(plaintext)
    assert len(theirs.getvalue()) == len(ours)
    assert stream.decrypt_bytes(theirs.getvalue(), KEY, AAD) == plaintext


DAMAGED = {
    "empty": b"",
    "half a header": SEALED[:20],
    "header alone": SEALED[:40],
    "a byte short": SEALED[:-1],
    "cut between segments": SEALED[: 2 * SEGMENT],
    "segments swapped": SEALED[:SEGMENT]
    + SEALED[2 * SEGMENT : 3 * SEGMENT]
    + SEALED[SEGMENT : 2 * SEGMENT]
    + SEALED[3 * SEGMENT :],
    "segment repeated": SEALED[: 2 * SEGMENT] + SEALED[SEGMENT:],
    "segment dropped": SEALED[:SEGMENT] + SEALED[2 * SEGMENT :],
    "byte appended": SEALED + b"x",
    "last segment appended": SEALED + SEALED[3 * SEGMENT :],
    "first byte": b"\x27" + SEALED[1:],
    "salt": SEALED[:10] + bytes([SEALED[10] ^ 1]) + SEALED[11:],
    "prefix": SEALED[:35] + bytes([SEALED[35] ^ 1]) + SEALED[36:],
    "body": SEALED[:999] + bytes([SEALED[999] ^ 1]) + SEALED[1000:],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_found(name):
    with pytest.raises(DecryptionFailed):
        stream.decrypt_bytes(DAMAGED[name], KEY, AAD)


def test_other_key_or_data_is_refused():
    for key, aad in ((bytes(32), AAD), (KEY, AAD + b"x"), (KEY, b"")):
        with pytest.raises(DecryptionFailed):
            stream.decrypt_bytes(SEALED, key, aad)
    with pytest.raises(ValueError, match="32 bytes"):
        stream.encrypt_bytes(b"", bytes(16), AAD)


class Dribble(RawIOBase):
    """A raw file that reads and writes a few bytes at a time, as sockets and pipes may."""

    def __init__(self, data=b""):
        self.buffer = BytesIO(data)

    def read(self, size=-1):
        return self.buffer.read(min(size, 7))

    def write(self, data):
        return self.buffer.write(bytes(data[:7]))


def test_short_reads_and_writes():
    sealed = Dribble()
    written = stream.encrypt_stream(Dribble(LONG[:1000]), sealed, KEY, AAD)
    assert written == len(sealed.buffer.getvalue())
    plain = Dribble()
    assert stream.decrypt_stream(Dribble(sealed.buffer.getvalue()), plain, KEY, AAD) == 1000
    assert plain.buffer.getvalue() == LONG[:1000]


def test_every_file_has_its_own_salt():
    assert stream.encrypt_bytes(b"", KEY, AAD) != stream.encrypt_bytes(b"", KEY, AAD)


def test_old_file_still_opens():
    assert stream.decrypt_bytes(bytes.fromhex(GOLDEN), KEY, AAD) == b"walrus"


def test_associated_data():
    ids = [bytes([i]) * 32 for i in range(3)]
    aad = stream.stream_aad(stream.StreamKind.COST, *ids)
    assert aad == b"WALRUSD-V01-STREAM\x02" + b"".join(ids)
    with pytest.raises(ValueError, match="32 bytes"):
        stream.stream_aad(1, b"", ids[0], ids[1])


def test_key_check():
    check = stream.compute_key_check(KEY, b"s" * 32)
    assert check == derive_key(KEY, b"s" * 32, b"WALRUSD-V01-KEYCOMMIT")
    assert check.hex() == GOLDEN_CHECK
    stream.verify_key_check(KEY, b"s" * 32, check)
    for key, salt in ((bytes(32), b"s" * 32), (KEY, b"t" * 32), (KEY[:31], b"s" * 32)):
        with pytest.raises(DecryptionFailed):
            stream.verify_key_check(key, salt, check)


def test_hkdf_vectors():
    """RFC 5869, appendix A, test cases 1 and 3."""
    found = derive_key(b"\x0b" * 22, bytes(range(13)), bytes.fromhex("f0f1f2f3f4f5f6f7f8f9"), 42)
    assert found.hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    found = derive_key(b"\x0b" * 22, b"", b"", 42)
    assert found.hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


@given(st.binary(min_size=1, max_size=80), st.binary(max_size=80), st.binary(max_size=80))
def test_many_keys_are_single_keys(secret, salt, info):
    assert KeyDeriver(secret, salt).derive(info) == derive_key(secret, salt, info)


def test_a_stream_has_a_last_segment_number(monkeypatch):
    """The number is in the nonce, so it must not come round."""
    key, head = bytes(32), stream._FIRST_CAPACITY + stream._CAPACITY
    three = stream.encrypt_bytes(bytes(head + 1), key, b"")
    monkeypatch.setattr(stream, "MAX_SEGMENTS", 2)
    two = stream.encrypt_bytes(bytes(head), key, b"")
    assert stream.decrypt_bytes(two, key, b"") == bytes(head)
    with pytest.raises(ValueError, match="too long"):
        stream.encrypt_bytes(bytes(head + 1), key, b"")
    with refused("crypto.decryption", "segments"):
        stream.decrypt_bytes(three, key, b"")
