"""Which segments were dealt, and which leaves the committed trace holds."""

from walrusd.chain.layouts.objects import Submission, Task
from walrusd.core.dealing import compute_dealt_segment
from walrusd.core.protocol import compute_deal_seed
from walrusd.crypto.merkle import verify_path
from walrusd.devnet.contract.constants import DIGEST
from walrusd.errors import VerificationFailed
from walrusd.units import address_bytes


def compute_segments(task: Task, submission: Submission) -> int:
    """Return how many segments the trace has: all, or up to the one of an abort claim."""
    return task.terms.segments if submission.abort is None else submission.abort.segment


def compute_places(task: Task) -> int:
    """Return how many segments are dealt; two places may hold the same one."""
    return task.terms.committee * task.terms.segments_per_seat


def compute_segment_at(task: Task, submission: Submission, place: int) -> int:
    """Return the segment at a dealt place: seat ``a``, position ``k`` is place ``a·q + k``."""
    segments = compute_segments(task, submission)
    seed = compute_deal_seed(submission.beacon, address_bytes(submission.id))
    return compute_dealt_segment(seed, segments, place % segments)


def is_leaf(task: Task, submission: Submission, index: int, leaf: bytes, path: list[bytes]) -> bool:
    """Return whether the committed trace holds ``leaf`` at ``index``."""
    assert submission.commitment is not None, "an opened submission has committed"
    size = compute_segments(task, submission) + 1
    try:
        verify_path(submission.commitment.trace_root, leaf, index, size, path)
    except VerificationFailed:
        return False
    return len(leaf) == DIGEST
