"""The verification file, version 2: everything a submission commits to, in one container.

``file = preamble(16) ‖ header ‖ digest(32) ‖ cost section ‖ trace section ‖ scheme section``;
``preamble = "WALRUSDV" ‖ u8 version ‖ u8 scheme ‖ u16 0 ‖ u32 LE header length``;
``digest = H(VFILE ‖ preamble ‖ header)``, which is also stored on the chain. The header is
canonical CBOR with integer keys below 24 and names every section by its length and Merkle root,
so the digest covers each byte.

Opening a file reads its header alone; the sections are read in pieces later, so a file larger than
memory can be checked. ``header.py`` has the header and ``writer.py`` the writer; ``checks.py``
verifies the contents.
"""

import os
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import BinaryIO

from walrusd.crypto.cbor import decode_canonical
from walrusd.crypto.fileobjects import read_up_to
from walrusd.crypto.pedersen.g1 import POINT_BYTES
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.crypto.vfile.blocks import (
    SCHEME_PAILLIER,
    SCHEME_PEDERSEN,
    Section,
    scheme_of,
    sections_of,
)
from walrusd.crypto.vfile.fields import HASH_BYTES
from walrusd.crypto.vfile.header import FileHeader, header_from_map, read_section_table
from walrusd.errors import MalformedHeader, MalformedSection

MAGIC = b"WALRUSDV"
VERSION = 2
MAX_HEADER_BYTES = 1 << 16
PREAMBLE = struct.Struct("<8sBBHI")

PIECE_BYTES = 1 << 20
"""Bytes of a section that are read at once."""

MAX_SMALL_SECTION = 1 << 28
"""Bytes that the cost (8 per step) and the trace (32 per segment) may have: each is read whole."""

Source = Callable[[], BinaryIO]
"""Opens the file for reading once: ``path.open`` with its mode, or a ``BytesIO``."""

_ITEM_BYTES = {Section.TRACE: HASH_BYTES, Section.ROWS: POINT_BYTES}


@dataclass(frozen=True)
class Span:
    """A section's offset and size in bytes, and its root over leaves of 4 KiB by the header."""

    offset: int
    size: int
    root: bytes


@dataclass(frozen=True)
class VerificationFile:
    """A file whose layout is right, but whose contents have not been checked."""

    header: FileHeader
    digest: bytes
    stored_digest: bytes
    spans: Mapping[Section, Span]
    source: Source = field(repr=False, compare=False)

    @property
    def sections(self) -> tuple[Section, ...]:
        """The sections of the file's scheme, in their order."""
        return sections_of(scheme_of(self.header.scheme))

    def pieces(
        self, section: Section, size: int = PIECE_BYTES, start: int = 0, stop: int | None = None
    ) -> Iterator[bytes]:
        """Yield bytes ``start … stop`` of a section, ``size`` at a time; none of an absent one.

        Raises:
            MalformedSection: if the file has become shorter since it was opened.
        """
        span = self.spans.get(section)
        if span is None:
            return
        with self.source() as file:
            file.seek(span.offset + start)
            end = span.size if stop is None else min(stop, span.size)
            for place in range(start, end, size):
                piece = read_up_to(file, min(size, end - place))
                if len(piece) != min(size, end - place):
                    raise MalformedSection(f"the {section.name.lower()} section is cut short")
                yield piece

    def section(self, section: Section) -> bytes:
        """Return the bytes of a section. Raises as ``pieces``."""
        return b"".join(self.pieces(section))

    @property
    def cost_stream(self) -> bytes:
        """The encrypted cost function. Raises as ``pieces``."""
        return self.section(Section.COST)

    @property
    def trace_leaves(self) -> tuple[bytes, ...]:
        """``leaf_0 … leaf_S``, 32 bytes each. Raises as ``pieces``."""
        return split_items(self.section(Section.TRACE), HASH_BYTES)

    @property
    def row_commitments(self) -> tuple[bytes, ...]:
        """The row commitments, 48 bytes each; none in a Paillier file. Raises as ``pieces``."""
        return split_items(self.section(Section.ROWS), POINT_BYTES)

    @property
    def ciphertexts(self) -> bytes:
        """All ciphertexts; none in a file of the Pedersen scheme. Raises as ``pieces``."""
        return self.section(Section.CIPHERTEXTS)


def read_verification_file(data: bytes) -> VerificationFile:
    """Read the header of a file in memory. Raises as ``open_verification_file``."""
    return open_verification_file(partial(BytesIO, data))


def open_verification_file(source: Source) -> VerificationFile:
    """Read the header of a file, and check that its sections fill the rest of it.

    ``checks.py`` checks digests, roots, and proofs.

    Raises:
        MalformedHeader: if preamble or header do not have the layout of version 2.
        MalformedCbor: if the header is not canonical CBOR.
        MalformedSection: if the sections do not fill the file, or do not hold whole items.
    """
    with source() as file:
        preamble = read_up_to(file, PREAMBLE.size)
        scheme, length = _read_preamble(preamble)
        encoded = read_up_to(file, length)
        stored = read_up_to(file, HASH_BYTES)
        if len(encoded) + len(stored) != length + HASH_BYTES:
            raise MalformedHeader("the verification file ends within its header")
        size = file.seek(0, os.SEEK_END)
    values = decode_canonical(encoded)
    header = header_from_map(values, scheme)
    spans, offset = {}, PREAMBLE.size + length + HASH_BYTES
    for section, (width, root) in read_section_table(values[23], scheme).items():
        spans[section] = Span(offset, width, root)
        offset += width
    if offset != size:
        raise MalformedSection("the sections of the verification file do not fill it exactly")
    for section, span in spans.items():
        _check_span(section, span)
    digest = hash_tagged(Tag.VFILE, preamble, encoded)
    return VerificationFile(header, digest, stored, spans, source)


def _read_preamble(preamble: bytes) -> tuple[int, int]:
    """Return the number of the scheme and the length of the header."""
    if len(preamble) < PREAMBLE.size:
        raise MalformedHeader("the file is too short for a verification file")
    magic, version, scheme, reserved, length = PREAMBLE.unpack(preamble)
    if magic != MAGIC:
        raise MalformedHeader("the file is not a verification file")
    known = scheme in (SCHEME_PEDERSEN, SCHEME_PAILLIER)
    if not known or (version, reserved) != (VERSION, 0):
        raise MalformedHeader(
            f"version {version}, scheme {scheme} of a verification file is not supported",
            hint="the sender may run a newer walrusd",
        )
    if length > MAX_HEADER_BYTES:
        raise MalformedHeader("the header of the verification file is too long")
    return scheme, length


def _check_span(section: Section, span: Span) -> None:
    width = _ITEM_BYTES.get(section, 1)
    if span.size % width:
        raise MalformedSection(
            f"the {section.name.lower()} section of {span.size} bytes does not hold items of "
            f"{width} bytes"
        )
    if section in (Section.COST, Section.TRACE) and span.size > MAX_SMALL_SECTION:
        raise MalformedSection(
            f"the {section.name.lower()} section has {span.size} bytes, over {MAX_SMALL_SECTION}"
        )


def split_items(body: bytes, width: int) -> tuple[bytes, ...]:
    """Return the items of ``width`` bytes that ``body`` consists of."""
    return tuple(body[i : i + width] for i in range(0, len(body), width))
