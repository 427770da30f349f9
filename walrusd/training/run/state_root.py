"""The root of a state: what its tensors are, then a Merkle tree over the tensors' roots (SPEC §10).

``H(STATE ‖ H(STATE-MANIFEST ‖ manifest) ‖ merkle(root of each entry))``, 32 bytes. The entries
are the tensors in the order of the state's bytes, then the counters, each a tree of numbers of its
own: a number of the state is proved with its leaf of 4 KiB and two paths. The manifest, which may
be larger than a transaction, is needed as a hash alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from walrusd.crypto import merkle
from walrusd.crypto.number_tree import (
    WORD_BYTES,
    Buffer,
    NumberLeaf,
    compute_number_root,
    compute_root_from_leaf,
    prove_leaf,
    read_leaf,
)
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.crypto.tensors import count_words
from walrusd.errors import MalformedData, VerificationFailed
from walrusd.training.plan.layerspec import Shape, TensorSpec
from walrusd.training.plan.plan import Plan
from walrusd.training.plan.strict import canonical_json


@dataclass(frozen=True)
class StateEntry:
    """A tensor or a counter of a state: its name, the type of its numbers, its shape."""

    name: str
    kind: str
    shape: Shape = ()

    @property
    def words(self) -> int:
        """The number of its words of 32 bits."""
        return count_words(self.kind, self.shape)


@dataclass(frozen=True)
class StateManifest:
    """What a state consists of, in the order of its bytes."""

    tensors: tuple[StateEntry, ...]
    counters: tuple[StateEntry, ...] = ()

    @property
    def entries(self) -> tuple[StateEntry, ...]:
        """The tensors, then the counters: the leaves of the tree over their roots."""
        return self.tensors + self.counters

    @property
    def state_bytes(self) -> int:
        """The length of the state's bytes."""
        return WORD_BYTES * sum(entry.words for entry in self.entries)

    def digest(self) -> bytes:
        """Return ``H(STATE-MANIFEST ‖ manifest)``, 32 bytes; the manifest is canonical JSON."""
        told = {
            "counters": [[entry.name, entry.kind] for entry in self.counters],
            "tensors": [[entry.name, entry.kind, list(entry.shape)] for entry in self.tensors],
        }
        return hash_tagged(Tag.STATE_MANIFEST, canonical_json(told))


def make_state_manifest(plan: Plan) -> StateManifest:
    """Return the manifest of the states of a plan: weights, slots of the optimizer, counters."""
    return StateManifest(
        tuple(
            StateEntry(f"{prefix}/{spec.name}", "f32", spec.shape)
            for prefix in ("weight", *plan.optimizer.slots)
            for spec in plan.model.tensors()
        ),
        (StateEntry("step", "u64"), *(StateEntry(power, "f64") for power in plan.optimizer.powers)),
    )


def make_base_manifest(specs: Sequence[TensorSpec]) -> StateManifest:
    """Return the manifest of frozen tensors, which have no counters (SPEC §7)."""
    return StateManifest(
        tuple(StateEntry(f"frozen/{spec.name}", "f32", spec.shape) for spec in specs)
    )


def _split(manifest: StateManifest, data: Buffer) -> Iterator[memoryview]:
    """Yield the bytes of each entry."""
    if len(data) != manifest.state_bytes:
        raise MalformedData(
            f"a state of this plan has {manifest.state_bytes} bytes, not {len(data)}"
        )
    view, offset = memoryview(data), 0
    for entry in manifest.entries:
        end = offset + WORD_BYTES * entry.words
        yield view[offset:end]
        offset = end


def compute_manifest_root(manifest: StateManifest, data: Buffer) -> bytes:
    """Return the root of the canonical bytes of a state with this manifest, 32 bytes.

    Raises:
        MalformedData: if they do not have the state's length: such bytes have no root.
    """
    roots = [compute_number_root(piece) for piece in _split(manifest, data)]
    return compute_root_of_entries(manifest, roots)


def compute_root_of_entries(manifest: StateManifest, roots: Sequence[bytes]) -> bytes:
    """Return the root of a state whose entries have these tensor roots, 32 bytes."""
    return _hash_state(manifest, merkle.compute_root(roots))


def _hash_state(manifest: StateManifest, entries_root: bytes) -> bytes:
    return hash_tagged(Tag.STATE, manifest.digest(), entries_root)


@dataclass(frozen=True)
class StateLeafProof:
    """The way from a leaf of numbers to a state root.

    ``entry`` and ``leaf`` are places: of the tensor or counter among the manifest's entries, and of
    the leaf in its tree. ``leaf_path`` leads to the entry's root, ``entry_path`` to the root over
    them.
    """

    entry: int
    leaf: int
    leaf_path: tuple[bytes, ...]
    entry_path: tuple[bytes, ...]


def prove_state_leaf(
    manifest: StateManifest, data: Buffer, entry: int, leaf: int
) -> StateLeafProof:
    """Return the proof of leaf ``leaf`` of entry ``entry`` in the canonical bytes of a state.

    Raises:
        MalformedData: as ``compute_manifest_root``.
        IndexError: if there is no such entry or leaf.
    """
    pieces = list(_split(manifest, data))
    tree = merkle.Tree([compute_number_root(piece) for piece in pieces])
    entry_path = tree.path(entry)
    return StateLeafProof(entry, leaf, tuple(prove_leaf(pieces[entry], leaf)), tuple(entry_path))


def verify_state_leaf(
    root: bytes, manifest: StateManifest, proof: StateLeafProof, data: Buffer
) -> NumberLeaf:
    """Check that ``data`` is a leaf of the state with this root and manifest, and return it.

    Raises:
        VerificationFailed: if it is not.
    """
    entries = manifest.entries
    if not 0 <= proof.entry < len(entries):
        raise VerificationFailed(f"a state of {len(entries)} entries has no entry {proof.entry}")
    words = entries[proof.entry].words
    entry_root = compute_root_from_leaf(words, proof.leaf, data, proof.leaf_path)
    entries_root = merkle.compute_root_from_path(
        entry_root, proof.entry, len(entries), proof.entry_path
    )
    if _hash_state(manifest, entries_root) != root:
        raise VerificationFailed("the paths of the leaf lead to another state root")
    return read_leaf(proof.leaf, data)
