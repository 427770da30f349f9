import hashlib

from walrusd.crypto.tags import Tag, hash_tagged, u64

# Tags that only ``hash_tagged`` uses, where a length byte keeps them apart from longer ones.
LENGTH_PREFIXED = {Tag.ROW, Tag.SEAT, Tag.JURY}


def test_every_tag_is_distinct():
    # An Enum silently turns a repeated value into an alias; __members__ shows it.
    assert len({tag.text for tag in Tag.__members__.values()}) == len(Tag.__members__)


def test_no_tag_used_without_its_length_starts_another():
    for tag in set(Tag) - LENGTH_PREFIXED:
        assert not any(other.text.startswith(tag.text) for other in set(Tag) - {tag}), tag


def test_preimage_is_length_tag_fields():
    preimage = b"\x10WALRUSD-V02-SEED" + b"ab" + b"c"
    assert hash_tagged(Tag.SEED, b"ab", b"c") == hashlib.sha256(preimage).digest()
    assert all(tag.prefix == bytes([len(tag.text)]) + tag.text for tag in Tag)


def test_tags_are_short_ascii():
    assert all(len(tag.text) < 64 and tag.text.isascii() for tag in Tag)


def test_integers_are_little_endian():
    assert u64(0x0102) == bytes([2, 1, 0, 0, 0, 0, 0, 0])
