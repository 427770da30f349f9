"""Malformed bytes are refused with the right code: no crash, no acceptance."""

import json
import random
from dataclasses import dataclass
from functools import cache, partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.crypto import file_vectors, paillier_vectors
from tests.crypto.mutation import mutate
from tests.support.openings import seal
from walrusd.core.aggregate import Aggregate, parse_aggregate
from walrusd.core.manifest import PaillierOffer, TaskManifest, parse_task_manifest
from walrusd.core.pieces.keys import (
    SECTION_KIND,
    OpeningKeys,
    derive_piece_key,
    make_piece_aad,
)
from walrusd.core.pieces.layouts import (
    OpenedCost,
    OpenedRow,
    OpenedTrace,
    encode_rows,
    iterate_opened_rows,
    parse_cost,
    parse_trace,
)
from walrusd.core.pieces.manifest import OpeningManifest, open_manifest, seal_manifest
from walrusd.core.pieces.names import TRACE, UPDATE, PieceKind, PieceName
from walrusd.crypto.cbor import decode_canonical, encode_canonical
from walrusd.crypto.cost import CostFunction, parse_cost_function
from walrusd.crypto.dataset_rows import RowProof
from walrusd.crypto.envelope import check_public_key, derive_public_key, open_key, seal_key
from walrusd.crypto.envelopes.contexts import Label
from walrusd.crypto.keystore import KeyBundle, RawKek, open_keystore, seal_keystore
from walrusd.crypto.paillier import vectors
from walrusd.crypto.paillier.keys import read_public_key
from walrusd.crypto.paillier.modulus_proof import prove_modulus, verify_modulus
from walrusd.crypto.paillier.proofs import (
    prove_decryption,
    prove_knowledge,
    verify_decryption,
    verify_encryption,
    verify_knowledge_of,
)
from walrusd.crypto.pedersen import pedersen
from walrusd.crypto.pedersen.g1 import decode_point, decode_scalar, encode_point, encode_scalar
from walrusd.crypto.stream import decrypt_bytes, encrypt_bytes
from walrusd.crypto.vfile.checks import list_checks
from walrusd.crypto.vfile.vfile import read_verification_file
from walrusd.errors import (
    CommitmentMismatch,
    DecryptionFailed,
    EncryptionKeyRefused,
    KeystoreLocked,
    MalformedCbor,
    MalformedCiphertext,
    MalformedCost,
    MalformedData,
    MalformedEnvelope,
    MalformedHeader,
    MalformedPoint,
    MalformedScalar,
    MalformedSection,
    PaillierKeyRefused,
    PaillierProofInvalid,
    PedersenProofInvalid,
    VerificationFailed,
    WalrusdError,
)

KEY, CONTEXT = b"k" * 32, b"c" * 96
PRIVATE = b"p" * 32
KEK_BYTES = b"q" * 32
KEK = RawKek(KEK_BYTES)


@dataclass(frozen=True)
class Target:
    """Something that reads bytes of strangers.

    ``read`` raises, or returns the one encoding of what it read; then that was well-formed and must
    be the input. Where nothing but ``good`` may pass, it returns None.
    """

    good: bytes
    read: object
    refusals: tuple
    share: int = 100
    """How many of a hundred cases it gets: proofs of Paillier take milliseconds each."""


def check_vfile(data: bytes, digest: bytes) -> None:
    """Stop at the first check that fails, as the daemon would."""
    for _name, check in list_checks(read_verification_file(data), expected_digest=digest):
        check()


def check_anew(data: bytes) -> None:
    """As above, by somebody who does not know the digest on the chain."""
    check_vfile(data, read_verification_file(data).stored_digest)


def check_opened_commitment(raw: bytes) -> None:
    pedersen.verify_commitment(raw, 5, 7)


def check_scalar(raw: bytes) -> bytes:
    return encode_scalar(decode_scalar(raw))


def check_cost(raw: bytes) -> bytes:
    return parse_cost_function(raw).to_bytes()


def check_modulus(raw: bytes) -> bytes:
    return read_public_key(raw).to_bytes()


def check_encryption_key(raw: bytes) -> bytes:
    check_public_key(raw)
    return raw


def make_row() -> OpenedRow:
    return OpenedRow(b"row", RowProof(3, b"s" * 32, (b"h" * 32, b"i" * 32)))


def check_rows_piece(raw: bytes) -> bytes:
    rows = list(iterate_opened_rows([raw]))
    width = int.from_bytes(raw[:4], "little")
    return b"".join(encode_rows(rows, width))


