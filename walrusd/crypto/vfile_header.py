"""The header of a verification file: what it says, and the map it is written as.

Integer keys below 24 and values of fixed size; every field is checked when it is read.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NoReturn

from walrusd.crypto.chunks import compute_chunk_root
from walrusd.crypto.g1 import POINT_BYTES, ROW_LENGTH
from walrusd.crypto.pedersen import PROOF_BYTES
from walrusd.crypto.stream import StreamKind, stream_aad
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.errors import MalformedData

HASH_BYTES = 32
_U64 = (1 << 64) - 1


class Section(IntEnum):
    """The sections, in the order of the file."""

    COST = 1
    TRACE = 2
    ROWS = 3


_RAW, _AES_STREAM = 0, 1
CODECS = {Section.COST: _AES_STREAM, Section.TRACE: _RAW, Section.ROWS: _RAW}


@dataclass(frozen=True)
class FileSubject:
    """Whose work on what the file describes. All but the version are 32 bytes."""

    chain_id: bytes
    package: bytes
    task: bytes
    submission: bytes
    contributor: bytes
    seed: bytes
    plan_digest: bytes
    dataset: bytes
    dataset_version: int
    dataset_root: bytes

    def ctx(self) -> bytes:
        """Return the trace context of PROTOCOL section 3, as ``core.protocol`` computes it."""
        return hash_tagged(
            Tag.CTX,
            self.chain_id,
            self.package,
            self.task,
            self.contributor,
            self.seed,
            self.plan_digest,
            self.dataset_root,
        )

    def cost_aad(self) -> bytes:
        """Return the associated data of the cost section."""
        return stream_aad(StreamKind.COST, self.chain_id, self.package, self.submission)


@dataclass(frozen=True)
class Quantisation:
    """How the update became integers: ``entries`` of ``value_bits``, in units of 2**-scale_bits."""

    scale_bits: int
    value_bits: int
    entries: int


@dataclass(frozen=True)
class PedersenBlock:
    """The commitments of the Pedersen scheme."""

    row_length: int
    rows: int
    rows_root: bytes
    cost_commitment: bytes
    cost_proof: bytes


@dataclass(frozen=True)
class FileHeader:
    """The header without its section table."""

    subject: FileSubject
    quantisation: Quantisation
    update_root: bytes
    trace_root: bytes
    loss_root: bytes
    key_check: bytes
    scheme: PedersenBlock


def header_to_map(header: FileHeader, sections: dict[Section, bytes]) -> dict[int, Any]:
    """Return the map that is encoded: the header, and a table of ``sections``."""
    subject, quantisation, scheme = header.subject, header.quantisation, header.scheme
    return {
        0: subject.chain_id,
        1: subject.package,
        2: subject.task,
        3: subject.submission,
        4: subject.contributor,
        6: {0: subject.dataset, 1: subject.dataset_version, 2: subject.dataset_root},
        7: subject.plan_digest,
        8: subject.seed,
        9: {0: quantisation.scale_bits, 1: quantisation.value_bits, 2: quantisation.entries},
        10: header.update_root,
        11: header.trace_root,
        12: header.loss_root,
        13: header.key_check,
        14: {
            0: scheme.row_length,
            1: scheme.rows,
            2: scheme.rows_root,
            3: scheme.cost_commitment,
            4: scheme.cost_proof,
        },
        23: [
            {0: int(section), 1: len(body), 2: compute_chunk_root(body), 3: CODECS[section]}
            for section, body in sections.items()
        ],
    }


_HEADER_KEYS = {0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 23}


def _refuse(what: str) -> NoReturn:
    raise MalformedData(f"the verification file's {what} is not as it should be")


def _map(value: Any, keys: set[int], what: str) -> dict[int, Any]:
    if not isinstance(value, dict) or set(value) != keys:
        _refuse(what)
    return value


def _bytes(value: Any, size: int, what: str) -> bytes:
    if not isinstance(value, bytes) or len(value) != size:
        _refuse(what)
    return value


def _integer(value: Any, low: int, high: int, what: str) -> int:
    if type(value) is not int or not low <= value <= high:
        _refuse(what)
    return value


def header_from_map(value: Any) -> FileHeader:
    """Read the header out of a decoded map.

    Raises:
        MalformedData: if a field is missing, unknown, or has a wrong size or an impossible value.
    """
    header = _map(value, _HEADER_KEYS, "set of header fields")
    dataset = _map(header[6], {0, 1, 2}, "dataset")
    quantisation = _map(header[9], {0, 1, 2}, "quantisation")
    scheme = _map(header[14], {0, 1, 2, 3, 4}, "scheme block")
    return FileHeader(
        subject=FileSubject(
            chain_id=_bytes(header[0], 32, "chain id"),
            package=_bytes(header[1], 32, "package"),
            task=_bytes(header[2], 32, "task"),
            submission=_bytes(header[3], 32, "submission"),
            contributor=_bytes(header[4], 32, "contributor"),
            seed=_bytes(header[8], 32, "seed"),
            plan_digest=_bytes(header[7], 32, "plan digest"),
            dataset=_bytes(dataset[0], 32, "dataset id"),
            dataset_version=_integer(dataset[1], 0, _U64, "dataset version"),
            dataset_root=_bytes(dataset[2], 32, "dataset row root"),
        ),
        quantisation=Quantisation(
            scale_bits=_integer(quantisation[0], 0, 62, "scale"),
            value_bits=_integer(quantisation[1], 2, 32, "number of value bits"),
            entries=_integer(quantisation[2], 1, 1 << 40, "number of entries"),
        ),
        update_root=_bytes(header[10], 32, "update root"),
        trace_root=_bytes(header[11], 32, "trace root"),
        loss_root=_bytes(header[12], 32, "loss root"),
        key_check=_bytes(header[13], 32, "key check value"),
        scheme=PedersenBlock(
            row_length=_integer(scheme[0], 1, ROW_LENGTH, "row length"),
            rows=_integer(scheme[1], 1, 1 << 40, "number of rows"),
            rows_root=_bytes(scheme[2], 32, "root of the row commitments"),
            cost_commitment=_bytes(scheme[3], POINT_BYTES, "cost commitment"),
            cost_proof=_bytes(scheme[4], PROOF_BYTES, "proof of the cost commitment"),
        ),
    )


def read_section_table(value: Any) -> dict[Section, tuple[int, bytes]]:
    """Return ``(length, root)`` of every section, from field 23 of the map.

    Raises:
        MalformedData: if the table is not that of version 1.
    """
    if not isinstance(value, list) or len(value) != len(Section):
        _refuse("section table")
    table = {}
    for section, item in zip(Section, value, strict=True):
        entry = _map(item, {0, 1, 2, 3}, "section table")
        if entry[0] != section or entry[3] != CODECS[section]:
            _refuse("section table")
        size = _integer(entry[1], 0, 1 << 48, "section length")
        table[section] = (size, _bytes(entry[2], HASH_BYTES, "section root"))
    return table
