"""The checks of a verification file that depend on its scheme, one set per scheme.

An update is opened by 32-byte values: for Pedersen one blinding per row (a scalar, big-endian), for
Paillier the seed of the encryption alone.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from walrusd.crypto.merkle import compute_root_of_items
from walrusd.crypto.paillier.modulus_proof import verify_modulus
from walrusd.crypto.paillier.proofs import (
    PIECE_CIPHERTEXTS,
    verify_encryption,
    verify_knowledge_of,
)
from walrusd.crypto.pedersen.g1 import POINT_BYTES, decode_point, decode_scalar
from walrusd.crypto.pedersen.pedersen import compute_pok_context
from walrusd.crypto.pedersen.rows import Update, compute_row_count, verify_rows
from walrusd.crypto.vfile.blocks import PaillierBlock, PedersenBlock, Section
from walrusd.crypto.vfile.header import FileHeader
from walrusd.crypto.vfile.vfile import VerificationFile
from walrusd.errors import MalformedData, VerificationFailed

NamedCheck = tuple[str, Callable[[], None]]

_PIECE_ROWS = 8192


def compute_modulus_context(chain_id: bytes, package: bytes) -> bytes:
    """Return the context of a task's modulus proof: ``chain id ‖ package``, 64 bytes."""
    return chain_id + package


def compute_knowledge_context(header: FileHeader) -> bytes:
    """Return the context of a submission's proofs: ``ctx ‖ trace root ‖ update root``, 96 bytes."""
    return compute_pok_context(header.subject.ctx(), header.trace_root, header.update_root)


def list_scheme_checks(file: VerificationFile) -> list[NamedCheck]:
    """Return the checks of the file's scheme that need no key, by name."""
    block = file.header.scheme
    if isinstance(block, PedersenBlock):
        return [
            ("row root", partial(_check_row_root, file, block)),
            ("row commitments", partial(_check_points, file)),
        ]
    return [
        ("ciphertext root", partial(_check_ciphertext_root, file, block)),
        ("Paillier key", partial(_check_modulus, file, block)),
        ("knowledge of the update", partial(_check_knowledge, file, block)),
    ]


def verify_scheme_opening(
    file: VerificationFile, update: Update, openings: Sequence[bytes]
) -> None:
    """Check that the file's commitments or ciphertexts open to ``update``.

    Raises:
        VerificationFailed: if they do not.
        MalformedData: if a commitment is malformed, or the number of openings is wrong.
    """
    block = file.header.scheme
    if isinstance(block, PedersenBlock):
        blindings = [decode_scalar(blinding) for blinding in openings]
        verify_rows(update, blindings, file.row_commitments, block.row_length)
        return
    if len(openings) != 1:
        raise MalformedData(f"one seed opens an encrypted update, not {len(openings)}")
    verify_encryption(block.key, file.ciphertexts, block.packing.pack(update), openings[0])


def _row_pieces(file: VerificationFile) -> Iterator[bytes]:
    return file.pieces(Section.ROWS, POINT_BYTES * _PIECE_ROWS)


def _ciphertext_pieces(file: VerificationFile, block: PaillierBlock) -> Iterator[bytes]:
    return file.pieces(Section.CIPHERTEXTS, block.key.ciphertext_bytes * PIECE_CIPHERTEXTS)


def _check_row_root(file: VerificationFile, block: PedersenBlock) -> None:
    rows = compute_row_count(file.header.quantisation.entries, block.row_length)
    held = file.spans[Section.ROWS].size // POINT_BYTES
    if not rows == block.count == held:
        raise VerificationFailed(
            f"the header states {block.count} row commitments and the file holds {held}, but the "
            f"update takes {rows}"
        )
    if compute_root_of_items(_row_pieces(file), POINT_BYTES) != block.root:
        raise VerificationFailed("the row commitments do not have the root in the header")


def _check_points(file: VerificationFile) -> None:
    for piece in _row_pieces(file):
        for start in range(0, len(piece), POINT_BYTES):
            decode_point(piece[start : start + POINT_BYTES])


def _check_ciphertext_root(file: VerificationFile, block: PaillierBlock) -> None:
    quantisation, packing = file.header.quantisation, block.packing
    if 1 << (quantisation.value_bits - 1) >= packing.bound:
        raise VerificationFailed("the update's values do not fit the slots")
    count = packing.count(quantisation.entries)
    width, size = block.key.ciphertext_bytes, file.spans[Section.CIPHERTEXTS].size
    if count * width != size or count != block.count:
        raise VerificationFailed(
            f"the header states {block.count} ciphertexts in {size} bytes, but the update takes "
            f"{count} of {width} bytes"
        )
    if compute_root_of_items(_ciphertext_pieces(file, block), width) != block.root:
        raise VerificationFailed("the ciphertexts do not have the root in the header")


def _check_modulus(file: VerificationFile, block: PaillierBlock) -> None:
    subject = file.header.subject
    context = compute_modulus_context(subject.chain_id, subject.package)
    verify_modulus(block.key, block.modulus_proof, context)


def _check_knowledge(file: VerificationFile, block: PaillierBlock) -> None:
    context = compute_knowledge_context(file.header)
    pieces = partial(_ciphertext_pieces, file, block)
    verify_knowledge_of(block.key, pieces, block.knowledge_proof, context)
