"""The hashes of PROTOCOL sections 2 to 6 (SPEC §10), as the contract and every daemon compute them.

All functions are pure. Addresses, object ids and digests are 32 raw bytes here; the callers
convert. Each preimage is given in the docstring; ``‖`` is concatenation and integers are u64
little-endian.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from walrusd.crypto import merkle
from walrusd.crypto.number_tree import compute_number_root
from walrusd.crypto.tags import Tag, hash_tagged, u64
from walrusd.crypto.tensors import encode_floats


def compute_seed(task: bytes, contributor: bytes, join_beacon: bytes) -> bytes:
    """``H(SEED ‖ task ‖ contributor ‖ join_beacon)``: drives batch order and dropout."""
    return hash_tagged(Tag.SEED, task, contributor, join_beacon)


@dataclass(frozen=True)
class TraceContext:
    """Everything a trace is bound to (SPEC §10). Each field is 32 bytes."""

    chain_id: bytes
    package: bytes
    task: bytes
    contributor: bytes
    seed: bytes
    plan_digest: bytes
    dataset_root: bytes

    def digest(self) -> bytes:
        """``ctx = H(CTX ‖ chain_id ‖ package ‖ task ‖ contributor ‖ seed ‖ plan ‖ dataset)``.

        Raises:
            ValueError: if a field does not have 32 bytes.
        """
        fields = (
            self.chain_id,
            self.package,
            self.task,
            self.contributor,
            self.seed,
            self.plan_digest,
            self.dataset_root,
        )
        if any(len(field) != 32 for field in fields):
            raise ValueError("each field of a trace context has 32 bytes")
        return hash_tagged(Tag.CTX, *fields)


def compute_chain_start(ctx: bytes, segment: int, start_root: bytes) -> bytes:
    """``H(CHAIN ‖ ctx ‖ i ‖ state_root_{i−1})``."""
    return hash_tagged(Tag.CHAIN, ctx, u64(segment), start_root)


def compute_chain_step(
    chain: bytes, step: int, losses: Iterable[float], folds: Iterable[float]
) -> bytes:
    """Absorb one training step into the work chain.

    ``H(STEP ‖ chain ‖ step ‖ root of the losses ‖ root of the folds)``, roots over float32 numbers
    (``tensors.py``): the loss of each micro-batch in order, the fold of each gradient in the order
    of the tensors' names.
    """
    losses_root, folds_root = (compute_number_root(encode_floats(side)) for side in (losses, folds))
    return compute_chain_link(chain, step, losses_root, folds_root)


def compute_chain_link(chain: bytes, step: int, losses_root: bytes, folds_root: bytes) -> bytes:
    """``H(STEP ‖ chain ‖ step ‖ root of the losses ‖ root of the folds)``, as in a step."""
    return hash_tagged(Tag.STEP, chain, u64(step), losses_root, folds_root)


def compute_abort_chain(ctx: bytes, segment: int, step: int, code: int, chain: bytes) -> bytes:
    """``H(ABORT ‖ ctx ‖ i ‖ step ‖ code ‖ chain)``: the work chain of a segment that aborts.

    ``chain`` is the work chain before ``step``, the step that failed; ``code`` says why.
    """
    return hash_tagged(Tag.ABORT, ctx, u64(segment), u64(step), u64(code), chain)


def compute_work_digest(ctx: bytes, segment: int, slot: int, chain: bytes) -> bytes:
    """``D_{i,s} = H(DIGEST ‖ ctx ‖ i ‖ s ‖ chain_i)``: what seat ``s`` reveals."""
    return hash_tagged(Tag.DIGEST, ctx, u64(segment), u64(slot), chain)


def compute_slot(work_digest: bytes) -> bytes:
    """``H(SLOT ‖ D_{i,s})``: leaf data of the slot tree."""
    return hash_tagged(Tag.SLOT, work_digest)


def compute_slot_tree(ctx: bytes, segment: int, committee: int, chain: bytes) -> merkle.Tree:
    """Return the tree over the ``2·committee`` slots of a segment: seats, then substitutes."""
    return merkle.Tree(
        [
            compute_slot(compute_work_digest(ctx, segment, slot, chain))
            for slot in range(2 * committee)
        ]
    )


def compute_leaf_zero(state_root: bytes) -> bytes:
    """``leaf_0 = H(LEAF ‖ 0 ‖ state_root_0)``."""
    return hash_tagged(Tag.LEAF, u64(0), state_root)


def compute_leaf(segment: int, state_root: bytes, slot_root: bytes) -> bytes:
    """``leaf_i = H(LEAF ‖ i ‖ state_root_i ‖ slot_root_i)`` for ``i ≥ 1``."""
    return hash_tagged(Tag.LEAF, u64(segment), state_root, slot_root)


def compute_trace_root(leaves: Sequence[bytes]) -> bytes:
    """Return the RFC 6962 root over ``leaf_0 … leaf_S``."""
    return merkle.compute_root(leaves)


def compute_seat_draw(beacon: bytes, submission: bytes, attempt: int, pool_len: int) -> int:
    """``u64(H(SEAT ‖ beacon ‖ submission ‖ k)[0..8]) mod pool_len``."""
    digest = hash_tagged(Tag.SEAT, beacon, submission, u64(attempt))
    return int.from_bytes(digest[:8], "little") % pool_len


def compute_juror_draw(beacon: bytes, challenge: bytes, attempt: int, pool_len: int) -> int:
    """``u64(H(JUROR-SEAT ‖ beacon ‖ challenge ‖ k)[0..8]) mod pool_len``."""
    digest = hash_tagged(Tag.JUROR_SEAT, beacon, challenge, u64(attempt))
    return int.from_bytes(digest[:8], "little") % pool_len


def compute_deal_seed(beacon: bytes, submission: bytes) -> bytes:
    """``H(DEAL ‖ beacon ‖ submission)``: the seed of the segment shuffle."""
    return hash_tagged(Tag.DEAL, beacon, submission)


@dataclass(frozen=True)
class AuditSample:
    """The audit sample: whether a jury judges a segment, and the place that it was dealt to."""

    is_selected: bool
    place: int


def compute_audit_sample(
    beacon: bytes, submission: bytes, audit_bps: int, places: int
) -> AuditSample:
    """Draw one of the ``places`` (committee · segments per seat) with ``audit_bps`` of 10,000.

    ``h = H(AUDIT ‖ beacon ‖ submission)``: ``u64(h[0..8]) mod 10,000 < audit_bps`` selects the
    place ``u64(h[8..16]) mod places``.
    """
    digest = hash_tagged(Tag.AUDIT, beacon, submission)
    ticket, place = (int.from_bytes(digest[at : at + 8], "little") for at in (0, 8))
    return AuditSample(ticket % 10_000 < audit_bps, place % places)


def compute_challenge_id(submission: bytes, kind: int, index: int, round_: int) -> bytes:
    """``H(CHALLENGE ‖ submission ‖ kind ‖ index ‖ round)``: names one jury's case."""
    return hash_tagged(Tag.CHALLENGE, submission, u64(kind), u64(index), u64(round_))


def compute_jury_commitment(
    challenge: bytes, address: bytes, chain: bytes, state_root: bytes, salt: bytes
) -> bytes:
    """``H(JURY ‖ challenge ‖ address ‖ chain' ‖ state_root' ‖ salt)``, salt of 32 bytes."""
    return hash_tagged(Tag.JURY, challenge, address, chain, state_root, salt)


VERDICT_SOUND = bytes(32)
"""The ``chain`` that a juror reveals to reject a claim, unless it is about a segment."""

VERDICT_FAULT = b"\x01" + bytes(31)
"""The ``chain`` that a juror reveals to confirm such a claim. The state root is zero in both."""
