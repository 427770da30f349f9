"""What publishers and storage nodes say is believed only if it is about this blob, and whole."""

import copy
import json

import pytest

from walrusd.errors import BlobOverLimit, MalformedData, StoreRefused
from walrusd.storage.blobid import format_blob_id
from walrusd.storage.ledger import StoredBlob
from walrusd.storage.receipt import BlobStatus, parse_receipt, parse_status
from walrusd.units import BlobId, normalize_address

BLOB, SIZE = BlobId(5), 1000
OBJECT = normalize_address("0xb10b")

CREATED = {
    "newlyCreated": {
        "blobObject": {
            "id": "0xb10b",
            "blobId": format_blob_id(BLOB),
            "size": SIZE,
            "deletable": False,
            "storage": {"endEpoch": 6},
        }
    }
}
CERTIFIED = {"alreadyCertified": {"blobId": format_blob_id(BLOB), "endEpoch": 6}}


def parse(document, *, permanent=True):
    return parse_receipt(json.dumps(document).encode(), BLOB, SIZE, permanent=permanent)


def change(document, *path, to=None, drop=False):
    """Return a copy with one field changed or left out."""
    changed = copy.deepcopy(document)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    if drop:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return changed


def test_a_new_blob_has_an_object_of_ours():
    assert parse(CREATED) == StoredBlob(BLOB, SIZE, 6, OBJECT)
    deletable = change(CREATED, "newlyCreated", "blobObject", "deletable", to=True)
    assert parse(deletable, permanent=False) == StoredBlob(BLOB, SIZE, 6, OBJECT)


def test_a_blob_that_was_there_has_none():
    assert parse(CERTIFIED) == StoredBlob(BLOB, SIZE, 6, None)


HERE = ("newlyCreated", "blobObject")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*HERE, "blobId"), format_blob_id(BlobId(6))),
        ((*HERE, "blobId"), 5),
        ((*HERE, "size"), SIZE - 1),
        ((*HERE, "size"), str(SIZE)),
        ((*HERE, "size"), None),
        ((*HERE, "deletable"), True),
        ((*HERE, "deletable"), None),
        ((*HERE, "deletable"), 0),
        ((*HERE, "storage"), None),
        ((*HERE, "storage", "endEpoch"), -1),
        ((*HERE, "storage", "endEpoch"), True),
        ((*HERE, "storage", "endEpoch"), 6.0),
        ((*HERE, "id"), "no address"),
        ((*HERE, "id"), None),
        ((*HERE, "id"), 5),
        (HERE, None),
        (HERE, []),
    ],
)
def test_a_receipt_for_anything_else_is_refused(path, value):
    with pytest.raises(MalformedData):
        parse(change(CREATED, *path, to=value))


@pytest.mark.parametrize("field", ["id", "blobId", "size", "deletable", "storage"])
def test_a_receipt_that_lacks_a_field_is_refused(field):
    with pytest.raises(MalformedData):
        parse(change(CREATED, *HERE, field, drop=True))


@pytest.mark.parametrize(
    "document",
    [
        change(CERTIFIED, "alreadyCertified", "blobId", to=format_blob_id(BlobId(6))),
        change(CERTIFIED, "alreadyCertified", "endEpoch", to=-1),
        change(CERTIFIED, "alreadyCertified", "endEpoch", drop=True),
        {"alreadyCertified": None},
        {"newlyCreated": {}},
        {"unknown": {}},
        {**CREATED, **CERTIFIED},
        {},
        [],
        "newlyCreated",
        {"error": {}},
    ],
)
def test_other_receipts_are_refused(document):
    with pytest.raises(MalformedData):
        parse(document)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"nothing"])
def test_what_is_no_json_is_refused(body):
    for read in (lambda b: parse_receipt(b, BLOB, SIZE, permanent=True), parse_status):
        with pytest.raises(MalformedData):
            read(body)


def test_an_epoch_of_zero_is_a_number():
    assert parse(change(CERTIFIED, "alreadyCertified", "endEpoch", to=0)).end_epoch == 0


@pytest.mark.parametrize(
    ("text", "kind", "hint"),
    [
        ("could not find WAL coins with sufficient balance", StoreRefused, "fund"),
        ("NoCompatiblePaymentCoin", StoreRefused, "fund"),
        ("the blob is too large to be encoded", BlobOverLimit, ""),
        ("the blob is to large to be encoded", BlobOverLimit, ""),
        ("something else", StoreRefused, ""),
    ],
)
def test_a_refusal_may_come_with_status_200(text, kind, hint):
    with pytest.raises(StoreRefused) as caught:
        parse({"error": {"errorMsg": text}})
    assert type(caught.value) is kind
    assert hint in caught.value.hint


def test_what_a_publisher_says_is_shown_short_and_printable():
    with pytest.raises(StoreRefused) as caught:
        parse({"error": {"errorMsg": "\x1b[31m" + "x" * 1000}})
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 300


def test_a_blob_that_is_marked_invalid_cannot_be_stored():
    with pytest.raises(StoreRefused):
        parse({"markedInvalid": {}})


def status(data):
    return parse_status(json.dumps({"success": {"data": data}}).encode())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("nonexistent", None),
        ({"invalid": {}}, None),
        ({"permanent": {"isCertified": True, "endEpoch": 9}}, BlobStatus(True, True, 9)),
        ({"permanent": {"isCertified": False, "endEpoch": 9}}, BlobStatus(False, True, 9)),
        ({"deletable": {"initialCertifiedEpoch": 3}}, BlobStatus(True, False, None)),
        ({"deletable": {"initialCertifiedEpoch": 0}}, BlobStatus(True, False, None)),
        ({"deletable": {"initialCertifiedEpoch": None}}, BlobStatus(False, False, None)),
        ({"deletable": {}}, BlobStatus(False, False, None)),
    ],
)
def test_a_status_is_that_of_a_permanent_or_a_deletable_blob(data, expected):
    assert status(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        {"permanent": {"isCertified": True}},
        {"permanent": {"endEpoch": 9}},
        {"permanent": {"isCertified": True, "endEpoch": -1}},
        {"permanent": {"isCertified": True, "endEpoch": "9"}},
        {"permanent": None},
        {"deletable": None},
        {"deletable": []},
        {},
        None,
        5,
    ],
)
def test_other_statuses_are_refused(data):
    with pytest.raises(MalformedData):
        status(data)


@pytest.mark.parametrize("document", [{}, {"success": {}}, {"success": None}, {"error": {}}, []])
def test_what_is_no_status_is_refused(document):
    with pytest.raises(MalformedData):
        parse_status(json.dumps(document).encode())
