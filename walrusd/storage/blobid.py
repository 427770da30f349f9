"""The three spellings of a Walrus blob id: u256, 32 bytes, base64url text.

The contract keeps the little-endian reading of the 32 bytes (``BlobId``); URLs carry the bytes in
base64url without padding, 43 characters.
"""

import base64
import binascii

from walrusd.errors import MalformedData
from walrusd.units import BlobId

TEXT_LENGTH = 43


def blob_id_from_bytes(raw: bytes) -> BlobId:
    """Return the blob id whose 32 bytes are ``raw``.

    Raises:
        MalformedData: if there are not 32 bytes.
    """
    if len(raw) != 32:
        raise MalformedData(f"a blob id has 32 bytes, not {len(raw)}")
    return BlobId(int.from_bytes(raw, "little"))


def blob_id_bytes(blob_id: BlobId) -> bytes:
    """Return the 32 bytes of ``blob_id``.

    Raises:
        MalformedData: if it is not a u256.
    """
    if not 0 <= blob_id < 1 << 256:
        raise MalformedData("a blob id must be an unsigned number of 256 bits")
    return blob_id.to_bytes(32, "little")


def format_blob_id(blob_id: BlobId) -> str:
    """Return ``blob_id`` as base64url without padding, as in URLs and explorers."""
    return base64.urlsafe_b64encode(blob_id_bytes(blob_id)).rstrip(b"=").decode()


def parse_blob_id(text: str) -> BlobId:
    """Return the blob id written as ``text``: 43 characters of base64url, canonical.

    Raises:
        MalformedData: if ``text`` is anything else, including a second spelling of the same bytes.
    """
    if len(text) != TEXT_LENGTH or not text.isascii():
        raise MalformedData("a blob id must be 43 characters of base64url")
    try:
        raw = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise MalformedData("a blob id must be 43 characters of base64url") from error
    blob_id = blob_id_from_bytes(raw)
    if format_blob_id(blob_id) != text:
        raise MalformedData("the last character of the blob id has stray bits")
    return blob_id
