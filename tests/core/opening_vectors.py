"""The test vectors of docs/formats/opening.md, and how to make them again.

``python -m tests.core.opening_vectors`` writes ``tests/vectors/opening.json``: a whole opening with
its keys, pieces and blobs, and manifests that must be refused.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.openings import DraftOpening, make_keys, seal
from tests.support.row_tree import RowTree
from walrusd.core.pieces.keys import (
    SECTION_KIND,
    OpeningKeys,
    derive_piece_key,
    derive_sealing,
    make_opening_keys,
)
from walrusd.core.pieces.layouts import OpenedCost, OpenedRow
from walrusd.core.pieces.manifest import Extent, ListedPiece, OpeningManifest, seal_manifest
from walrusd.core.pieces.names import UPDATE
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.envelopes.openings import OpeningSecret
from walrusd.crypto.stream import StreamKind, stream_aad
from walrusd.units import BlobId

PATH = Path(__file__).parents[1] / "vectors" / "opening.json"
SECRET = OpeningSecret(bytes(range(32)), 7)
"""That of the attempt with this digest of its context."""
CHAIN, PACKAGE, SUBMISSION = (bytes([n]) * 32 for n in (1, 2, 3))
AAD = stream_aad(StreamKind.OPENING, CHAIN, PACKAGE, SUBMISSION)
TABLE = [bytes([n, n + 1, n % 3]) for n in range(5)]


def make_draft() -> DraftOpening:
    """Return a small opening of two segments, of which both were dealt."""
    tree = RowTree(bytes(32), TABLE)
    rows = [OpenedRow(TABLE[n], tree.proof(n)) for n in range(5)]
    return DraftOpening(
        state_roots=tuple(bytes([16 + n]) * 32 for n in range(3)),
        slot_roots=tuple(bytes([32 + n]) * 32 for n in range(2)),
        states={0: b"state 0", 1: b"state 1", 2: b"state 2"},
        update=(5).to_bytes(4, "little") + (-7).to_bytes(4, "little", signed=True),
        openings=(bytes([48]) * 32,),
        cost=OpenedCost(bytes([49]) * 32, 1234567, bytes([50]) * 32),
        rows={1: (rows[0], rows[3]), 2: (rows[1], rows[3], rows[4])},
    )


def make_opening(
    draft: DraftOpening, keys: OpeningKeys
) -> tuple[OpeningManifest, dict[BlobId, bytes]]:
    """Return the manifest and the blobs: one for each label, and the update cut in two."""
    manifest, sealed = seal(draft.to_pieces(), keys, AAD)
    blobs: dict[str, bytearray] = {"work": bytearray(), "update": bytearray()}
    placed: list[tuple[ListedPiece, list[tuple[str, int, int]]]] = []
    for piece in manifest.pieces:
        data, label = sealed[piece.name], piece.name.kind.label.name.lower()
        parts = []
        if piece.name == UPDATE:
            blobs["head of the update"] = bytearray(data[:20])
            parts.append(("head of the update", 0, 20))
            data = data[20:]
        parts.append((label, len(blobs[label]), len(data)))
        blobs[label] += data
        placed.append((piece, parts))
    ids = {
        name: BlobId(int.from_bytes(hashlib.sha256(data).digest(), "little"))
        for name, data in blobs.items()
    }
    pieces = tuple(
        replace(piece, extents=tuple(Extent(ids[name], at, size) for name, at, size in parts))
        for piece, parts in placed
    )
    made = OpeningManifest(pieces, manifest.update_secret)
    return made, {ids[name]: bytes(data) for name, data in blobs.items()}


def make_refused(manifest: OpeningManifest, keys: OpeningKeys) -> dict[str, str]:
    """Return sealed manifests that no reader may accept, by what is wrong with them."""
    first, second, *others = manifest.pieces

    def moved(by: int) -> ListedPiece:
        (extent,) = second.extents
        return replace(second, extents=(replace(extent, offset=extent.offset + by),))

    def seal_it(*pieces: ListedPiece, secret: bytes = manifest.update_secret) -> str:
        bent = OpeningManifest(pieces, secret)
        return seal_manifest(bent, keys.work, keys.update, AAD).hex()

    good = seal_manifest(manifest, keys.work, keys.update, AAD)
    return {
        "a gap in a blob": seal_it(first, moved(1), *others),
        "parts that overlap": seal_it(first, moved(-1), *others),
        "another order": seal_it(second, first, *others),
        "a piece twice": seal_it(first, first, *others),
        "another size": seal_it(replace(first, size=first.size + 1), second, *others),
        "another key of the update": seal_it(*manifest.pieces, secret=bytes(32)),
        "a byte more": (good + b"\0").hex(),
        "another attempt's keys": seal_manifest(manifest, *_pair(make_keys(attempt=2)), AAD).hex(),
    }


def _pair(keys: OpeningKeys) -> tuple[bytes, bytes]:
    assert keys.work is not None
    assert keys.update is not None
    return keys.work, keys.update


def make_vectors() -> dict[str, Any]:
    """Return the vectors; bytes are hexadecimal."""
    keys, draft = make_opening_keys(SECRET), make_draft()
    values = [SECRET.compute_value(label).value for label in Label]
    work, update = _pair(keys)
    manifest, blobs = make_opening(draft, keys)
    sealed = seal_manifest(manifest, work, update, AAD)
    return {
        "chain_id": CHAIN.hex(),
        "package": PACKAGE.hex(),
        "submission": SUBMISSION.hex(),
        "context": SECRET.context.hex(),
        "work_value": values[0].hex(),
        "update_value": values[1].hex(),
        "work_key": work.hex(),
        "update_key": update.hex(),
        "section_keys": [
            derive_piece_key(key, SECTION_KIND, label).hex()
            for key, label in zip((work, update), Label, strict=True)
        ],
        "pieces": [
            {
                "kind": int(name.kind),
                "index": name.index,
                "label": int(name.kind.label),
                "key": derive_sealing(name, keys, AAD)[0].hex(),
                "plain": data.hex(),
            }
            for name, data in draft.to_pieces().items()
        ],
        "blobs": {blob.to_bytes(32, "little").hex(): data.hex() for blob, data in blobs.items()},
        "manifest": sealed.hex(),
        "digest": hashlib.sha256(sealed).hexdigest(),
        "refused": make_refused(manifest, keys),
    }


def write() -> None:
    """Write the vectors anew."""
    PATH.write_text(json.dumps(make_vectors(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
