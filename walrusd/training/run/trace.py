"""The trace: what a contributor commits to segment by segment, and a verifier recomputes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from walrusd.core import protocol
from walrusd.crypto import merkle
from walrusd.errors import MalformedData
from walrusd.training.plan.plan import Plan
from walrusd.training.plan.strict import round_to_float32
from walrusd.training.run.costs import compute_segment_costs


@dataclass(frozen=True)
class Assignment:
    """What a trace is made for: the plan, the 32-byte ``ctx`` and ``seed``, and the slots.

    ``slots`` is how many each segment has: the seats of the task's committee and its substitutes.
    """

    plan: Plan
    ctx: bytes
    seed: bytes
    slots: int


class WorkChain:
    """The hash chain of one segment, one link per step (SPEC §10)."""

    def __init__(self, ctx: bytes, segment: int, start_root: bytes) -> None:
        self.value = protocol.compute_chain_start(ctx, segment, start_root)

    def absorb(self, step: int, losses: Sequence[float], folds: Sequence[float]) -> None:
        """Absorb a step: float32 losses in micro-batch order, gradient folds in name order."""
        self.value = protocol.compute_chain_step(self.value, step, losses, folds)


@dataclass(frozen=True)
class SegmentRecord:
    """All that a trace says about a segment. Records are equal exactly if the work was.

    ``losses[k]`` holds the float32 loss of each micro-batch of the segment's step ``k``.
    """

    segment: int
    state_root: bytes
    chain: bytes
    slot_root: bytes
    leaf: bytes
    losses: tuple[tuple[float, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; JSON numbers carry float32 values exactly."""
        return {**self._roots_to_json(), "losses": [list(step) for step in self.losses]}

    def _roots_to_json(self) -> dict[str, Any]:
        return {
            "segment": self.segment,
            "state_root": self.state_root.hex(),
            "chain": self.chain.hex(),
            "slot_root": self.slot_root.hex(),
            "leaf": self.leaf.hex(),
        }

    def summarize(self) -> dict[str, Any]:
        """Return the JSON form in bounded size: ``costs`` instead of the losses."""
        costs = compute_segment_costs(self.losses).to_json() if self.losses else None
        return {**self._roots_to_json(), "costs": costs}

    @classmethod
    def from_json(cls, value: Any) -> "SegmentRecord":
        """Read the JSON form.

        Raises:
            MalformedData: if it is malformed, or the leaf does not follow from its roots.
        """
        try:
            record = cls(
                segment=int(value["segment"]),
                state_root=bytes.fromhex(value["state_root"]),
                chain=bytes.fromhex(value["chain"]),
                slot_root=bytes.fromhex(value["slot_root"]),
                leaf=bytes.fromhex(value["leaf"]),
                losses=tuple(
                    tuple(round_to_float32(float(loss)) for loss in step)
                    for step in value["losses"]
                ),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise MalformedData("the value is not the record of a segment") from error
        leaf = protocol.compute_leaf(record.segment, record.state_root, record.slot_root)
        if leaf != record.leaf:
            raise MalformedData(f"the leaf of segment {record.segment} does not fit its roots")
        return record


def compute_record(
    assignment: Assignment,
    segment: int,
    chain: bytes,
    state_root: bytes,
    losses: Iterable[tuple[float, ...]],
) -> SegmentRecord:
    """Return the record of a finished segment; ``chain`` and ``state_root`` have 32 bytes.

    ``losses`` are the float32 losses of each micro-batch of each step.
    """
    slots = protocol.compute_slot_tree(assignment.ctx, segment, assignment.slots, chain)
    leaf = protocol.compute_leaf(segment, state_root, slots.root)
    return SegmentRecord(segment, state_root, chain, slots.root, leaf, tuple(losses))


@dataclass(frozen=True)
class TraceRoots:
    """What the leaves of a trace are made of: S+1 state roots, the slot roots of segments 1 … S.

    They take 64 bytes per segment, and need no proof: their leaves give the trace root.
    """

    state_roots: tuple[bytes, ...]
    slot_roots: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Return ``state_root_0``, then for each segment its state root and its slot root."""
        pairs = zip(self.state_roots[1:], self.slot_roots, strict=True)
        return self.state_roots[0] + b"".join(state + slot for state, slot in pairs)

    @classmethod
    def from_bytes(cls, data: bytes) -> "TraceRoots":
        """Read what ``to_bytes`` wrote.

        Raises:
            MalformedData: if the bytes are not the roots of whole segments.
        """
        if len(data) % 64 != 32:
            raise MalformedData("the bytes are not the roots of a trace")
        roots = [data[i : i + 32] for i in range(0, len(data), 32)]
        return cls((roots[0], *roots[1::2]), tuple(roots[2::2]))

    def leaves(self) -> list[bytes]:
        """Return ``leaf_0 … leaf_S``."""
        return [
            protocol.compute_leaf_zero(self.state_roots[0]),
            *(
                protocol.compute_leaf(i, self.state_roots[i], slot_root)
                for i, slot_root in enumerate(self.slot_roots, 1)
            ),
        ]


class Trace:
    """Leaf 0 and the leaves of segments 1 … n, in order, with their Merkle tree.

    Raises:
        MalformedData: if the records are not segments 1 … n.
    """

    def __init__(self, state_root_0: bytes, records: Sequence[SegmentRecord]) -> None:
        if [record.segment for record in records] != list(range(1, len(records) + 1)):
            raise MalformedData("a trace must have all segments in order")
        self.state_root_0 = state_root_0
        self.records = tuple(records)
        self.leaves = (
            protocol.compute_leaf_zero(state_root_0),
            *(record.leaf for record in records),
        )
        self._tree = merkle.Tree(self.leaves)

    @property
    def root(self) -> bytes:
        """The RFC 6962 root over all leaves: what is committed."""
        return self._tree.root

    @property
    def roots(self) -> TraceRoots:
        """What the leaves are made of."""
        return TraceRoots(
            (self.state_root_0, *(record.state_root for record in self.records)),
            tuple(record.slot_root for record in self.records),
        )

    def path(self, index: int) -> list[bytes]:
        """Return the audit path of leaf ``index`` (0 is the start state)."""
        return self._tree.path(index)

    def state_root(self, index: int) -> bytes:
        """Return the state root at the end of segment ``index``; 0 is the start."""
        return self.records[index - 1].state_root if index else self.state_root_0
