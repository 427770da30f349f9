"""The parts of a verification file that depend on the scheme: a header block and a section.

Pedersen: one point per row of the update. Paillier: the encrypted update, the key it is encrypted
to, the proof that this key is binding, and the proof that the contributor knows the update. Both
hold the commitment of the cost, a Pedersen commitment in either scheme, as the contract opens it.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from walrusd.crypto.paillier.keys import MAX_BITS, PublicKey, read_public_key
from walrusd.crypto.paillier.modulus_proof import ROUNDS
from walrusd.crypto.paillier.packing import SLOT_BITS, Packing
from walrusd.crypto.pedersen.g1 import POINT_BYTES, ROW_LENGTH
from walrusd.crypto.pedersen.pedersen import PROOF_BYTES
from walrusd.crypto.vfile.fields import HASH_BYTES, read_bytes, read_integer, read_map, refuse

SCHEME_PEDERSEN = 1
SCHEME_PAILLIER = 2

_MAX_COUNT = 1 << 40


class Section(IntEnum):
    """The sections, in the order of the file."""

    COST = 1
    TRACE = 2
    ROWS = 3
    CIPHERTEXTS = 4


_RAW, _AES_STREAM = 0, 1
CODECS = {
    Section.COST: _AES_STREAM,
    Section.TRACE: _RAW,
    Section.ROWS: _RAW,
    Section.CIPHERTEXTS: _RAW,
}


@dataclass(frozen=True)
class PedersenBlock:
    """``count`` row commitments with the root ``root``, one leaf each.

    ``cost_commitment`` has 48 bytes, ``cost_proof`` is ``prove_opening`` of it, 112 bytes.
    """

    row_length: int
    count: int
    root: bytes
    cost_commitment: bytes
    cost_proof: bytes


@dataclass(frozen=True)
class PaillierBlock:
    """``count`` ciphertexts with the root ``root``, one leaf each, and their key.

    ``modulus_proof`` is ``prove_modulus`` for ``chain id ‖ package``, ``knowledge_proof``
    ``prove_knowledge`` for the context of the cost's proof.
    """

    modulus: bytes
    modulus_proof: bytes
    slot_bits: int
    count: int
    root: bytes
    knowledge_proof: bytes
    cost_commitment: bytes
    cost_proof: bytes

    @property
    def key(self) -> PublicKey:
        """The public key. Raises PaillierKeyRefused if the modulus has no acceptable size."""
        return read_public_key(self.modulus)

    @property
    def packing(self) -> Packing:
        """How entries are packed into plaintexts. Raises PaillierKeyRefused as ``key``."""
        return Packing(self.key.n, self.slot_bits)


SchemeBlock = PedersenBlock | PaillierBlock


def scheme_of(block: SchemeBlock) -> int:
    """Return the number of a block's scheme."""
    return SCHEME_PEDERSEN if isinstance(block, PedersenBlock) else SCHEME_PAILLIER


def sections_of(scheme: int) -> tuple[Section, ...]:
    """Return the sections of a file of ``scheme``, in the order of the file."""
    last = Section.ROWS if scheme == SCHEME_PEDERSEN else Section.CIPHERTEXTS
    return (Section.COST, Section.TRACE, last)


def block_to_map(block: SchemeBlock) -> dict[int, Any]:
    """Return the map of field 14 of the header."""
    if isinstance(block, PedersenBlock):
        return {
            0: block.row_length,
            1: block.count,
            2: block.root,
            3: block.cost_commitment,
            4: block.cost_proof,
        }
    return {
        1: block.count,
        2: block.root,
        3: block.cost_commitment,
        4: block.cost_proof,
        5: block.modulus,
        6: block.modulus_proof,
        7: block.slot_bits,
        8: block.knowledge_proof,
    }


def block_from_map(value: Any, scheme: int) -> SchemeBlock:
    """Read field 14 of the header of a file of ``scheme``.

    Raises:
        MalformedHeader: if a field is missing, unknown, or has a wrong size or an impossible value.
    """
    own = {0} if scheme == SCHEME_PEDERSEN else {5, 6, 7, 8}
    block = read_map(value, {1, 2, 3, 4} | own, "scheme block")
    count = read_integer(block[1], 1, _MAX_COUNT, "number of commitments")
    root = read_bytes(block[2], HASH_BYTES, "root of the commitments")
    cost_commitment = read_bytes(block[3], POINT_BYTES, "cost commitment")
    cost_proof = read_bytes(block[4], PROOF_BYTES, "proof of the cost commitment")
    if scheme == SCHEME_PEDERSEN:
        row_length = read_integer(block[0], 1, ROW_LENGTH, "row length")
        return PedersenBlock(row_length, count, root, cost_commitment, cost_proof)
    modulus = block[5]
    if not isinstance(modulus, bytes) or not 1 <= len(modulus) <= MAX_BITS // 8:
        refuse("Paillier modulus")
    if block[7] not in SLOT_BITS or type(block[7]) is not int:
        refuse("slot width")
    return PaillierBlock(
        modulus=modulus,
        modulus_proof=read_bytes(block[6], ROUNDS * len(modulus), "proof of the modulus"),
        slot_bits=block[7],
        count=count,
        root=root,
        knowledge_proof=read_bytes(block[8], 4 * len(modulus), "proof of knowledge"),
        cost_commitment=cost_commitment,
        cost_proof=cost_proof,
    )
