import hashlib

from walrusd.crypto.tags import Tag, hash_tagged, u64

# Tags that start an HKDF info, associated data, or a hash-to-curve input without a length byte.
BARE = {
    Tag.PEDERSEN_H, Tag.PEDERSEN_G, Tag.ROW_BLINDING, Tag.ROW_SALT, Tag.STREAM, Tag.KEYCOMMIT,
    Tag.LOSSBLIND, Tag.DATASET_KEY, Tag.OPENING_KEY, Tag.KEYSTORE, Tag.COST_BLINDING, Tag.COST_KEY,
    Tag.OPENING_SECRET, Tag.JURY_SALT,
}  # fmt: skip


def test_every_tag_is_distinct():
    # An Enum silently turns a repeated value into an alias; __members__ shows it.
    assert len({tag.text for tag in Tag.__members__.values()}) == len(Tag.__members__)


def test_no_bare_tag_starts_another():
    for tag in BARE:
        others = BARE - {tag}
        assert not any(other.text.startswith(tag.text) for other in others), tag


def test_preimage_is_length_tag_fields():
    preimage = b"\x10WALRUSD-V01-SEED" + b"ab" + b"c"
    assert hash_tagged(Tag.SEED, b"ab", b"c") == hashlib.sha256(preimage).digest()
    assert all(tag.prefix == bytes([len(tag.text)]) + tag.text for tag in Tag)


def test_tags_are_short_ascii():
    assert all(len(tag.text) < 64 and tag.text.isascii() for tag in Tag)


def test_integers_are_little_endian():
    assert u64(0x0102) == bytes([2, 1, 0, 0, 0, 0, 0, 0])
