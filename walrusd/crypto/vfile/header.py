"""The header of a verification file: its fields, and the CBOR map that encodes them.

Keys are integers below 24 and values have a fixed size; every field is checked when it is read.
"""

from dataclasses import dataclass
from typing import Any

from walrusd.crypto.stream import StreamKind, stream_aad
from walrusd.crypto.tags import Tag, encode_bytes, hash_tagged
from walrusd.crypto.vfile.blocks import (
    CODECS,
    SchemeBlock,
    Section,
    block_from_map,
    block_to_map,
    sections_of,
)
from walrusd.crypto.vfile.fields import HASH_BYTES, read_bytes, read_integer, read_map, refuse

_U64 = (1 << 64) - 1


@dataclass(frozen=True)
class FileSubject:
    """The work that the file describes: whose, and on what. All but the version have 32 bytes."""

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
        """Return the trace context, 32 bytes, as ``core.protocol`` computes it.

        See SPEC §10.
        """
        return hash_tagged(
            Tag.CTX,
            encode_bytes(self.chain_id),
            self.package,
            self.task,
            self.contributor,
            encode_bytes(self.seed),
            encode_bytes(self.plan_digest),
            encode_bytes(self.dataset_root),
        )

    def cost_aad(self) -> bytes:
        """Return the associated data of the cost section.

        Raises:
            ValueError: if an identifier does not have 32 bytes.
        """
        return stream_aad(StreamKind.COST, self.chain_id, self.package, self.submission)


@dataclass(frozen=True)
class Quantisation:
    """How the update became integers: ``entries`` of ``value_bits`` in units of 2**-scale_bits."""

    scale_bits: int
    value_bits: int
    entries: int


@dataclass(frozen=True)
class FileHeader:
    """The header without its section table. Roots and the key check value have 32 bytes."""

    subject: FileSubject
    quantisation: Quantisation
    update_root: bytes
    trace_root: bytes
    loss_root: bytes
    key_check: bytes
    scheme: SchemeBlock


def header_to_map(header: FileHeader, sections: dict[Section, tuple[int, bytes]]) -> dict[int, Any]:
    """Return the map to encode: the header, and the length in bytes and root of each section."""
    subject, quantisation = header.subject, header.quantisation
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
        14: block_to_map(header.scheme),
        23: [
            {0: int(section), 1: size, 2: root, 3: CODECS[section]}
            for section, (size, root) in sections.items()
        ],
    }


_HEADER_KEYS = {0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 23}


def header_from_map(value: Any, scheme: int) -> FileHeader:
    """Read the header of a file of ``scheme`` out of a decoded map.

    Raises:
        MalformedHeader: if a field is missing, unknown, or has a wrong size or an impossible value.
    """
    header = read_map(value, _HEADER_KEYS, "set of header fields")
    dataset = read_map(header[6], {0, 1, 2}, "dataset")
    quantisation = read_map(header[9], {0, 1, 2}, "quantisation")
    return FileHeader(
        subject=FileSubject(
            chain_id=read_bytes(header[0], 32, "chain id"),
            package=read_bytes(header[1], 32, "package"),
            task=read_bytes(header[2], 32, "task"),
            submission=read_bytes(header[3], 32, "submission"),
            contributor=read_bytes(header[4], 32, "contributor"),
            seed=read_bytes(header[8], 32, "seed"),
            plan_digest=read_bytes(header[7], 32, "plan digest"),
            dataset=read_bytes(dataset[0], 32, "dataset id"),
            dataset_version=read_integer(dataset[1], 0, _U64, "dataset version"),
            dataset_root=read_bytes(dataset[2], 32, "dataset row root"),
        ),
        quantisation=Quantisation(
            scale_bits=read_integer(quantisation[0], 0, 62, "scale"),
            value_bits=read_integer(quantisation[1], 2, 32, "number of value bits"),
            entries=read_integer(quantisation[2], 1, 1 << 40, "number of entries"),
        ),
        update_root=read_bytes(header[10], 32, "update root"),
        trace_root=read_bytes(header[11], 32, "trace root"),
        loss_root=read_bytes(header[12], 32, "loss root"),
        key_check=read_bytes(header[13], 32, "key check value"),
        scheme=block_from_map(header[14], scheme),
    )


def read_section_table(value: Any, scheme: int) -> dict[Section, tuple[int, bytes]]:
    """Return ``(length in bytes, root)`` of every section of ``scheme``, from field 23 of the map.

    Raises:
        MalformedHeader: if the table is not that of version 2.
    """
    sections = sections_of(scheme)
    if not isinstance(value, list) or len(value) != len(sections):
        refuse("section table")
    table = {}
    for section, item in zip(sections, value, strict=True):
        entry = read_map(item, {0, 1, 2, 3}, "section table")
        if entry[0] != section or entry[3] != CODECS[section]:
            refuse("section table")
        size = read_integer(entry[1], 0, 1 << 48, "section length")
        table[section] = (size, read_bytes(entry[2], HASH_BYTES, "section root"))
    return table
