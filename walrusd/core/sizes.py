"""How many bytes the parts of a task take, computed before any of them exists.

The verification file and the published sum are one blob each; an opening is cut into as many as it
takes, and only its manifest is limited. Before a task is opened, and before a stake on it, all of
them must be known to fit, because finding out later costs the stake. The numbers are upper bounds,
tight to a few bytes.
"""

from collections import Counter
from dataclasses import dataclass

from walrusd.core.aggregate import Aggregate
from walrusd.core.pieces.layouts import COST_BYTES, compute_rows_bound
from walrusd.core.pieces.manifest import UPDATE_SECRET_BYTES, OpeningManifest
from walrusd.core.pieces.names import PieceKind
from walrusd.crypto.cbor import encode_canonical
from walrusd.crypto.paillier.modulus_proof import ROUNDS
from walrusd.crypto.paillier.packing import Packing
from walrusd.crypto.pedersen.g1 import POINT_BYTES, ROW_LENGTH, SCALAR_BYTES
from walrusd.crypto.pedersen.pedersen import PROOF_BYTES
from walrusd.crypto.pedersen.rows import compute_row_count
from walrusd.crypto.stream import compute_ciphertext_size
from walrusd.crypto.vfile.blocks import (
    PaillierBlock,
    PedersenBlock,
    SchemeBlock,
    scheme_of,
    sections_of,
)
from walrusd.crypto.vfile.fields import HASH_BYTES
from walrusd.crypto.vfile.header import FileHeader, FileSubject, Quantisation, header_to_map
from walrusd.crypto.vfile.vfile import MAX_SMALL_SECTION, PREAMBLE
from walrusd.errors import MalformedData

LOSS_DEFINITION_BYTES = 1024
"""The room for the definition of the loss; the ones in use take a tenth of it."""

MAX_OPENING_MANIFEST = 8 << 20
"""Bytes of a sealed manifest that a reader takes, however large the work is."""

SMALLEST_CUT = 1 << 20
"""Bytes. Pieces are not cut into smaller blobs, so that a manifest stays small."""

_COST_HEAD_BYTES = 4
_COST_STEP_BYTES = 8
_SUM_ENTRY_BYTES = 8
_SUM_PART_BYTES = 1 + (2 + HASH_BYTES) + (2 + POINT_BYTES)
"""One that is left out, with the value that shows why; one that is summed has a weight instead."""
_WIDEST = (1 << 64) - 1
_BLANK = bytes(HASH_BYTES)

_ADVICE = {
    "piece of the opening": "raise walrus.max_blob_bytes, if the publishers take more",
    "manifest of the opening": "deal fewer segments (a smaller committee or segments_per_seat), "
    "train less of the model (adapters), or raise walrus.max_blob_bytes, if the publishers take "
    "more",
    "verification file": "train less of the model (adapters), take fewer steps, or use the scheme "
    "pedersen",
    "cost function": "take fewer steps",
    "sum": "train less of the model (adapters)",
    "manifest": "write a shorter plan",
    "list of the weights' chunks": "raise walrus.chunk_bytes, if the publishers take more",
}


