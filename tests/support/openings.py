"""Whole openings in memory, to build, bend and seal; the product only ever holds pieces."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Self

from walrusd.core.opening import Opening
from walrusd.core.pieces.keys import (
    OpeningKeys,
    derive_sealing,
    derive_stream_head,
    make_opening_keys,
)
from walrusd.core.pieces.layouts import OpenedCost, OpenedRow, OpenedTrace, encode_rows
from walrusd.core.pieces.manifest import Extent, ListedPiece, OpeningManifest, seal_manifest
from walrusd.core.pieces.names import (
    COST,
    FINAL_STATE,
    OPENINGS,
    TRACE,
    UPDATE,
    PieceKind,
    PieceName,
)
from walrusd.crypto.envelopes.openings import OpeningSecret
from walrusd.crypto.stream import encrypt_bytes
from walrusd.market.opened import MANIFEST_FILE, name_piece_file
from walrusd.units import BlobId


@dataclass(frozen=True)
class DraftOpening:
    """All parts of an opening. ``states`` by boundary, ``rows`` by segment."""

    state_roots: tuple[bytes, ...]
    slot_roots: tuple[bytes, ...]
    states: Mapping[int, bytes]
    update: bytes
    openings: tuple[bytes, ...]
    cost: OpenedCost | None
    rows: Mapping[int, tuple[OpenedRow, ...]]

    @classmethod
    def of(cls, opening: Opening) -> Self:
        """Read a whole opening; without a final state it is that of an abort."""
        trace, ended = opening.trace, FINAL_STATE in opening.pieces
        starts = [segment - 1 for segment in opening.list_segments(PieceKind.START_STATE)]
        boundaries = [*starts, len(trace.slot_roots)] if ended else starts
        return cls(
            trace.state_roots,
            trace.slot_roots,
            {boundary: opening.read_state(boundary) for boundary in boundaries},
            opening.read_update() if ended else b"",
            opening.read_openings() if ended else (),
            opening.read_cost() if ended else None,
            {
                segment: tuple(opening.iterate_rows(segment))
                for segment in opening.list_segments(PieceKind.ROWS)
            },
        )

    def change_rows(self, change) -> Self:
        """Return an opening whose rows of each segment are what ``change`` makes of them."""
        return replace(self, rows={s: tuple(change(rows)) for s, rows in self.rows.items()})

    def to_pieces(self) -> dict[PieceName, bytes]:
        """Return the plaintext of every piece, in ascending order of their names."""
        last = len(self.slot_roots)
        found = {TRACE: OpenedTrace(self.state_roots, self.slot_roots).to_bytes()}
        for boundary, state in self.states.items():
            start = PieceName(PieceKind.START_STATE, boundary + 1)
            found[FINAL_STATE if boundary == last else start] = state
        for segment, rows in self.rows.items():
            width = len(rows[0].data) if rows else 1
            found[PieceName(PieceKind.ROWS, segment)] = b"".join(encode_rows(rows, width))
        if self.cost is not None:
            found[UPDATE] = self.update
            found[OPENINGS] = b"".join(self.openings)
            found[COST] = self.cost.to_bytes()
        return dict(sorted(found.items()))


def view(pieces: Mapping[PieceName, bytes]) -> Opening:
    """Return pieces as they are read, in chunks that end anywhere."""
    return Opening({name: partial(iter, cut(data)) for name, data in pieces.items()})


def cut(data: bytes, every: int = 37) -> list[bytes]:
    return [data[i : i + every] for i in range(0, len(data), every)]


async def collect(made) -> DraftOpening:
    """Return the opening whose pieces a contributor makes."""
    found = {}
    async for name, source in made:
        with source() as file:
            found[name] = file.read()
    return DraftOpening.of(view(found))


def make_keys(attempt: int = 1, scalar: int = 7) -> OpeningKeys:
    """Return the keys of an attempt at an opening whose maker is as good as any."""
    return make_opening_keys(OpeningSecret(bytes([attempt]) * 32, scalar))


def list_sources(draft: DraftOpening):
    """Return the pieces of an opening as ``OpeningWriter`` takes them."""
    return [(name, partial(BytesIO, data)) for name, data in draft.to_pieces().items()]


def seal(
    pieces: Mapping[PieceName, bytes], keys: OpeningKeys, aad: bytes
) -> tuple[OpeningManifest, dict[PieceName, bytes]]:
    """Return the manifest and the sealed pieces, each in a blob of its own."""
    listed, sealed = [], {}
    for number, (name, data) in enumerate(pieces.items()):
        key, piece_aad = derive_sealing(name, keys, aad)
        digest = hashlib.sha256(data).digest()
        sealed[name] = encrypt_bytes(data, key, piece_aad, derive_stream_head(key, digest))
        extent = Extent(BlobId(number + 1), 0, len(sealed[name]))
        sealed_digest = hashlib.sha256(sealed[name]).digest()
        listed.append(ListedPiece(name, len(data), digest, sealed_digest, (extent,)))
    return OpeningManifest(tuple(listed), keys.update + keys.update_value), sealed


def seal_folder(folder: Path, draft: DraftOpening, key: bytes, aad: bytes) -> None:
    """Write an opening as a reader keeps it: its manifest, and every piece sealed."""
    folder.mkdir()
    keys = OpeningKeys(key, hashlib.sha256(key).digest(), bytes(48))
    manifest, sealed = seal(draft.to_pieces(), keys, aad)
    for name, data in sealed.items():
        (folder / name_piece_file(name)).write_bytes(data)
    (folder / MANIFEST_FILE).write_bytes(seal_manifest(manifest, keys.work, keys.update, aad))


def rows_by(segments: Iterable[int], rows: Iterable[OpenedRow]):
    """Return the same rows for each of some segments."""
    return dict.fromkeys(segments, tuple(rows))
