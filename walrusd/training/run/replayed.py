"""What a replay of one segment gives, as a seat compares it and a juror says it."""

from dataclasses import dataclass
from typing import Any

from walrusd.core.protocol import compute_leaf, compute_slot_tree
from walrusd.training.run.costs import SegmentCosts, compute_segment_costs


@dataclass(frozen=True)
class Replayed:
    """The value that a replay of one segment gives.

    Of one that cannot be carried out ``costs`` is None, and ``abort`` says where and why. ``chain``
    binds the losses themselves.
    """

    segment: int
    chain: bytes
    state_root: bytes
    costs: SegmentCosts | None
    abort: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, as a work item keeps it."""
        return {
            "chain": self.chain.hex(),
            "state_root": self.state_root.hex(),
            "costs": self.costs.to_json() if self.costs else None,
            "abort": self.abort,
        }

    @classmethod
    def from_json(cls, segment: int, value: dict[str, Any]) -> "Replayed":
        """Read the JSON form, also that of earlier versions, which has ``losses``."""
        if "losses" in value:
            losses = value["losses"]
            costs = compute_segment_costs(losses) if losses else None
        else:
            told = value["costs"]
            costs = None if told is None else SegmentCosts.from_json(told)
        return cls(
            segment,
            bytes.fromhex(value["chain"]),
            bytes.fromhex(value["state_root"]),
            costs,
            value.get("abort"),
        )

    def leaf(self, ctx: bytes, slots: int) -> bytes:
        """Return the leaf that follows from the value, as the contract computes it."""
        tree = compute_slot_tree(ctx, self.segment, slots, self.chain)
        return compute_leaf(self.segment, self.state_root, tree.root)
