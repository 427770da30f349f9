"""The task manifest: what a publisher stores on Walrus and anchors by digest in the task."""

import json
from dataclasses import dataclass
from typing import Any

from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.errors import MalformedData

MAX_MANIFEST_BYTES = 1 << 20
MAX_MODULUS_BYTES = 1024


@dataclass(frozen=True)
class PaillierOffer:
    """The key that updates are encrypted to: the modulus, big-endian, and the proof that it binds.

    The publisher derives the primes from ``key_id`` and a secret; to others it reveals nothing.
    """

    modulus: bytes
    proof: bytes
    key_id: bytes


@dataclass(frozen=True)
class TaskManifest:
    """A title, the plan's canonical text, where to get the initial weights, and any Paillier key.

    ``weights_blob`` is the u256 blob id of the file manifest of the safetensors bytes, and
    ``weights_digest`` that manifest's digest. They only locate the weights: the task's state
    root is binding.
    """

    title: str
    plan: str
    weights_blob: int
    weights_digest: bytes
    paillier: PaillierOffer | None = None

    def to_bytes(self) -> bytes:
        """Return canonical JSON: sorted keys, no spaces, integers above 2**53 as text."""
        document: dict[str, Any] = {
            "version": 1,
            "title": self.title,
            "plan": self.plan,
            "weights": {
                "blob": str(self.weights_blob),
                "digest": self.weights_digest.hex(),
            },
        }
        if self.paillier is not None:
            document["paillier"] = {
                "modulus": self.paillier.modulus.hex(),
                "proof": self.paillier.proof.hex(),
                "key_id": self.paillier.key_id.hex(),
            }
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return text.encode("ascii")

    def digest(self) -> bytes:
        """Return ``H(TASK-MANIFEST ‖ canonical bytes)``."""
        return hash_tagged(Tag.TASK_MANIFEST, self.to_bytes())


def parse_task_manifest(data: bytes, digest: bytes) -> TaskManifest:
    """Read a manifest, given the digest in its task.

    Raises:
        MalformedData: if the digest differs, or the bytes are not a canonical manifest.
    """
    if hash_tagged(Tag.TASK_MANIFEST, data) != digest:
        raise MalformedData("the task's manifest does not have the digest in the task")
    try:
        manifest = _from_document(json.loads(data))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedData("the task's manifest is not a manifest of version 1") from error
    if manifest.to_bytes() != data:
        raise MalformedData("the task's manifest is not in its canonical encoding")
    return manifest


def _from_document(document: dict[str, Any]) -> TaskManifest:
    if document["version"] != 1:
        raise ValueError("unknown version")
    weights, title, plan = document["weights"], document["title"], document["plan"]
    if not isinstance(title, str) or not isinstance(plan, str) or not plan.isascii():
        raise ValueError("title and plan are text, the plan ASCII")
    return TaskManifest(
        title=title,
        plan=plan,
        weights_blob=_read_blob_id(weights["blob"]),
        weights_digest=bytes.fromhex(weights["digest"]),
        paillier=_read_offer(document["paillier"]) if "paillier" in document else None,
    )


def _read_offer(value: Any) -> PaillierOffer:
    if len(value["modulus"]) > 2 * MAX_MODULUS_BYTES or len(value["key_id"]) != 64:
        raise ValueError("a modulus or a key id has an impossible size")
    return PaillierOffer(*(bytes.fromhex(value[name]) for name in ("modulus", "proof", "key_id")))


def _read_blob_id(value: Any) -> int:
    # Checked before int(): that takes quadratic time over a megabyte of digits.
    if not isinstance(value, str) or len(value) > 78 or not 0 <= int(value) < 1 << 256:
        raise ValueError("a blob id is a u256 in decimal")
    return int(value)
