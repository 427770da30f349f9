"""The published vectors: read by independent code, and by ours."""

import json

import numpy as np
import pytest

from tests.crypto import file_vectors
from tests.crypto.strangers_reader import File, Paillier, to_curve
from tests.support.verification_files import verify_verification_file
from walrusd.crypto.pedersen import pedersen
from walrusd.crypto.pedersen.g1 import decode_point, decode_scalar
from walrusd.crypto.vfile.checks import (
    inspect_verification_file,
    open_cost,
    verify_file_update,
)
from walrusd.crypto.vfile.vfile import read_verification_file
from walrusd.errors import PeerFault

DOCUMENT = json.loads(file_vectors.PATH.read_text())
SCHEMES = ["pedersen", "paillier"]


def load(scheme):
    return (file_vectors.DIRECTORY / f"{scheme}.wvf").read_bytes(), DOCUMENT[scheme]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_strangers_reader_agrees_with_the_vectors(scheme):
    data, said = load(scheme)
    file = File(data)
    assert (file.digest.hex(), file.ctx.hex()) == (said["digest"], said["ctx"])
    assert file.header[11].hex() == said["trace_root"]
    assert [[k, len(v)] for k, v in file.sections.items()] == [
        [section["id"], section["bytes"]] for section in said["sections"]
    ]
    assert f"{file.check_cost_proof():032x}" == said["cost_challenge"]
    definition, losses = file.cost(bytes.fromhex(said["cost_key"]))
    assert (definition, losses) == (said["loss_definition"], said["losses"])
    file.check_update(said["update"])


def test_a_strangers_reader_opens_the_row_commitments():
    data, said = load("pedersen")
    file = File(data)
    blindings = file.derive_blindings(bytes.fromhex(said["contributor_secret"]))
    assert [blinding.hex() for blinding in blindings] == said["openings"]
    file.check_rows(said["update"], blindings)
    assert to_curve(b"WALRUSD-V01-PEDERSEN-H").compress().hex() == said["blinding_generator"]


def test_a_strangers_reader_checks_and_opens_the_ciphertexts():
    data, said = load("paillier")
    paillier = Paillier(File(data))
    paillier.check_modulus()
    paillier.check_knowledge()
    plaintexts = paillier.pack(said["update"])
    assert [hex(plaintext) for plaintext in plaintexts] == said["plaintexts"]
    seed = paillier.derive_seed(bytes.fromhex(said["contributor_secret"]))
    assert [seed.hex()] == said["openings"]
    assert paillier.encrypt(plaintexts, seed) == paillier.numbers
    assert paillier.decrypt(*(int(prime, 16) for prime in said["primes"])) == plaintexts


@pytest.mark.parametrize("scheme", SCHEMES)
def test_we_agree_with_the_vectors(scheme):
    data, said = load(scheme)
    key = bytes.fromhex(said["cost_key"])
    digest = bytes.fromhex(said["digest"])
    verified = verify_verification_file(data, expected_digest=digest, cost_key=key)
    update = np.array(said["update"], np.int32)
    openings = [bytes.fromhex(opening) for opening in said["openings"]]
    verify_file_update(verified.file, update, openings)
    assert open_cost(verified.file, key).trajectory.tolist() == said["losses"]
    commitment = verified.file.header.scheme.cost_commitment
    pedersen.verify_commitment(commitment, said["cost"], int(said["cost_blinding"], 16))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("name", "offset", "put", "code"), DOCUMENT["refused"])
def test_what_the_vectors_refuse_is_refused(scheme, name, offset, put, code):
    data, _said = load(scheme)
    patch = bytes.fromhex(put)
    changed = data[:offset] + patch + data[offset + len(patch) :]
    with pytest.raises((AssertionError, KeyError)):
        File(changed)
    if not code:
        checks = inspect_verification_file(read_verification_file(changed))
        assert not next(check for check in checks.items if check.name == "digest").ok
        return
    with pytest.raises(PeerFault) as caught:
        read_verification_file(changed)
    assert caught.value.code == code


@pytest.mark.parametrize(("kind", "decode"), [("points", decode_point), ("scalars", decode_scalar)])
def test_encodings_that_the_vectors_refuse_are_refused(kind, decode):
    for text in DOCUMENT["malformed"][kind].values():
        with pytest.raises(PeerFault) as caught:
            decode(bytes.fromhex(text))
        assert caught.value.code == f"data.{kind.removesuffix('s')}"
