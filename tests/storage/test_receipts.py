"""What publishers and nodes say about a blob: taken at its word only if it is about this blob."""

import json

import pytest

from walrusd.errors import BlobOverLimit, MalformedData, StoreRefused
from walrusd.storage.blobid import format_blob_id
from walrusd.storage.ledger import StoredBlob
from walrusd.storage.receipt import BlobStatus, parse_receipt, parse_status
from walrusd.units import BlobId, ObjectId, normalize_address

BLOB = BlobId(77)
OTHER = format_blob_id(BlobId(78))
NAME = format_blob_id(BLOB)
OBJECT = {
    "blobId": NAME,
    "size": 5,
    "deletable": False,
    "storage": {"endEpoch": 9},
    "id": "0xab",
}
STORED = StoredBlob(BLOB, 5, 9, ObjectId(normalize_address("0xab")))


def receive(reply, *, permanent=True):
    body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
    return parse_receipt(body, BLOB, 5, permanent=permanent)


def created(**change):
    return {"newlyCreated": {"blobObject": OBJECT | change}}


def test_a_new_blob_is_ours():
    assert receive(created()) == STORED
    assert receive(created(deletable=True), permanent=False) == STORED


def test_a_blob_that_was_there_has_no_object_of_ours():
    reply = {"alreadyCertified": {"blobId": NAME, "endEpoch": 0}}
    assert receive(reply) == StoredBlob(BLOB, 5, 0, None)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        {},
        {"unknown": {}},
        created() | {"alreadyCertified": {}},
        created(blobId=OTHER),
        created(size=6),
        created(size=True),
        created(size="5"),
        created(deletable=True),
        created(deletable=0),
        created(storage={"endEpoch": -1}),
        created(storage=None),
        created(id="no object"),
        {"newlyCreated": {}},
        {"alreadyCertified": {"blobId": OTHER, "endEpoch": 1}},
        {"alreadyCertified": {"blobId": NAME, "endEpoch": True}},
        {"alreadyCertified": {"blobId": NAME}},
        {"error": {}},
    ],
)
def test_what_is_no_receipt_for_this_blob_is_malformed(reply):
    with pytest.raises(MalformedData):
        receive(reply)


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        ({"error": {"errorMsg": "InsufficientGas"}}, StoreRefused, "cannot pay"),
        ({"error": {"errorMsg": "no sufficient balance"}}, StoreRefused, "cannot pay"),
        ({"error": {"errorMsg": "too large to be encoded"}}, BlobOverLimit, "too large"),
        ({"error": {"errorMsg": "a\x1b[31m" + "b" * 500}}, StoreRefused, "refused: a [31mbb"),
        ({"markedInvalid": {}}, StoreRefused, "marked this blob as invalid"),
    ],
)
def test_a_refusal_says_whose_affair_it_is(reply, kind, says):
    with pytest.raises(kind) as caught:
        receive(reply)
    assert type(caught.value) is kind
    assert says in caught.value.message
    assert len(caught.value.message) < 300


def ask(data):
    return parse_status(json.dumps({"success": {"data": data}}).encode())


def test_a_status_tells_how_long_a_blob_stays():
    permanent = {"isCertified": True, "endEpoch": 8}
    assert ask({"permanent": permanent}) == BlobStatus(True, True, 8)
    assert ask({"permanent": permanent | {"isCertified": False}}) == BlobStatus(False, True, 8)
    assert ask({"deletable": {"initialCertifiedEpoch": 0}}) == BlobStatus(True, False, None)
    assert ask({"deletable": {"initialCertifiedEpoch": None}}) == BlobStatus(False, False, None)
    assert ask({"deletable": {}}) == BlobStatus(False, False, None)


@pytest.mark.parametrize("data", ["nonexistent", {"invalid": {}}])
def test_what_does_not_exist_or_is_invalid_has_no_status(data):
    assert ask(data) is None


@pytest.mark.parametrize(
    "data",
    [None, 7, "text", {}, [], {"permanent": {}}, {"permanent": None}, {"deletable": 5}],
)
def test_what_is_no_status_is_malformed(data):
    with pytest.raises(MalformedData):
        ask(data)


@pytest.mark.parametrize("body", [b"{}", b"no JSON", b'{"success": 1}'])
def test_what_is_no_answer_is_malformed(body):
    with pytest.raises(MalformedData):
        parse_status(body)
