"""Read the opening of a submission: its manifest, and of its pieces only those that are needed.

Pieces stay among our files as they were fetched, sealed, until the submission is forgotten: a
second look at them, or a publisher's sum long after the acceptance, needs no network. They are
decrypted in memory, a segment of the stream at a time.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import trio

from walrusd.core.faults import naming_absence
from walrusd.core.opening import Opening
from walrusd.core.pieces.keys import OpeningKeys, derive_sealing
from walrusd.core.pieces.layouts import ReadPiece
from walrusd.core.pieces.manifest import (
    SHARED_BLOB_BYTES,
    ListedPiece,
    OpeningManifest,
    complete_keys,
    compute_opening_digest,
    open_manifest,
)
from walrusd.core.pieces.names import PieceName
from walrusd.core.sizes import (
    MAX_OPENING_MANIFEST,
    WorkShape,
    check_listed_pieces,
    compute_opening_manifest_size,
)
from walrusd.crypto.stream import iterate_plaintext
from walrusd.engine.tools import PublicTools
from walrusd.errors import ContentMismatch, LocalFault, PeerFault
from walrusd.files import write_atomically
from walrusd.market.case import Case
from walrusd.units import BlobId

_COPIED_AT_ONCE = 1 << 20
MANIFEST_FILE = "manifest.sealed"


class Absorbing(Protocol):
    """A hash that takes bytes."""

    def update(self, data: bytes, /) -> None: ...


def name_piece_file(name: PieceName) -> str:
    """Return the file name of a sealed piece."""
    return f"{name.text}.sealed"


class OpenedPieces:
    """The opening of one submission, for the holder of its keys."""

    def __init__(self, tools: PublicTools, case: Case, keys: OpeningKeys, shape: WorkShape) -> None:
        """Take what bounds every read; nothing is fetched yet."""
        assert case.submission.opening is not None
        self._tools, self._case, self._keys, self._shape = tools, case, keys, shape
        self._opened = case.submission.opening
        self._folder = tools.files.pieces(case.submission.id, self._opened.digest)

    async def read_manifest(self) -> OpeningManifest:
        """Return the manifest, its declarations checked against what the work can have.

        Raises:
            ContentMismatch, MalformedData: if it is not the announced one, or no manifest.
            DecryptionFailed: if the keys are not its own.
            PartAbsent: if no endpoint has the blob, or none smaller than a manifest may be.
        """
        path = self._folder / MANIFEST_FILE
        sealed = await trio.to_thread.run_sync(_read_known, path, self._opened.digest)
        if sealed is None:
            sealed = await self._fetch_manifest()
            if compute_opening_digest(sealed) != self._opened.digest:
                raise ContentMismatch("the opening does not have the announced digest")
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            await trio.to_thread.run_sync(write_atomically, path, sealed)
        aad = self._case.opening_aad
        manifest = await trio.to_thread.run_sync(open_manifest, sealed, self._keys, aad)
        check_listed_pieces(manifest, self._shape)
        return manifest

    async def _fetch_manifest(self) -> bytes:
        bound = min(MAX_OPENING_MANIFEST, compute_opening_manifest_size(self._shape))
        with naming_absence():
            return await self._tools.store.get(BlobId(self._opened.blob), bound)

    async def hash_judged(self, wanted: Collection[PieceName], state: Absorbing) -> None:
        """Absorb the sealed manifest, then the plaintext of the wanted pieces, in their order.

        A piece that is not what the manifest says is left out, and all of them are if the manifest
        cannot be read: what is absorbed depends on the blobs alone (``core.judging``).

        Raises:
            PartAbsent: if no endpoint has a blob, or none as small as it may be.
        """
        path = self._folder / MANIFEST_FILE
        known = await trio.to_thread.run_sync(_read_known, path, self._opened.digest)
        state.update(await self._fetch_manifest() if known is None else known)
        try:
            manifest = await self.read_manifest()
            keys = complete_keys(self._keys, manifest)
        except PeerFault:
            return
        blobs = manifest.measure_blobs()
        for piece in sorted(manifest.pieces, key=lambda each: each.name):
            if piece.name not in wanted:
                continue
            try:
                read = await self._fetch(piece, keys, blobs)
            except PeerFault:
                continue
            await trio.to_thread.run_sync(_absorb, read, state)

    async def read(self, wanted: Collection[PieceName]) -> Opening:
        """Return an opening of the wanted pieces; those that the manifest lacks are not in it.

        Raises:
            ContentMismatch: if a blob does not hold what the manifest says.
            DecryptionFailed: if a piece is sealed under another key.
            PartAbsent: if no endpoint has a blob, or none as small as the manifest says.
            MalformedData: as ``read_manifest``.
        """
        manifest = await self.read_manifest()
        listed = [piece for piece in manifest.pieces if piece.name in wanted]
        keys = complete_keys(self._keys, manifest)
        blobs = manifest.measure_blobs()
        return Opening({piece.name: await self._fetch(piece, keys, blobs) for piece in listed})

    async def list_blobs(self) -> list[BlobId]:
        """Return every blob that a committee depends on, that of the verification file among them.

        Errors as ``read_manifest``.
        """
        manifest = await self.read_manifest()
        submission = self._case.submission
        found = [BlobId(self._opened.blob), *manifest.measure_blobs()]
        if submission.abort is None and submission.commitment is not None:
            found.append(BlobId(submission.commitment.file_blob))
        return found

    async def _fetch(
        self, piece: ListedPiece, keys: OpeningKeys, blobs: dict[BlobId, int]
    ) -> ReadPiece:
        key, aad = derive_sealing(piece.name, keys, self._case.opening_aad)
        path = self._folder / name_piece_file(piece.name)
        if not await trio.to_thread.run_sync(has_digest, path, piece.sealed_digest):
            part = path.with_suffix(f".{secrets.token_hex(4)}")
            try:
                await self._collect(piece, part, blobs)
                await trio.to_thread.run_sync(_check_content, piece, part, key, aad)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        return partial(iterate_sealed_piece, path, piece.sealed_digest, key, aad)

    async def _collect(self, piece: ListedPiece, part: Path, blobs: dict[BlobId, int]) -> None:
        """Write the sealed bytes of a piece to ``part``, from the blobs that hold them.

        A blob that may be shared comes through the cache; a large one holds nothing else.
        """
        store = self._tools.store
        whole = part.with_suffix(f"{part.suffix}-blob")
        try:
            for extent in piece.extents:
                size = blobs[extent.blob]
                with naming_absence():
                    if size <= SHARED_BLOB_BYTES:
                        data = await store.get(extent.blob, size)
                        taken = data[extent.offset : extent.end]
                        await trio.to_thread.run_sync(_append, part, taken)
                        continue
                    await store.download(extent.blob, whole, size)
                await trio.to_thread.run_sync(_append_file, part, whole)
        finally:
            whole.unlink(missing_ok=True)


def iterate_sealed_piece(
    path: Path, sealed_digest: bytes, key: bytes, aad: bytes
) -> Iterator[bytes]:
    """Return the plaintext of a sealed piece among our files, in chunks.

    The file is checked first: bytes that our disk has damaged must not look like a bad opening.

    Raises:
        LocalFault: if the file is missing or damaged.
    """
    if not has_digest(path, sealed_digest):
        raise LocalFault(
            f"{path} is missing or damaged", hint="it is fetched again", path=str(path)
        )
    with path.open("rb") as file:
        yield from iterate_plaintext(file, key, aad)


def _check_content(piece: ListedPiece, path: Path, key: bytes, aad: bytes) -> None:
    """Check that fetched bytes are the listed ones, sealed and in the clear. Blocks.

    Raises:
        ContentMismatch, DecryptionFailed: if they are not.
    """
    if not has_digest(path, piece.sealed_digest):
        raise ContentMismatch(f"the blobs do not hold the piece {piece.name.text} of the opening")
    found = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iterate_plaintext(file, key, aad):
            found.update(chunk)
    if found.digest() != piece.digest:
        raise ContentMismatch(f"the piece {piece.name.text} of the opening has another digest")


def _read_known(path: Path, digest: bytes) -> bytes | None:
    """Return a file of ours if it has a digest, else None. Blocks."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if compute_opening_digest(data) == digest else None


def has_digest(path: Path, digest: bytes) -> bool:
    """Return whether a file is there and has this SHA-256. Blocks."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest() == digest
    except OSError:
        return False


def _absorb(read: ReadPiece, state: Absorbing) -> None:
    for chunk in read():
        state.update(chunk)


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def _append_file(path: Path, other: Path) -> None:
    with path.open("ab") as target, other.open("rb") as source:
        while chunk := source.read(_COPIED_AT_ONCE):
            target.write(chunk)
