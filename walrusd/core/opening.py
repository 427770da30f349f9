"""The opening: what a contributor encrypts to its committee so that it can replay its segments.

The payload is canonical CBOR, encrypted as an AES-GCM stream under a fresh key (PROTOCOL
section 5). Roots on the chain authenticate it: the trace root its leaves, leaves the states, the
dataset's salted root the rows, and the update's root the update.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from walrusd.core.protocol import compute_leaf, compute_leaf_zero, compute_trace_root
from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.crypto.dataset_rows import RowProof, verify_row
from walrusd.crypto.pedersen.g1 import decode_scalar
from walrusd.crypto.pedersen.pedersen import verify_commitment as verify_pedersen_opening
from walrusd.crypto.stream import compute_ciphertext_size
from walrusd.errors import MalformedData, VerificationFailed

VERSION = 1


@dataclass(frozen=True)
class OpenedRow:
    """One dataset row with the proof that it is part of the listed dataset."""

    data: bytes
    proof: RowProof


@dataclass(frozen=True)
class OpenedCost:
    """The opening of the cost: the key of the cost section, and the final cost with its blinding.

    ``final`` is the mean loss of the last segment, in units of 2**-32. It is included even if the
    task makes it public, so that a committee's work is the same under both cost rules.
    """

    key: bytes
    final: int
    blinding: bytes


@dataclass(frozen=True)
class Opening:
    """The payload of an opening.

    ``state_roots`` has S+1 entries, ``slot_roots`` S (of segments 1 … S; for an abort S is the
    segment that it ends in). ``states`` maps a boundary (0 … S) to canonical state bytes.
    ``update`` is int32 little-endian. ``openings`` open the update's commitments: in the Pedersen
    scheme a 32-byte big-endian scalar for each row, in the Paillier scheme only the seed of the
    encryption. An abort has neither update nor cost: ``update`` and ``openings`` are empty, and
    ``cost`` is None.
    """

    state_roots: tuple[bytes, ...]
    slot_roots: tuple[bytes, ...]
    states: dict[int, bytes]
    update: bytes
    openings: tuple[bytes, ...]
    cost: OpenedCost | None
    rows: tuple[OpenedRow, ...]

    def leaves(self) -> list[bytes]:
        """Return ``leaf_0 … leaf_S``."""
        first = compute_leaf_zero(self.state_roots[0])
        return [first] + [
            compute_leaf(i, self.state_roots[i], self.slot_roots[i - 1])
            for i in range(1, len(self.state_roots))
        ]

    def to_bytes(self) -> bytes:
        """Return the canonical encoding."""
        cost = self.cost
        return encode_canonical(
            {
                0: VERSION,
                1: list(self.state_roots),
                2: list(self.slot_roots),
                3: [[boundary, self.states[boundary]] for boundary in sorted(self.states)],
                4: self.update,
                5: list(self.openings),
                6: [] if cost is None else [cost.key, cost.final, cost.blinding],
                7: [
                    [row.proof.index, row.proof.salt, list(row.proof.path), row.data]
                    for row in self.rows
                ],
            }
        )


@dataclass(frozen=True)
class VerifiedOpening:
    """An opening whose leaves and rows match the roots on the chain."""

    opening: Opening
    leaves: tuple[bytes, ...]


def parse_opening(data: bytes) -> Opening:
    """Read an opening.

    Raises:
        MalformedData: if the bytes are not an opening.
    """
    try:
        return _from_map(decode_canonical(data))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise MalformedData("the opening does not have the layout of version 1") from error


def _items(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list has another type")  # noqa: TRY004  # all become MalformedData
    return value


def _bytes(value: Any) -> bytes:
    # Not bytes(value): for a large integer that would allocate as many zeros.
    if not isinstance(value, bytes):
        raise ValueError("a byte string has another type")  # noqa: TRY004  # as above
    return value


def _index(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("an index is a natural number")
    return value


def _hashes(values: Any) -> tuple[bytes, ...]:
    if any(not isinstance(value, bytes) or len(value) != 32 for value in _items(values)):
        raise ValueError("a 32-byte value has another size")
    return tuple(values)


def _cost(value: Any) -> OpenedCost | None:
    if _items(value) == []:
        return None
    key, final, blinding = value
    if _index(final) >= 1 << 64:
        raise ValueError("a final cost has 64 bits")
    key, blinding = _hashes([key, blinding])
    return OpenedCost(key, final, blinding)


def _from_map(value: Any) -> Opening:
    if not isinstance(value, dict) or set(value) != set(range(8)) or value[0] != VERSION:
        raise ValueError("unknown version or fields")
    update, openings, cost = _bytes(value[4]), _hashes(value[5]), _cost(value[6])
    if len(update) % 4:
        raise ValueError("the update is not int32")
    if not bool(update) == bool(openings) == (cost is not None):
        raise ValueError("an update comes with its openings and its cost")
    states = {_index(boundary): _bytes(state) for boundary, state in _items(value[3])}
    if len(states) != len(value[3]) or list(states) != sorted(states):
        raise ValueError("the states are not in ascending order of their boundaries")
    return Opening(
        state_roots=_hashes(value[1]),
        slot_roots=_hashes(value[2]),
        states=states,
        update=update,
        openings=openings,
        cost=cost,
        rows=tuple(
            OpenedRow(_bytes(data), RowProof(_index(index), _hashes([salt])[0], _hashes(path)))
            for index, salt, path, data in _items(value[7])
        ),
    )


def verify_opening(
    opening: Opening, *, segments: int, trace_root: bytes, row_root: bytes, row_count: int
) -> VerifiedOpening:
    """Check leaves and rows against the chain's roots; states are checked when they are loaded.

    Raises:
        VerificationFailed: if a root does not match, or the rows are not in ascending order.
    """
    if len(opening.state_roots) != segments + 1 or len(opening.slot_roots) != segments:
        raise VerificationFailed(f"the opening does not have the roots of {segments} segments")
    leaves = opening.leaves()
    if compute_trace_root(leaves) != trace_root:
        raise VerificationFailed("the opened leaves do not give the committed trace root")
    indices = [row.proof.index for row in opening.rows]
    if any(after <= before for before, after in pairwise(indices)):
        raise VerificationFailed("the opened rows are not in ascending order")
    for row in opening.rows:
        verify_row(row_root, row_count, row.proof, row.data)
    return VerifiedOpening(opening, tuple(leaves))


def verify_opened_cost(cost: OpenedCost, commitment: bytes) -> None:
    """Check that a Pedersen ``commitment`` opens to the final cost.

    If costs are public, the contract checked the published one against the same commitment, which
    is binding, so both are equal.

    Raises:
        MalformedScalar: if the blinding is not a scalar.
        MalformedPoint: if the commitment is not a group element.
        CommitmentMismatch: if it does not open to this cost.
    """
    verify_pedersen_opening(commitment, cost.final, decode_scalar(cost.blinding))


def verify_rows_cover(opening: Opening, needed: Iterable[int], row_bytes: int) -> None:
    """Check that an opening holds every row that a replay will read, each in full.

    Without this check a missing row would fail the replay, and an honest verifier would accuse.

    Raises:
        VerificationFailed: naming the first row that is missing or of another width.
    """
    odd = [row.proof.index for row in opening.rows if len(row.data) != row_bytes]
    if odd:
        raise VerificationFailed(f"the opened row {odd[0]} does not have {row_bytes} bytes")
    missing = sorted(set(needed) - {row.proof.index for row in opening.rows})
    if missing:
        raise VerificationFailed(
            f"the opening lacks {len(missing)} rows of the dealt segments, first row {missing[0]}"
        )


def compute_opening_bound(
    *,
    state_bytes: int,
    boundaries: int,
    segments: int,
    weights: int,
    commitment_rows: int,
    rows: int,
    row_bytes: int,
    dataset_rows: int = 1 << 64,
) -> int:
    """Return an upper bound of the bytes of an encrypted honest opening.

    It is exact except for numbers with shorter encodings. ``rows`` of ``dataset_rows`` are opened,
    each with its number, a salt, and a path of the height of the dataset's tree.
    """
    height = max(0, dataset_rows - 1).bit_length()
    state = 1 + _head(segments) + _measure(state_bytes)
    row = 1 + _head(dataset_rows) + _HASH + _head(height) + height * _HASH + _measure(row_bytes)
    payload = (
        _MAP
        + _head(segments + 1)
        + (segments + 1) * _HASH
        + _head(segments)
        + segments * _HASH
        + _head(boundaries)
        + boundaries * state
        + _measure(4 * weights)
        + _head(commitment_rows)
        + commitment_rows * _HASH
        + _COST
        + _head(rows)
        + rows * row
    )
    return compute_ciphertext_size(payload)


_MAP = 1 + 8 + 1
"""The map's head, its eight keys, and the version."""
_HASH = 2 + 32
_COST = 1 + _HASH + 9 + _HASH


def _head(number: int) -> int:
    """Return the bytes that CBOR takes for a number, or for the head of that many items."""
    if number < 24:
        return 1
    return 1 + next(width for width in (1, 2, 4, 8) if number < 1 << 8 * width or width == 8)


def _measure(size: int) -> int:
    """Return the bytes that CBOR takes for a byte string of ``size`` bytes."""
    return _head(size) + size
