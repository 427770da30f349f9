"""The responses to a store, and a node's view of a blob."""

from typing import Any

import base58

from walrusd.devnet.walrus.store import BlobObject
from walrusd.storage.blobid import format_blob_id
from walrusd.storage.geometry import Geometry, compute_storage_price

STORAGE_PRICE = 11_000
"""FROST per unit and epoch; the real price is voted by the nodes."""
WRITE_PRICE = 20_000
"""FROST per unit."""


def describe_new(blob: BlobObject, geometry: Geometry) -> dict[str, Any]:
    """``newlyCreated``. ``certifiedEpoch`` is null: Walrus echoes the object as registered."""
    epochs = blob.end_epoch - blob.start_epoch
    created: dict[str, Any] = {
        "blobObject": {
            "id": blob.object_id,
            "registeredEpoch": blob.start_epoch,
            "blobId": format_blob_id(blob.blob_id),
            "size": blob.size,
            "encodingType": "RS2",
            "certifiedEpoch": None,
            "storage": {
                "id": blob.storage_id,
                "startEpoch": blob.start_epoch,
                "endEpoch": blob.end_epoch,
                "storageSize": geometry.encoded_size,
            },
            "deletable": blob.deletable,
        },
        "resourceOperation": {
            "registerFromScratch": {
                "encodedLength": geometry.encoded_size,
                "epochsAhead": epochs,
            }
        },
        "cost": compute_storage_price(
            geometry, epochs=epochs, storage_price=STORAGE_PRICE, write_price=WRITE_PRICE
        ),
    }
    if blob.shared_id:
        created["sharedBlobObject"] = blob.shared_id
    return {"newlyCreated": created}


def describe_known(blob: BlobObject) -> dict[str, Any]:
    """``alreadyCertified``."""
    return {
        "alreadyCertified": {
            "blobId": format_blob_id(blob.blob_id),
            "event": describe_certification(blob),
            "endEpoch": blob.end_epoch,
        }
    }


def describe_failure(blob_id: str, message: str) -> dict[str, Any]:
    """A failure that Walrus reports with status 200."""
    return {"error": {"blobId": blob_id, "failurePhase": "register", "errorMsg": message}}


def describe_certification(blob: BlobObject) -> dict[str, str]:
    """The certification event of an object."""
    return {"txDigest": base58.b58encode(blob.event_digest).decode(), "eventSeq": "0"}


def describe_status(live: list[BlobObject]) -> dict[str, Any]:
    """What a storage node says about a blob with these live objects."""
    if not live:
        return _success("nonexistent")
    deletable = sum(blob.deletable for blob in live)
    counts = {"count_deletable_total": deletable, "count_deletable_certified": deletable}
    certified = min(blob.start_epoch for blob in live)
    lasting = [blob for blob in live if not blob.deletable]
    if not lasting:
        return _success(
            {"deletable": {"initialCertifiedEpoch": certified, "deletableCounts": counts}}
        )
    longest = max(lasting, key=lambda blob: blob.end_epoch)
    return _success(
        {
            "permanent": {
                "endEpoch": longest.end_epoch,
                "isCertified": True,
                "statusEvent": describe_certification(longest),
                "deletableCounts": counts,
                "initialCertifiedEpoch": certified,
            }
        }
    )


def _success(data: object) -> dict[str, Any]:
    return {"success": {"code": 200, "data": data}}
