"""Records of steps: what a party says about each step of a segment, and the tree over them.

The tree has a leaf for each step of the segment, whatever happened: after an error that ended the
work all leaves are the record of the error. So the last record has the chain and the state root of
the segment's leaf in the trace, in both cases. The format is in docs/formats/transcript.md.
"""

from dataclasses import dataclass

from walrusd.core.protocol import TraceContext, compute_abort_chain, compute_chain_start
from walrusd.crypto.tags import Tag, u64
from walrusd.training.run.aborts import ABORTED_STATE, AbortCode

NOTHING = bytes(32)
"""The roots of losses and folds in a step that has none, as it ended in an error."""

RECORD_BYTES = 128


@dataclass(frozen=True)
class StepRecord:
    """A step: roots of its losses and folds, then chain and state root after it, 32 bytes each.

    In the record of an error, whose number is ``code``, there are no losses and folds and no state;
    the chain says step and code.
    """

    step: int
    losses: bytes
    folds: bytes
    chain: bytes
    state_root: bytes
    code: AbortCode | None = None

    def to_bytes(self) -> bytes:
        """Return everything but the step, ``RECORD_BYTES`` of them."""
        return self.losses + self.folds + self.chain + self.state_root

    def to_leaf(self) -> bytes:
        """Return the data of the record's leaf: the tag ``RECORD``, the step, the four hashes."""
        return Tag.RECORD.prefix + u64(self.step) + self.to_bytes()


def read_record(step: int, raw: bytes) -> StepRecord:
    """Return the record of ``step`` from its ``RECORD_BYTES`` bytes."""
    losses, folds, chain, root = (raw[at : at + 32] for at in range(0, RECORD_BYTES, 32))
    return StepRecord(step, losses, folds, chain, root)


@dataclass(frozen=True)
class Beginning:
    """What a transcript is about: whose work, which segment, from which state."""

    subject: TraceContext
    segment: int
    start_root: bytes

    def compute_chain(self) -> bytes:
        """Return the chain's value before the first step."""
        return compute_chain_start(self.subject.digest(), self.segment, self.start_root)

    def compute_ending(self, step: int, code: AbortCode, chain: bytes) -> StepRecord:
        """Return the record of an error in ``step``; ``chain`` is the value before that step."""
        value = compute_abort_chain(self.subject.digest(), self.segment, step, code, chain)
        return StepRecord(step, NOTHING, NOTHING, value, ABORTED_STATE, code)
