"""Domain tags: all strings that separate one use of a hash from another.

Every hash of the protocol starts with a length-prefixed ASCII tag (docs/protocol.md):
``u8(len(tag)) ‖ tag ‖ fields``, fields of fixed width, integers u64 little-endian. No tag is ever
used for two things.
"""

import hashlib
from enum import Enum


class Tag(Enum):
    """The tags. The value is what follows ``WALRUSD-V01-``, or has its own version in front."""

    # Protocol, hashed by the contract too: SHA-256 of the BCS of a struct (``core.protocol``).
    KEYS = "V02-KEYS"
    SEED = "V02-SEED"
    CTX = "V02-CTX"
    DIGEST = "V02-DIGEST"
    SLOT = "V02-SLOT"
    LEAF = "V02-LEAF"
    SEAT = "V02-SEAT"
    DEAL = "V02-DEAL"
    JURY = "V02-JURY"
    CHALLENGE = "V02-CHALLENGE"
    JUROR_SEAT = "V02-JUROR-SEAT"
    AUDIT = "V02-AUDIT"
    VERDICT = "V02-VERDICT"
    PEDERSEN_POK = "PEDERSEN-POK"
    # What segments commit to.
    CHAIN = "CHAIN"
    STEP = "STEP"
    # Off chain.
    ABORT = "ABORT"
    PEDERSEN_H = "PEDERSEN-H"
    PEDERSEN_G = "PEDERSEN-G"
    ROW_BLINDING = "ROW-BLINDING"
    PAILLIER_KEY = "PAILLIER-KEY"
    PAILLIER_PRIME = "PAILLIER-PRIME"
    PAILLIER_H = "PAILLIER-H"
    PAILLIER_SEED = "PAILLIER-SEED"
    PAILLIER_SECRET = "PAILLIER-SECRET"  # noqa: S105 - a domain tag, no secret
    PAILLIER_MOD = "PAILLIER-MOD"
    PAILLIER_POK = "PAILLIER-POK"
    PAILLIER_ANSWER = "PAILLIER-ANSWER"
    PAILLIER_DEC = "PAILLIER-DEC"
    ROW_SALT = "ROW-SALT"
    ROW = "ROW"
    STREAM = "STREAM"
    KEYCOMMIT = "KEYCOMMIT"
    LOSSBLIND = "LOSSBLIND"
    DATASET_KEY = "DATASET-KEY"
    OPENING_KEY = "OPENING-KEY"
    VFILE = "VFILE"
    PLAN = "PLAN"
    MANIFEST = "MANIFEST"
    TASK_MANIFEST = "TASK-MANIFEST"
    STATE = "STATE"
    RANDOM = "RANDOM"
    KEYSTORE = "KEYSTORE"
    DATASET_SECRET = "DATASET-SECRET"  # noqa: S105 - a domain tag, no secret
    COST_BLINDING = "COST-BLINDING"
    COST_KEY = "COST-KEY"
    OPENING_SECRET = "OPENING-SECRET"  # noqa: S105 - a domain tag, no secret
    JURY_SALT = "JURY-SALT"
    AGGREGATE = "AGGREGATE"
    OPENING = "OPENING"
    VALUE = "VALUE"
    JUDGED = "V02-JUDGED"
    # Envelopes (docs/formats/envelope.md), the first seven hashed by the contract too.
    SEAT_CONTEXT = "V02-SEAT-CONTEXT"
    PUBLISHER_CONTEXT = "V02-PUBLISHER-CONTEXT"
    OPENING_CONTEXT = "V02-OPENING-CONTEXT"
    LABEL_POINT = "V02-LABEL-POINT"
    RECIPIENT_PROOF = "V02-RECIPIENT-PROOF"
    OPENING_PROOF = "V02-OPENING-PROOF"
    ENVELOPE_PROOF = "V02-ENVELOPE-PROOF"
    LABEL_KEY = "V02-LABEL-KEY"
    PROOF_NONCE = "V02-PROOF-NONCE"
    ENVELOPE_RANDOM = "V02-ENVELOPE-RANDOM"
    RECIPIENT_SECRET = "V02-RECIPIENT-SECRET"  # noqa: S105 - a domain tag, no secret
    OPENING_SCALAR = "V02-OPENING-SCALAR"

    @property
    def text(self) -> bytes:
        """The whole tag, without its length."""
        version = "" if self.value.startswith("V02-") else "V01-"
        return f"WALRUSD-{version}{self.value}".encode("ascii")

    @property
    def prefix(self) -> bytes:
        """What a hash preimage starts with: one length byte and the tag."""
        return bytes([len(self.text)]) + self.text


def u64(number: int) -> bytes:
    """Return ``number`` as the protocol writes integers: 8 bytes, little-endian."""
    return number.to_bytes(8, "little")


def encode_bytes(raw: bytes) -> bytes:
    """Return ``raw`` as BCS writes a byte vector: its length, seven bits a byte, lowest first."""
    left, length = len(raw), bytearray()
    while left > 0x7F:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    length.append(left)
    return bytes(length) + raw


def hash_tagged(tag: Tag, *fields: bytes | memoryview) -> bytes:
    """Return ``SHA-256(prefix(tag) ‖ fields…)``, 32 bytes."""
    state = hashlib.sha256(tag.prefix)
    for field in fields:
        state.update(field)
    return state.digest()