@dataclass(frozen=True)
class SchemeShape:
    """An update of ``weights`` entries under a scheme: Paillier's if there is a modulus."""

    weights: int
    modulus_bits: int = 0
    slot_bits: int = 0

    @property
    def modulus_bytes(self) -> int:
        """The length of the modulus; 0 in the Pedersen scheme."""
        return -(-self.modulus_bits // 8)

    @property
    def count(self) -> int:
        """The number of row commitments, or of ciphertexts."""
        if not self.modulus_bits:
            return compute_row_count(self.weights)
        return Packing(1 << (self.modulus_bits - 1), self.slot_bits).count(self.weights)

    @property
    def openings(self) -> int:
        """The number of 32-byte values that open the update."""
        return 1 if self.modulus_bits else self.count

    @property
    def section_bytes(self) -> int:
        """The length of the scheme's section in a verification file."""
        return self.count * (2 * self.modulus_bytes if self.modulus_bits else POINT_BYTES)

    def to_block(self) -> SchemeBlock:
        """Return a header block of this shape, its values blank."""
        point, proof, width = bytes(POINT_BYTES), bytes(PROOF_BYTES), self.modulus_bytes
        if not width:
            return PedersenBlock(ROW_LENGTH, self.count, _BLANK, point, proof)
        return PaillierBlock(
            modulus=bytes(width),
            modulus_proof=bytes(ROUNDS * width),
            slot_bits=self.slot_bits,
            count=self.count,
            root=_BLANK,
            knowledge_proof=bytes(4 * width),
            cost_commitment=point,
            cost_proof=proof,
        )


@dataclass(frozen=True)
class WorkShape:
    """The numbers of a plan, its terms and a dataset that decide the sizes.

    ``steps`` counts the whole run, ``segment_rows`` the rows that one segment reads, with
    repetitions.
    """

    scheme: SchemeShape
    state_bytes: int
    segments: int
    steps: int
    segment_rows: int
    row_bytes: int
    dataset_rows: int
    committee: int
    segments_per_seat: int
    max_submissions: int


@dataclass(frozen=True)
class StoredPart:
    """One blob of a task, in bytes. ``most`` is the readers' own limit."""

    name: str
    size: int
    most: int | None = None


@dataclass(frozen=True)
class Storage:
    """The parts of a task, and how many bytes network and publishers take in one blob."""

    parts: tuple[StoredPart, ...]
    network: int
    publishers: int

    @property
    def too_large(self) -> tuple[StoredPart, ...]:
        """The parts that could not be stored, or would not be read."""
        return tuple(part for part in self.parts if part.size > self.limit_of(part))

    def limit_of(self, part: StoredPart) -> int:
        """Return how many bytes a part may have."""
        limit = min(self.network, self.publishers)
        return limit if part.most is None else min(limit, part.most)

    @property
    def refusal(self) -> str:
        """Sentences about each part that is too large, with the numbers; empty if none is."""
        return " ".join(self._describe(part) for part in self.too_large)

    @property
    def advice(self) -> str:
        """Remedies; empty if nothing is too large."""
        found = [f"{part.name}: {_ADVICE[part.name]}" for part in self.too_large]
        most = max((part.size for part in self.too_large), default=0)
        if self.publishers < most <= self.network:
            found.append("or use a publisher that takes more and raise walrus.max_blob_bytes")
        return "; ".join(found)

    def _describe(self, part: StoredPart) -> str:
        if part.size > self.network:
            who = f"this network takes at most {self.network:,} in one blob"
        elif part.size > self.publishers:
            who = (
                f"the publishers take at most {self.publishers:,} in one upload "
                "(walrus.max_blob_bytes)"
            )
        else:
            who = f"readers take at most {part.most:,}"
        return f"The {part.name} needs {part.size:,} bytes; {who}."


def compute_cost_size(steps: int) -> int:
    """Return the most bytes that the encrypted cost function of ``steps`` steps has."""
    plaintext = _COST_HEAD_BYTES + LOSS_DEFINITION_BYTES + _COST_STEP_BYTES * steps
    return compute_ciphertext_size(plaintext)


def compute_file_size(shape: WorkShape) -> int:
    """Return the most bytes that the verification file has."""
    block = shape.scheme.to_block()
    sizes = (
        compute_cost_size(shape.steps),
        HASH_BYTES * (shape.segments + 1),
        shape.scheme.section_bytes,
    )
    sections = dict(zip(sections_of(scheme_of(block)), sizes, strict=True))
    names = ("chain_id", "package", "task", "submission", "contributor", "seed", "plan_digest")
    subject = FileSubject(
        **dict.fromkeys(names, _BLANK),
        dataset=_BLANK,
        dataset_version=_WIDEST,
        dataset_root=_BLANK,
    )
    quantisation = Quantisation(scale_bits=62, value_bits=32, entries=shape.scheme.weights)
    header = FileHeader(subject, quantisation, _BLANK, _BLANK, _BLANK, _BLANK, block)
    table = {section: (size, _BLANK) for section, size in sections.items()}
    encoded = encode_canonical(header_to_map(header, table))
    return PREAMBLE.size + len(encoded) + HASH_BYTES + sum(sizes)


def compute_dealt(shape: WorkShape) -> int:
    """Return how many segments are dealt at most."""
    return min(shape.committee * shape.segments_per_seat, shape.segments)


def compute_piece_limits(shape: WorkShape) -> dict[PieceKind, int]:
    """Return the most bytes, in the clear, that a piece of each kind has."""
    # A replay that reads no row is given the first one.
    rows = max(1, min(shape.dataset_rows, shape.segment_rows))
    height = max(0, shape.dataset_rows - 1).bit_length()
    return {
        PieceKind.TRACE: HASH_BYTES * (2 * shape.segments + 1),
        PieceKind.START_STATE: shape.state_bytes,
        PieceKind.ROWS: compute_rows_bound(rows, shape.row_bytes, height),
        PieceKind.FINAL_STATE: shape.state_bytes,
        PieceKind.UPDATE: 4 * shape.scheme.weights,
        PieceKind.OPENINGS: SCALAR_BYTES * shape.scheme.openings,
        PieceKind.COST: COST_BYTES,
    }


def _list_sealed_sizes(shape: WorkShape) -> list[tuple[int, int]]:
    """Return how many pieces of each kind there are, and how many bytes one has when sealed."""
    dealt = compute_dealt(shape)
    return [
        (dealt if kind.is_of_segment else 1, compute_ciphertext_size(limit))
        for kind, limit in compute_piece_limits(shape).items()
    ]


def compute_opening_size(shape: WorkShape) -> int:
    """Return the most bytes that all pieces of an opening have, sealed."""
    return sum(count * size for count, size in _list_sealed_sizes(shape))


def compute_opening_manifest_size(shape: WorkShape, cut: int = SMALLEST_CUT) -> int:
    """Return the most bytes of an opening's sealed manifest; pieces are cut every ``cut`` bytes."""
    pieces = sum(
        count * (_PIECE_ENTRY + _EXTENT_ENTRY * -(-size // cut))
        for count, size in _list_sealed_sizes(shape)
    )
    sections = [_SECTION_HEAD + pieces, _SECTION_HEAD]
    return _MANIFEST_HEAD + sum(compute_ciphertext_size(section) for section in sections)


_NUMBER = 9
"""The most bytes of a number in CBOR, or of the head of a list or a byte string."""
_PIECE_ENTRY = 1 + 2 + _NUMBER + 1 + _NUMBER + 2 * (2 + HASH_BYTES) + _NUMBER + 1
_EXTENT_ENTRY = 1 + (2 + HASH_BYTES) + 2 * _NUMBER
_SECTION_HEAD = 1 + 2 + (1 + 2 + UPDATE_SECRET_BYTES) + 1 + _NUMBER
_MANIFEST_HEAD = 1 + 2 + 2 * (1 + _NUMBER)


def compute_sum_size(shape: WorkShape) -> int:
    """Return the most bytes that the published sum has."""
    width = shape.scheme.modulus_bytes
    blank = Aggregate(b"", (bytes(width),) if width else (), ())
    openings = 0 if width else shape.scheme.openings * (2 + SCALAR_BYTES)
    # Apart from the items, the heads of the byte string and of both lists grow by at most 8 bytes.
    heads = len(blank.to_bytes()) + 3 * 8
    vector = _SUM_ENTRY_BYTES * shape.scheme.weights
    return heads + vector + openings + _SUM_PART_BYTES * shape.max_submissions


def list_contributed(shape: WorkShape, blob_bytes: int) -> tuple[StoredPart, ...]:
    """Return the parts that a contributor stores, whose blobs have at most ``blob_bytes``."""
    largest = max(size for _count, size in _list_sealed_sizes(shape))
    manifest = compute_opening_manifest_size(shape, max(blob_bytes, SMALLEST_CUT))
    return (
        StoredPart("piece of the opening", min(largest, SMALLEST_CUT)),
        StoredPart("manifest of the opening", manifest, MAX_OPENING_MANIFEST),
        StoredPart("verification file", compute_file_size(shape)),
        StoredPart("cost function", compute_cost_size(shape.steps), MAX_SMALL_SECTION),
    )


def check_listed_pieces(manifest: OpeningManifest, shape: WorkShape) -> None:
    """Check what a manifest declares against what the work can have, before any of it is fetched.

    Raises:
        MalformedData: if a piece is larger, of another segment, or one too many.
    """
    limits, counts = compute_piece_limits(shape), Counter[PieceKind]()
    for piece in manifest.pieces:
        kind, index = piece.name.kind, piece.name.index
        counts[kind] += 1
        if piece.size > limits[kind]:
            raise MalformedData(
                f"the piece {piece.name.text} of the opening declares {piece.size:,} bytes, and "
                f"has at most {limits[kind]:,}"
            )
        if index > shape.segments or counts[kind] > compute_dealt(shape):
            raise MalformedData(f"the opening has a piece {piece.name.text}, and no such segment")
