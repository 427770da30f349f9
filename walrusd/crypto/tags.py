"""Domain tags: all strings that separate one use of a hash from another.

Every hash of the protocol starts with a length-prefixed ASCII tag (docs/protocol.md):
``u8(len(tag)) ‖ tag ‖ fields``, fields of fixed width, integers u64 little-endian. No tag is ever
used for two things.
"""

import hashlib
from enum import Enum


class Tag(Enum):
    """The tags: what follows ``WALRUSD-V01-``, or a name and the number of the form.

    A form that changes takes the next number, so that no tag ever has two forms.
    """

    # Protocol, hashed by the contract too: SHA-256 of the BCS of a struct (``core.protocol``).
    KEYS = ("KEYS", 2)
    SEED = ("SEED", 2)
    CTX = ("CTX", 2)
    DIGEST = ("DIGEST", 2)
    SLOT = ("SLOT", 2)
    LEAF = ("LEAF", 2)
    SEAT = ("SEAT", 2)
    DEAL = ("DEAL", 2)
    JURY = ("JURY", 2)
    CHALLENGE = ("CHALLENGE", 2)
    JUROR_SEAT = ("JUROR-SEAT", 2)
    AUDIT = ("AUDIT", 2)
    VERDICT = ("VERDICT", 2)
    PEDERSEN_POK = "PEDERSEN-POK"
    # What segments commit to.
    CHAIN = "CHAIN"
    STEP = ("STEP", 2)
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
    ROW = ("ROW", 2)
    ROW_TREE = "ROW-TREE"
    STREAM = "STREAM"
    KEYCOMMIT = "KEYCOMMIT"
    LOSSBLIND = "LOSSBLIND"
    DATASET_KEY = "DATASET-KEY"
    VFILE = "VFILE"
    PLAN = "PLAN"
    MANIFEST = "MANIFEST"
    TASK_MANIFEST = "TASK-MANIFEST"
    STATE = ("STATE", 2)
    STATE_MANIFEST = "STATE-MANIFEST"
    RANDOM = "RANDOM"
    KEYSTORE = "KEYSTORE"
    DATASET_SECRET = "DATASET-SECRET"  # noqa: S105 - a domain tag, no secret
    COST_BLINDING = "COST-BLINDING"
    COST_KEY = "COST-KEY"
    JURY_SALT = "JURY-SALT"
    AGGREGATE = "AGGREGATE"
    PIECE = "PIECE"
    SEALING = "SEALING"
    VALUE = ("VALUE", 2)
    RECORD = "RECORD"
    JUDGED = ("JUDGED", 2)
    # Envelopes (docs/formats/envelope.md), the first seven hashed by the contract too.
    SEAT_CONTEXT = ("SEAT-CONTEXT", 2)
    PUBLISHER_CONTEXT = ("PUBLISHER-CONTEXT", 2)
    OPENING_CONTEXT = ("OPENING-CONTEXT", 2)
    LABEL_POINT = ("LABEL-POINT", 2)
    RECIPIENT_PROOF = ("RECIPIENT-PROOF", 2)
    OPENING_PROOF = ("OPENING-PROOF", 2)
    ENVELOPE_PROOF = ("ENVELOPE-PROOF", 2)
    LABEL_KEY = ("LABEL-KEY", 2)
    PROOF_NONCE = ("PROOF-NONCE", 2)
    ENVELOPE_RANDOM = ("ENVELOPE-RANDOM", 2)
    RECIPIENT_SECRET = ("RECIPIENT-SECRET", 2)
    OPENING_SCALAR = ("OPENING-SCALAR", 2)

    def __init__(self, name: str, form: int = 1) -> None:
        self._text = f"WALRUSD-V{form:02d}-{name}".encode("ascii")
        self._prefix = bytes([len(self._text)]) + self._text

    @property
    def text(self) -> bytes:
        """The whole tag, without its length."""
        return self._text

    @property
    def prefix(self) -> bytes:
        """What a hash preimage starts with: one length byte and the tag."""
        return self._prefix


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
