"""The trees of numbers of ``trees.json`` and ``runs.json`` against the product."""

import hashlib

import numpy as np
import pytest

from tests.support.refusals import refused
from tests.training.vectors.files import load
from tests.training.vectors.trees import make_numbers
from walrusd.crypto import merkle
from walrusd.crypto.number_tree import (
    compute_byte_root,
    compute_number_root,
    prove_leaf,
    verify_leaf,
)
from walrusd.crypto.tensors import WORDS_PER_NUMBER, iterate_words
from walrusd.training.plan.plan import parse_plan
from walrusd.training.run.state_root import (
    make_state_manifest,
    prove_state_leaf,
    verify_state_leaf,
)

TREES = load("trees")
NUMPY = {"f32": "f4", "f64": "f8", "i32": "i4", "i64": "i8", "u64": "u8", "u8": "u1", "bool": "?"}


@pytest.mark.parametrize("case", TREES["types"], ids=lambda case: case["bits"])
def test_words_of_numbers(case):
    raw = bytes.fromhex(case["bits"])[::-1]
    array = np.frombuffer(raw, np.dtype(NUMPY[case["type"]]).newbyteorder("<"))
    assert np.concatenate(list(iterate_words(array))).tolist() == case["words"]


def test_every_type_has_vectors():
    assert {case["type"] for case in TREES["types"]} == WORDS_PER_NUMBER.keys()


def test_roots():
    for case in TREES["numbers"]:
        assert compute_number_root(make_numbers(case["words"])).hex() == case["root"]
    for case in TREES["bytes"]:
        data = bytes(k % 251 for k in range(case["bytes"]))
        assert compute_byte_root(data).hex() == case["root"]
    told = TREES["leaf"]
    assert hashlib.sha256(bytes.fromhex(told["preimage"])).hexdigest() == told["hash"]


@pytest.mark.parametrize("case", TREES["proofs"], ids=lambda case: f"{case['words']}")
def test_paths(case):
    data, index = make_numbers(case["words"]), case["leaf"]
    path = [bytes.fromhex(node) for node in case["path"]]
    assert prove_leaf(data, index) == path
    leaf = data[4096 * index : 4096 * (index + 1)]
    verify_leaf(bytes.fromhex(case["root"]), case["words"], index, leaf, path)


def test_the_tensors_of_a_state():
    told = load("runs")["run"]
    plan = parse_plan(told["canonical"].encode())
    manifest, state = make_state_manifest(plan), bytes.fromhex(told["start_state"])
    root = bytes.fromhex(told["state_root_0"])
    at = 0
    for place, (entry, entry_root) in enumerate(
        zip(manifest.entries, told["start_entry_roots"], strict=True)
    ):
        data = state[at : at + 4 * entry.words]
        at += len(data)
        assert compute_number_root(data).hex() == entry_root
        proof = prove_state_leaf(manifest, state, place, 0)
        assert verify_state_leaf(root, manifest, proof, data).words.tobytes() == data
    assert at == len(state)
    form = next(form for form in told["forms"] if form["tag"] == "STATE")
    assert form["hash"] == told["state_root_0"]
    entries = [bytes.fromhex(text) for text in told["start_entry_roots"]]
    assert merkle.compute_root(entries).hex() == form["entries_root"]
    with refused("proof.invalid"):
        verify_state_leaf(bytes(32), manifest, proof, data)
