"""Writing a verification file: one pass over each section for its root, one to copy it.

The header comes first and holds the root of every section, so commitments are read twice and not
kept: an update of any size takes the memory of one piece.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from typing import BinaryIO

from walrusd.crypto import merkle
from walrusd.crypto.cbor import encode_canonical
from walrusd.crypto.cost import CostFunction, compute_loss_root
from walrusd.crypto.fileobjects import read_up_to, write_all
from walrusd.crypto.number_tree import LeafKind, TreeHasher
from walrusd.crypto.stream import compute_key_check, encrypt_bytes
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.crypto.vfile.blocks import SchemeBlock, scheme_of, sections_of
from walrusd.crypto.vfile.header import (
    FileHeader,
    FileSubject,
    Quantisation,
    header_from_map,
    header_to_map,
)
from walrusd.crypto.vfile.vfile import (
    MAGIC,
    PIECE_BYTES,
    PREAMBLE,
    VERSION,
    Source,
)

OnWritten = Callable[[int], None]
"""Called with the number of bytes written so far."""


def write_verification_file(
    target: BinaryIO,
    subject: FileSubject,
    quantisation: Quantisation,
    *,
    update_root: bytes,
    trace_leaves: Sequence[bytes],
    scheme: SchemeBlock,
    committed: Source,
    cost: CostFunction,
    cost_key: bytes,
    on_written: OnWritten | None = None,
) -> bytes:
    """Write the file to ``target`` and return its digest, 32 bytes, which goes on the chain.

    The trace leaves are ``leaf_0 … leaf_S``, 32 bytes each; ``committed`` opens the row
    commitments or ciphertexts that ``scheme`` describes; the cost is encrypted here.

    Raises:
        MalformedHeader: if a field has a wrong size or an impossible value.
        MalformedCbor: if the loss definition is outside the narrow form of CBOR.
        ValueError: as ``CostFunction.to_bytes`` and ``encrypt_bytes``.
    """
    plaintext = cost.to_bytes()
    number = scheme_of(scheme)
    stream = encrypt_bytes(plaintext, cost_key, subject.cost_aad())
    sources: list[Source] = [
        partial(BytesIO, stream),
        partial(BytesIO, b"".join(trace_leaves)),
        committed,
    ]
    bodies = dict(zip(sections_of(number), sources, strict=True))
    table = {section: _measure(body) for section, body in bodies.items()}
    header = FileHeader(
        subject,
        quantisation,
        update_root,
        merkle.compute_root(trace_leaves),
        compute_loss_root(cost_key, plaintext),
        compute_key_check(cost_key, subject.submission),
        scheme,
    )
    values = header_to_map(header, table)
    header_from_map(values, number)  # a field of a wrong size is found before anything is written
    encoded = encode_canonical(values)
    head = PREAMBLE.pack(MAGIC, VERSION, number, 0, len(encoded)) + encoded
    digest = hash_tagged(Tag.VFILE, head)
    write_all(target, head + digest)
    written = len(head) + len(digest)
    for body in bodies.values():
        for piece in _read_pieces(body):
            write_all(target, piece)
            written += len(piece)
            if on_written is not None:
                on_written(written)
    return digest


def _read_pieces(body: Source) -> Iterator[bytes]:
    with body() as file:
        while piece := read_up_to(file, PIECE_BYTES):
            yield piece


def _measure(body: Source) -> tuple[int, bytes]:
    """Return the length of a section and its root over leaves of bytes."""
    size, hasher = 0, TreeHasher(LeafKind.BYTES)
    for piece in _read_pieces(body):
        size += len(piece)
        hasher.update(piece)
    return size, hasher.root()
