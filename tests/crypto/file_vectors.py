"""The vectors of docs/formats/verification-file.md, and how to make them again.

``python -m tests.crypto.file_vectors`` writes ``tests/vectors/verification-file.json`` and the two
files that it describes. Files hold fresh salts and nonces, so every run makes other ones. The
primes and keys are public.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.crypto import paillier_vectors
from tests.support.verification_files import build_verification_file
from walrusd.crypto.cost import CostFunction
from walrusd.crypto.merkle import compute_root
from walrusd.crypto.number_tree import compute_update_root
from walrusd.crypto.paillier import vectors
from walrusd.crypto.paillier.modulus_proof import prove_modulus
from walrusd.crypto.paillier.packing import Packing
from walrusd.crypto.paillier.proofs import compute_ciphertext_root, prove_knowledge
from walrusd.crypto.pedersen import pedersen, rows
from walrusd.crypto.pedersen.g1 import encode_point
from walrusd.crypto.vfile.blocks import PaillierBlock, PedersenBlock
from walrusd.crypto.vfile.header import FileSubject, Quantisation
from walrusd.crypto.vfile.vfile import read_verification_file

DIRECTORY = Path(__file__).parents[1] / "vectors"
PATH = DIRECTORY / "verification-file.json"

SECRET = b"S" * 32
COST_KEY = b"K" * 32
COST, COST_BLINDING = 7 << 31, 99
ROW_LENGTH = 8
SUBJECT = FileSubject(
    *(bytes([i]) * 32 for i in range(1, 9)), dataset_version=3, dataset_root=b"\x09" * 32
)
LEAVES = [bytes([0xA0 + i]) * 32 for i in range(5)]
LOSSES = CostFunction(
    {"loss": "softmax-cross-entropy", "reduction": "mean", "scale_bits": 32},
    np.array([9 << 32, (7 << 32) + 5, 5, -4], np.int64),
)


def make_update(entries: int) -> np.ndarray:
    """Return entries of 24 bits, the smallest and the largest among them."""
    places = np.arange(entries, dtype=np.int64)
    update = places * places * 7919 % (1 << 24) - (1 << 23)
    update[:2] = -(1 << 23), (1 << 23) - 1
    return update.astype(np.int32)


def _describe(data: bytes, update: np.ndarray, openings: list[bytes]) -> dict[str, Any]:
    file = read_verification_file(data)
    header = file.header
    context = pedersen.compute_pok_context(SUBJECT.ctx(), header.trace_root, header.update_root)
    block = header.scheme
    challenge = pedersen.compute_pok_challenge(
        context, block.cost_commitment, block.cost_proof[:48]
    )
    return {
        "digest": file.digest.hex(),
        "header_bytes": int.from_bytes(data[12:16], "little"),
        "ctx": SUBJECT.ctx().hex(),
        "sections": [
            {"id": int(section), "bytes": span.size, "root": span.root.hex()}
            for section, span in file.spans.items()
        ],
        "update": update.tolist(),
        "update_root": header.update_root.hex(),
        "trace_leaves": [leaf.hex() for leaf in LEAVES],
        "trace_root": header.trace_root.hex(),
        "scheme_root": header.scheme.root.hex(),
        "openings": [opening.hex() for opening in openings],
        "cost_key": COST_KEY.hex(),
        "key_check": header.key_check.hex(),
        "loss_root": header.loss_root.hex(),
        "loss_definition": LOSSES.definition,
        "losses": LOSSES.trajectory.tolist(),
        "cost": COST,
        "cost_blinding": COST_BLINDING.to_bytes(32, "big").hex(),
        "cost_challenge": f"{challenge:032x}",
    }


def _build(update: np.ndarray, make_block: Any) -> bytes:
    root = compute_update_root(update)
    context = pedersen.compute_pok_context(SUBJECT.ctx(), compute_root(LEAVES), root)
    cost = {
        "cost_commitment": pedersen.commit(COST, COST_BLINDING),
        "cost_proof": pedersen.prove_opening(context, COST, COST_BLINDING),
    }
    block, committed = make_block(root, context, cost)
    return build_verification_file(
        SUBJECT,
        Quantisation(scale_bits=20, value_bits=24, entries=update.size),
        update_root=root,
        trace_leaves=LEAVES,
        scheme=block,
        committed=committed,
        cost=LOSSES,
        cost_key=COST_KEY,
    )


def make_pedersen() -> tuple[bytes, dict[str, Any]]:
    """Return a file of the Pedersen scheme and what is said of it."""
    update = make_update(21)
    root = compute_update_root(update)
    blindings = rows.derive_row_blindings(SECRET, SUBJECT.task, SUBJECT.contributor, root, 3)

    def make_block(_root: bytes, _context: bytes, cost: dict[str, bytes]) -> Any:
        points = rows.commit_rows(update, blindings, ROW_LENGTH)
        scheme_root = rows.compute_scheme_root(points)
        return PedersenBlock(ROW_LENGTH, len(points), scheme_root, **cost), b"".join(points)

    data = _build(update, make_block)
    openings = [blinding.to_bytes(32, "big") for blinding in blindings]
    return data, _describe(data, update, openings) | {
        "contributor_secret": SECRET.hex(),
        "blinding_generator": encode_point(rows.H).hex(),
        "first_generators": [encode_point(point).hex() for point in rows.GENERATORS.first(2)],
    }


def make_paillier() -> tuple[bytes, dict[str, Any]]:
    """Return a file of the Paillier scheme and what is said of it."""
    key = paillier_vectors.load_key(2048)
    public, packing = key.public, Packing(key.public.n, 40)
    update = make_update(2 * packing.slots + 7)
    root = compute_update_root(update)
    seed = vectors.derive_encryption_seed(SECRET, public, SUBJECT.task, SUBJECT.contributor, root)
    plaintexts = packing.pack(update)

    def make_block(_root: bytes, context: bytes, cost: dict[str, bytes]) -> Any:
        data = vectors.encrypt(public, plaintexts, seed)
        block = PaillierBlock(
            modulus=public.to_bytes(),
            modulus_proof=prove_modulus(key, SUBJECT.chain_id + SUBJECT.package),
            slot_bits=40,
            count=len(plaintexts),
            root=compute_ciphertext_root(public, data),
            knowledge_proof=prove_knowledge(public, data, plaintexts, seed, context),
            **cost,
        )
        return block, data

    data = _build(update, make_block)
    return data, _describe(data, update, [seed]) | {
        "contributor_secret": SECRET.hex(),
        "primes": [hex(key.p), hex(key.q)],
        "slots": packing.slots,
        "plaintexts": [hex(plaintext) for plaintext in plaintexts],
    }


REFUSED = [
    # (name, offset from the start, bytes to put there, the error's code; "" is a failed check)
    ("magic", 0, "58", "file.header"),
    ("version", 8, "01", "file.header"),
    ("scheme", 9, "03", "file.header"),
    ("reserved", 10, "01", "file.header"),
    ("header length", 14, "ff", "file.header"),
    ("header is no map", 16, "80", "data.cbor"),
    ("a subject byte", 20, "ee", ""),
]

MALFORMED = {
    "points": {
        "identity": "c0" + "00" * 47,
        "identity with a stray bit": "c0" + "00" * 46 + "01",
        "not on the curve": "80" + "00" * 46 + "01",
        "outside the subgroup": "80" + "00" * 46 + "04",
        "x not below the field's prime": "9a" + "ff" * 47,
        "not compressed": "17" + "f1" * 47,
        "too short": "97f1",
    },
    "scalars": {
        "the order": "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001",
        "all ones": "ff" * 32,
        "too short": "01",
    },
}


if __name__ == "__main__":
    document: dict[str, Any] = {
        "refused": [list(case) for case in REFUSED],
        "malformed": MALFORMED,
    }
    for name, (data, said) in {"pedersen": make_pedersen(), "paillier": make_paillier()}.items():
        (DIRECTORY / f"{name}.wvf").write_bytes(data)
        document[name] = said
    PATH.write_text(json.dumps(document, indent=1) + "\n")