def make_manifest() -> OpeningManifest:
    names = (TRACE, PieceName(PieceKind.ROWS, 2), UPDATE)
    keys = OpeningKeys(KEY, KEK_BYTES, bytes(48))
    return seal({name: name.text.encode() for name in names}, keys, b"aad")[0]


def make_sealed_manifest() -> bytes:
    return seal_manifest(make_manifest(), KEY, KEK_BYTES, b"aad")


def make_section() -> bytes:
    """Return the plaintext of a manifest's section of the work."""
    key = derive_piece_key(KEY, SECTION_KIND, Label.WORK)
    sealed = decode_canonical(make_sealed_manifest())[int(Label.WORK)]
    return decrypt_bytes(sealed, key, make_piece_aad(b"aad", SECTION_KIND, Label.WORK))


def check_section(raw: bytes) -> bytes:
    """Read a section that a stranger with the keys has sealed, and write it again."""
    key = derive_piece_key(KEY, SECTION_KIND, Label.WORK)
    sealed = encrypt_bytes(raw, key, make_piece_aad(b"aad", SECTION_KIND, Label.WORK))
    outer = decode_canonical(make_sealed_manifest())
    manifest = open_manifest(
        encode_canonical({**outer, int(Label.WORK): sealed}), OpeningKeys(KEY, KEK_BYTES, bytes(48)), b"aad"
    )
    again = decode_canonical(seal_manifest(manifest, KEY, KEK_BYTES, b"aad"))[int(Label.WORK)]
    return decrypt_bytes(again, key, make_piece_aad(b"aad", SECTION_KIND, Label.WORK))


@cache
def targets() -> dict[str, Target]:
    commitment, proof = pedersen.commit(5, 7), pedersen.prove_opening(CONTEXT, 5, 7)
    private = paillier_vectors.load_key(2048)
    public, seed = private.public, b"s" * 32
    plaintexts = [1, 2, public.n - 3]
    ciphertexts = vectors.encrypt(public, plaintexts, seed)
    losses = CostFunction(file_vectors.LOSSES.definition, file_vectors.LOSSES.trajectory)
    aggregate = Aggregate(bytes(range(80)), (b"o" * 32, b"p" * 32), ((b"n" * 32, 5),))
    offer = PaillierOffer(public.to_bytes(), prove_modulus(private, CONTEXT), b"i" * 32)
    manifest = TaskManifest("title", "{}", 5, b"w" * 32, offer)
    bundle = KeyBundle(b"1" * 32, b"2" * 32, b"3" * 32, {"name": b"4" * 32}, ((7, 11),))
    said = json.loads(file_vectors.PATH.read_text())
    found = {
        "point": Target(commitment, lambda b: encode_point(decode_point(b)), (MalformedPoint,)),
        "opened commitment": Target(
            commitment, check_opened_commitment, (MalformedPoint, CommitmentMismatch), 30
        ),
        "scalar": Target(encode_scalar(5), check_scalar, (MalformedScalar,)),
        "Pedersen proof": Target(
            proof,
            partial(pedersen.verify_proof, CONTEXT, commitment),
            (MalformedPoint, MalformedScalar, PedersenProofInvalid),
            30,
        ),
        "CBOR": Target(
            encode_canonical({0: [1, -2, b"x", "y", None, True], 1: {"a": 1 << 40}}),
            lambda raw: encode_canonical(decode_canonical(raw)),
            (MalformedCbor,),
        ),
        "cost function": Target(losses.to_bytes(), check_cost, (MalformedCost, MalformedCbor)),
        "envelope": Target(
            seal_key(derive_public_key(PRIVATE), KEY, b"info"),
            lambda raw: void(open_key(PRIVATE, raw, b"info")),
            (MalformedEnvelope, DecryptionFailed),
        ),
        "encryption key": Target(
            derive_public_key(PRIVATE), check_encryption_key, (EncryptionKeyRefused,)
        ),
        "stream": Target(
            encrypt_bytes(bytes(500), KEY, b"aad"),
            lambda raw: void(decrypt_bytes(raw, KEY, b"aad")),
            (DecryptionFailed,),
        ),
        "keystore": Target(
            seal_keystore(bundle, KEK),
            lambda raw: void(open_keystore(raw, KEK)),
            (KeystoreLocked, MalformedData),
        ),
        "opened trace": Target(
            OpenedTrace((KEY, KEY), (KEY,)).to_bytes(),
            lambda raw: parse_trace(raw).to_bytes(),
            (MalformedData,),
        ),
        "opened cost": Target(
            OpenedCost(KEY, 5, KEY).to_bytes(),
            lambda raw: parse_cost(raw).to_bytes(),
            (MalformedData,),
        ),
        "opened rows": Target(
            b"".join(encode_rows([make_row()], 3)), check_rows_piece, (MalformedData,)
        ),
        "opening's manifest": Target(
            make_sealed_manifest(),
            lambda raw: void(open_manifest(raw, OpeningKeys(KEY, KEK_BYTES, bytes(48)), b"aad")),
            (MalformedData, MalformedCbor, DecryptionFailed),
        ),
        "section of a manifest": Target(
            make_section(),
            check_section,
            (MalformedData, MalformedCbor),
        ),
        "aggregate": Target(
            aggregate.to_bytes(),
            lambda raw: parse_aggregate(
                raw, root=aggregate.root, openings_root=aggregate.openings_root
            ).to_bytes(),
            (MalformedData, VerificationFailed),
        ),
        "manifest": Target(
            manifest.to_bytes(),
            lambda raw: void(parse_task_manifest(raw, manifest.digest())),
            (MalformedData, VerificationFailed),
        ),
        "Paillier modulus": Target(public.to_bytes(), check_modulus, (PaillierKeyRefused,)),
        "ciphertexts": Target(
            ciphertexts,
            lambda raw: vectors.encode_ciphertexts(public, vectors.decode_ciphertexts(public, raw)),
            (MalformedCiphertext,),
        ),
        "opened ciphertexts": Target(
            ciphertexts,
            lambda raw: verify_encryption(public, raw, plaintexts, seed),
            (MalformedData, PaillierProofInvalid),
            4,
        ),
        "modulus proof": Target(
            prove_modulus(private, CONTEXT),
            lambda raw: verify_modulus(public, raw, CONTEXT),
            (PaillierKeyRefused,),
            4,
        ),
        "knowledge proof": Target(
            prove_knowledge(public, ciphertexts, plaintexts, seed, CONTEXT),
            lambda raw: verify_knowledge_of(public, lambda: [ciphertexts], raw, CONTEXT),
            (PaillierProofInvalid,),
            4,
        ),
        "decryption proof": Target(
            prove_decryption(private, ciphertexts, plaintexts, CONTEXT),
            lambda raw: verify_decryption(public, ciphertexts, plaintexts, raw, CONTEXT),
            (PaillierProofInvalid,),
            4,
        ),
    }
    for scheme in ("pedersen", "paillier"):
        data = (file_vectors.DIRECTORY / f"{scheme}.wvf").read_bytes()
        digest = bytes.fromhex(said[scheme]["digest"])
        refusals = (MalformedHeader, MalformedSection, MalformedCbor, VerificationFailed)
        found[f"{scheme} file"] = Target(data, partial(check_vfile, digest=digest), refusals)
        found[f"{scheme} file, digest unknown"] = Target(data, check_anew, refusals)
    return found


