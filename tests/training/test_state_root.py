import json
from dataclasses import replace

import numpy as np
import pytest

from tests.support.refusals import refused
from tests.training.oracle import commitments
from walrusd.crypto.number_tree import LEAF_BYTES
from walrusd.errors import MalformedData
from walrusd.training.plan.plan import read_plan
from walrusd.training.run.state import (
    compute_state_root,
    has_state_root,
    initial_state,
    serialize_state,
)
from walrusd.training.run.state_root import (
    StateEntry,
    StateManifest,
    compute_manifest_root,
    make_state_manifest,
    prove_state_leaf,
    verify_state_leaf,
)
from walrusd.training.run.weights import init_weights


@pytest.fixture
def plan(document):
    """A plan whose largest tensors have several leaves, the last one short."""
    return read_plan(
        document(
            model={"kind": "mlp", "inputs": 12, "hidden": [300], "classes": 5},
            batch=1,
            micro_batches=[1],
        )
    )


@pytest.fixture
def state(plan):
    return serialize_state(plan, initial_state(plan, init_weights(plan)))


def entries_of(manifest, data):
    at = 0
    for place, entry in enumerate(manifest.entries):
        yield place, entry, data[at : at + 4 * entry.words]
        at += 4 * entry.words


def test_the_root_is_that_of_the_independent_implementation(plan, state):
    listed = {
        "counters": [["step", "u64"]],
        "tensors": [
            [f"{kind}/{name}", "f32", shape]
            for kind in ("weight", "momentum")
            for name, shape in (
                ("linear00.bias", [300]),
                ("linear00.weight", [300, 12]),
                ("linear01.bias", [5]),
                ("linear01.weight", [5, 300]),
            )
        ],
    }
    assert compute_state_root(plan, state) == commitments.state_root(listed, state)
    text = json.dumps(listed, separators=(",", ":")).encode()
    assert make_state_manifest(plan).digest() == commitments.tagged_hash(b"STATE-MANIFEST", text)


def test_a_tensor_does_not_run_on_into_the_next():
    """The same bytes, cut otherwise, have another root even under one manifest digest."""
    data = bytes(4 * 8)
    roots = set()
    for cut in (1, 3, 4):
        tensors = (StateEntry("a", "f32", (cut,)), StateEntry("b", "f32", (8 - cut,)))
        roots.add(compute_manifest_root(StateManifest(tensors), data))
    for name, kind, shape in (("a", "f32", (8,)), ("a", "f32", (2, 4)), ("b", "f32", (8,))):
        roots.add(compute_manifest_root(StateManifest((StateEntry(name, kind, shape),)), data))
    assert len(roots) == 6


@pytest.mark.parametrize("change", [-1, 1, 4, -4])
def test_bytes_of_another_length_have_no_root(plan, state, change):
    data = state + bytes(change) if change > 0 else state[:change]
    with pytest.raises(MalformedData):
        compute_state_root(plan, data)
    assert not has_state_root(plan, data, compute_state_root(plan, state))
    assert not has_state_root(plan, state, bytes(32))
    assert has_state_root(plan, state, compute_state_root(plan, state))


def test_every_leaf_of_a_state_is_proved(plan, state):
    manifest, root = make_state_manifest(plan), compute_state_root(plan, state)
    proved = 0
    for place, _entry, data in entries_of(manifest, state):
        for leaf in range(0, len(data), LEAF_BYTES):
            proof = prove_state_leaf(manifest, state, place, leaf // LEAF_BYTES)
            piece = data[leaf : leaf + LEAF_BYTES]
            found = verify_state_leaf(root, manifest, proof, piece)
            assert found.words.dtype == np.uint32
            assert (found.first, found.words.tobytes()) == (leaf // 4, piece)
            proved += len(piece)
    assert proved == len(state)


def test_what_is_no_leaf_of_the_state_is_refused(plan, state):
    manifest, root = make_state_manifest(plan), compute_state_root(plan, state)
    place, entry, data = next(
        item for item in entries_of(manifest, state) if item[1].name == "weight/linear00.weight"
    )
    assert entry.words == 3600
    leaf = data[LEAF_BYTES : 2 * LEAF_BYTES]
    proof = prove_state_leaf(manifest, state, place, 1)
    other = StateManifest(manifest.tensors[::-1], manifest.counters)
    renamed = replace(
        manifest, tensors=(replace(manifest.tensors[0], name="x"), *manifest.tensors[1:])
    )
    verify_state_leaf(root, manifest, proof, leaf)
    for bad in (
        (bytes(32), manifest, proof, leaf),
        (root, other, proof, leaf),
        (root, renamed, proof, leaf),
        (root, manifest, proof, leaf[:-4]),
        (root, manifest, proof, b"\x01" + leaf[1:]),
        (root, manifest, replace(proof, leaf=0), leaf),
        (root, manifest, replace(proof, leaf=4), leaf),
        (root, manifest, replace(proof, leaf=-1), leaf),
        (root, manifest, replace(proof, entry=place + 1), leaf),
        (root, manifest, replace(proof, entry=len(manifest.entries)), leaf),
        (root, manifest, replace(proof, entry=-1), leaf),
        (root, manifest, replace(proof, leaf_path=proof.entry_path), leaf),
        (root, manifest, replace(proof, leaf_path=proof.leaf_path[:-1]), leaf),
        (root, manifest, replace(proof, entry_path=()), leaf),
        (root, manifest, replace(proof, entry_path=(*proof.entry_path, bytes(32))), leaf),
        (root, manifest, replace(proof, entry_path=proof.entry_path[::-1]), leaf),
    ):
        with refused("proof.invalid"):
            verify_state_leaf(*bad)
    with pytest.raises(IndexError):
        prove_state_leaf(manifest, state, place, 4)
    with pytest.raises(IndexError):
        prove_state_leaf(manifest, state, len(manifest.entries), 0)


def test_the_same_number_of_the_momentum_is_no_weight(plan, state):
    """Zeros of a slot and of a bias are equal leaves; their places tell them apart."""
    manifest, root = make_state_manifest(plan), compute_state_root(plan, state)
    bias, momentum = (
        next(i for i, entry in enumerate(manifest.entries) if entry.name == f"{kind}/linear00.bias")
        for kind in ("weight", "momentum")
    )
    proof = prove_state_leaf(manifest, state, bias, 0)
    verify_state_leaf(root, manifest, proof, bytes(1200))
    with refused("proof.invalid"):
        verify_state_leaf(root, manifest, replace(proof, entry=momentum), bytes(1200))
