"""The verification file, version 1: everything a submission commits to, in one container.

``file = preamble(16) ‖ header ‖ digest(32) ‖ cost section ‖ trace section ‖ scheme section``;
``preamble = "WALRUSDV" ‖ u8 version ‖ u8 scheme ‖ u16 0 ‖ u32 LE header length``;
``digest = H(VFILE ‖ preamble ‖ header)``, which is also stored on the chain. The header is
canonical CBOR with integer keys below 24 and names every section by its length and Merkle root,
so the digest covers each byte.

This module gives the container and ``vfile_header`` its header; whether the contents hold is the
business of ``vfile_checks``.
"""

import struct
from dataclasses import dataclass

from walrusd.crypto import merkle
from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.crypto.cost import CostFunction, compute_loss_root
from walrusd.crypto.g1 import POINT_BYTES
from walrusd.crypto.stream import compute_key_check, encrypt_bytes
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.crypto.vfile_blocks import (
    SCHEME_PAILLIER,
    SCHEME_PEDERSEN,
    SchemeBlock,
    Section,
    scheme_of,
    sections_of,
)
from walrusd.crypto.vfile_fields import HASH_BYTES
from walrusd.crypto.vfile_header import (
    FileHeader,
    FileSubject,
    Quantisation,
    header_from_map,
    header_to_map,
    read_section_table,
)
from walrusd.errors import MalformedData

MAGIC = b"WALRUSDV"
VERSION = 1
MAX_HEADER_BYTES = 1 << 16
_PREAMBLE = struct.Struct("<8sBBHI")


@dataclass(frozen=True)
class VerificationFile:
    """A file whose layout is right. Its contents are not checked yet.

    ``row_commitments`` is empty in a file of the Paillier scheme, ``ciphertexts`` in one of the
    Pedersen scheme.
    """

    header: FileHeader
    digest: bytes
    stored_digest: bytes
    section_roots: dict[Section, bytes]
    cost_stream: bytes
    trace_leaves: tuple[bytes, ...]
    row_commitments: tuple[bytes, ...]
    ciphertexts: bytes

    @property
    def sections(self) -> tuple[Section, ...]:
        """The sections of the file's scheme, in their order."""
        return sections_of(scheme_of(self.header.scheme))

    def section(self, section: Section) -> bytes:
        """Return the bytes of a section."""
        match section:
            case Section.COST:
                return self.cost_stream
            case Section.TRACE:
                return b"".join(self.trace_leaves)
            case Section.ROWS:
                return b"".join(self.row_commitments)
            case Section.CIPHERTEXTS:
                return self.ciphertexts


def build_verification_file(
    subject: FileSubject,
    quantisation: Quantisation,
    *,
    update_root: bytes,
    trace_leaves: list[bytes],
    scheme: SchemeBlock,
    committed: bytes,
    cost: CostFunction,
    cost_key: bytes,
) -> bytes:
    """Return the file. ``read_verification_file`` of it gives the digest for the chain.

    The trace leaves are ``leaf_0 … leaf_S``, 32 bytes each; ``committed`` holds the row
    commitments or ciphertexts that ``scheme`` is about; the cost is encrypted here. The result is
    read back, so a field of a wrong size is found at once.

    Raises:
        MalformedData: if a field has a wrong size or an impossible value.
    """
    plaintext = cost.to_bytes()
    number = scheme_of(scheme)
    bodies = (
        encrypt_bytes(plaintext, cost_key, subject.cost_aad()),
        b"".join(trace_leaves),
        committed,
    )
    sections = dict(zip(sections_of(number), bodies, strict=True))
    header = FileHeader(
        subject,
        quantisation,
        update_root,
        merkle.compute_root(trace_leaves),
        compute_loss_root(cost_key, plaintext),
        compute_key_check(cost_key, subject.submission),
        scheme,
    )
    encoded = encode_canonical(header_to_map(header, sections))
    head = _PREAMBLE.pack(MAGIC, VERSION, number, 0, len(encoded)) + encoded
    data = head + hash_tagged(Tag.VFILE, head) + b"".join(bodies)
    read_verification_file(data)
    return data


def read_verification_file(data: bytes) -> VerificationFile:
    """Take a file apart. Digests, roots, and proofs are checked by ``vfile_checks``.

    Raises:
        MalformedData: if the bytes do not have the layout of version 1.
    """
    if len(data) < _PREAMBLE.size:
        raise MalformedData("the file is too short for a verification file")
    magic, version, scheme, reserved, length = _PREAMBLE.unpack_from(data)
    if magic != MAGIC:
        raise MalformedData("the file is not a verification file")
    known = scheme in (SCHEME_PEDERSEN, SCHEME_PAILLIER)
    if not known or (version, reserved) != (VERSION, 0):
        raise MalformedData(
            f"verification file version {version}, scheme {scheme} is not known here",
            hint="the sender may run a newer walrusd",
        )
    end = _PREAMBLE.size + length
    if length > MAX_HEADER_BYTES or end + HASH_BYTES > len(data):
        raise MalformedData("the header of the verification file has an impossible length")
    values = decode_canonical(data[_PREAMBLE.size : end])
    header = header_from_map(values, scheme)
    table = read_section_table(values[23], scheme)
    if sum(size for size, _ in table.values()) != len(data) - end - HASH_BYTES:
        raise MalformedData("the sections of the verification file do not fill it exactly")
    bodies, position = {}, end + HASH_BYTES
    for section, (size, _) in table.items():
        bodies[section] = data[position : position + size]
        position += size
    return VerificationFile(
        header=header,
        digest=hash_tagged(Tag.VFILE, data[:end]),
        stored_digest=data[end : end + HASH_BYTES],
        section_roots={section: root for section, (_, root) in table.items()},
        cost_stream=bodies[Section.COST],
        trace_leaves=_split(bodies[Section.TRACE], HASH_BYTES),
        row_commitments=_split(bodies.get(Section.ROWS, b""), POINT_BYTES),
        ciphertexts=bodies.get(Section.CIPHERTEXTS, b""),
    )


def _split(body: bytes, width: int) -> tuple[bytes, ...]:
    if len(body) % width:
        raise MalformedData(f"a section of {len(body)} bytes has no items of {width} bytes")
    return tuple(body[i : i + width] for i in range(0, len(body), width))