def void(_value: object) -> None:
    """Read all the same: nothing but the good bytes may pass."""


def try_out(target: Target, raw: bytes) -> None:
    """Read ``raw``; it is refused with a code of the target's, or it was well-formed."""
    try:
        again = target.read(raw)
    except target.refusals:
        return
    assert again is not None, f"accepted: {raw.hex()}"
    assert again == raw, f"accepted what is not canonical: {raw.hex()}"


NAMES = list(targets())


def run_cases(name: str, cases: int) -> None:
    target = targets()[name]
    rng = random.Random(f"walrusd {name}")
    for _ in range(max(1, cases * target.share // 100)):
        try_out(target, mutate(target.good, rng))


@pytest.mark.parametrize("name", NAMES)
def test_the_good_bytes_pass(name):
    target = targets()[name]
    assert target.read(target.good) in {None, target.good}


@pytest.mark.parametrize("name", NAMES)
def test_changed_bytes_are_refused(name):
    run_cases(name, 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_changed_bytes_are_refused(name):
    run_cases(name, 7_000)


def test_the_slow_suite_tries_a_hundred_thousand():
    assert sum(7_000 * target.share // 100 for target in targets().values()) >= 100_000


@settings(max_examples=300)
@given(st.sampled_from(NAMES), st.binary(max_size=200))
def test_any_bytes_are_refused(name, raw):
    try_out(targets()[name], raw)


def test_errors_of_different_things_have_different_codes():
    classes = [
        MalformedPoint, MalformedScalar, MalformedCbor, MalformedHeader, MalformedSection,
        MalformedCost, MalformedEnvelope, EncryptionKeyRefused, MalformedCiphertext,
        PaillierKeyRefused, PaillierProofInvalid, PedersenProofInvalid, CommitmentMismatch,
        DecryptionFailed, VerificationFailed, MalformedData,
    ]  # fmt: skip
    assert len({cls.code for cls in classes} - {WalrusdError.code}) == len(classes)
