"""A task's manifest: canonical, of the right digest, and with sizes that can be."""

import json
from dataclasses import replace

import pytest

from tests.support.refusals import refused
from walrusd.core.manifest import (
    MAX_MANIFEST_BYTES,
    MAX_MODULUS_BYTES,
    PaillierOffer,
    TaskManifest,
    parse_task_manifest,
)
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.errors import MalformedData

PLAIN = TaskManifest("A title: é", "plan", (1 << 256) - 1, bytes(32))
OFFER = PaillierOffer(b"\xff" * MAX_MODULUS_BYTES, b"proof", bytes(32))
WITH_KEY = replace(PLAIN, paillier=OFFER)


def parse_document(document):
    data = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return parse_task_manifest(data, hash_tagged(Tag.TASK_MANIFEST, data))


@pytest.mark.parametrize("manifest", [PLAIN, WITH_KEY, replace(PLAIN, weights_blob=0)])
def test_a_manifest_survives_its_encoding(manifest):
    assert parse_task_manifest(manifest.to_bytes(), manifest.digest()) == manifest


def test_the_digest_is_that_of_the_task():
    with refused("data.malformed", "digest"):
        parse_task_manifest(PLAIN.to_bytes(), replace(PLAIN, title="another").digest())


@pytest.mark.parametrize("text", [" {}", '{"a":1,"a":1}'])
def test_only_the_canonical_encoding_is_read(text):
    data = PLAIN.to_bytes() + b" " if text == " {}" else text.encode()
    with pytest.raises(MalformedData):
        parse_task_manifest(data, hash_tagged(Tag.TASK_MANIFEST, data))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"title": 1},
        {"plan": 1},
        {"plan": "é"},
        {"weights": {"blob": "-1", "digest": "00"}},
        {"weights": {"blob": str(1 << 256), "digest": "00"}},
        {"weights": {"blob": 1, "digest": "00"}},
        {"weights": {"blob": "0" * 79, "digest": "00"}},
    ],
)
def test_a_field_that_cannot_be_is_malformed(change):
    with pytest.raises(MalformedData):
        parse_document(json.loads(PLAIN.to_bytes()) | change)


@pytest.mark.parametrize(
    "change",
    [
        {"modulus": "ff" * (MAX_MODULUS_BYTES + 1)},
        {"key_id": "00" * 31},
        {"key_id": "00" * 33},
        {"proof": "no hex"},
        {"proof": None},
    ],
)
def test_a_key_that_cannot_be_is_malformed(change):
    document = json.loads(WITH_KEY.to_bytes())
    document["paillier"] |= change
    with pytest.raises(MalformedData):
        parse_document(document)


def test_the_limits_are_those_that_others_read_with():
    """A publisher with larger ones would open tasks that earlier readers refuse."""
    assert (MAX_MANIFEST_BYTES, MAX_MODULUS_BYTES) == (1 << 20, 1024)
