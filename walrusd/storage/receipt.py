"""Parses, strictly, what publishers and storage nodes say about a blob."""

import json
from dataclasses import dataclass
from typing import Any

from walrusd.errors import BlobOverLimit, MalformedData, StoreRefused
from walrusd.storage.blobid import format_blob_id
from walrusd.storage.ledger import StoredBlob
from walrusd.units import BlobId, ObjectId, normalize_address

MAX_RECEIPT = 64 << 10
_TOO_LARGE = ("too large to be encoded", "to large to be encoded")
_FUNDS = ("sufficient balance", "NoCompatiblePaymentCoin", "InsufficientGas", "InsufficientCoin")


@dataclass(frozen=True)
class BlobStatus:
    """A storage node's view of a blob: whether it is certified, and a permanent one's end."""

    certified: bool
    permanent: bool
    end_epoch: int | None


def parse_receipt(body: bytes, blob_id: BlobId, size: int, *, permanent: bool) -> StoredBlob:
    """Return the stored blob from a publisher's response to ``PUT /v1/blobs``.

    Raises:
        StoreRefused: if it is a refusal, which Walrus may send with status 200.
        MalformedData: if it is not a receipt for this blob.
    """
    reply = _parse_object(body, "a publisher's receipt")
    if len(reply) != 1:
        raise MalformedData("a publisher's receipt must have exactly one key")
    ((kind, value),) = reply.items()
    try:
        if kind == "newlyCreated":
            return _read_created(value["blobObject"], blob_id, size, permanent=permanent)
        if kind == "alreadyCertified":
            _check_blob_id(value["blobId"], blob_id)
            return StoredBlob(blob_id, size, _number(value["endEpoch"]), None)
        if kind == "error":
            raise _refusal(str(value["errorMsg"]))
        if kind == "markedInvalid":
            raise StoreRefused(
                "Walrus has marked this blob as invalid", hint="store different bytes"
            )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedData(f"a publisher's receipt has a missing or bad field: {error}") from error
    raise MalformedData("a publisher's receipt is of an unknown kind")


def parse_status(body: bytes) -> BlobStatus | None:
    """Return a storage node's view of a blob; None if it does not exist or is invalid.

    Raises:
        MalformedData: if the response is malformed.
    """
    reply = _parse_object(body, "a blob status")
    try:
        data = reply["success"]["data"]
        if data == "nonexistent" or "invalid" in data:
            return None
        if "permanent" in data:
            status = data["permanent"]
            return BlobStatus(bool(status["isCertified"]), True, _number(status["endEpoch"]))
        status = data["deletable"]
        return BlobStatus(status.get("initialCertifiedEpoch") is not None, False, None)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedData(f"a blob status has a missing or bad field: {error}") from error


def _read_created(
    value: dict[str, Any], blob_id: BlobId, size: int, *, permanent: bool
) -> StoredBlob:
    _check_blob_id(value["blobId"], blob_id)
    if _number(value["size"]) != size or value["deletable"] is not (not permanent):
        raise MalformedData("a publisher's receipt is for another size or persistence")
    end_epoch = _number(value["storage"]["endEpoch"])
    return StoredBlob(blob_id, size, end_epoch, ObjectId(normalize_address(value["id"])))


def _parse_object(body: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedData(f"{what} is not JSON") from error
    if not isinstance(value, dict):
        raise MalformedData(f"{what} is not a JSON object")
    return value


def _check_blob_id(text: object, blob_id: BlobId) -> None:
    if text != format_blob_id(blob_id):
        raise MalformedData("a publisher's receipt is for another blob")


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("a number")
    return value


def _refusal(text: str) -> StoreRefused:
    said = "".join(c if c.isprintable() else " " for c in text[:200])
    if any(mark in text for mark in _FUNDS):
        return StoreRefused(
            f"the publisher cannot pay: {said}", hint="fund the publisher's wallet, or use another"
        )
    if any(mark in text for mark in _TOO_LARGE):
        return BlobOverLimit(f"the blob is too large for the publisher: {said}")
    return StoreRefused(f"the publisher refused: {said}", hint="see the publisher's log")
