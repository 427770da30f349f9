"""The hashes of PROTOCOL sections 2 to 6 (SPEC §10), as the contract and every daemon compute them.

All functions are pure. Addresses, object ids and digests are 32 raw bytes here; the callers
convert. What the contract hashes too is the BCS of one Move struct, the tag first, so that Move
makes it with one ``bcs::to_bytes``: addresses and ids are 32 bytes, digests are byte vectors with
their length before them, integers are u64 little-endian. Docstrings give the fields; ``‖`` is
concatenation.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from walrusd.crypto import merkle
from walrusd.crypto.number_tree import compute_number_root
from walrusd.crypto.tags import Tag, encode_bytes, hash_tagged, u64
from walrusd.crypto.tensors import encode_floats

_STEP_PREFIX = Tag.STEP.prefix


def compute_keys_digest(pk1: bytes, pk2: bytes) -> bytes:
    """``H(KEYS ‖ pk1 ‖ pk2)``: what a pool stores of a recipient's keys, of 48 and 96 bytes."""
    return hash_tagged(Tag.KEYS, encode_bytes(pk1), encode_bytes(pk2))


def compute_seed(task: bytes, contributor: bytes, join_beacon: bytes) -> bytes:
    """``H(SEED ‖ task ‖ contributor ‖ join_beacon)``: drives batch order and dropout."""
    return hash_tagged(Tag.SEED, task, contributor, encode_bytes(join_beacon))


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
        places = (self.package, self.task, self.contributor)
        digests = (self.chain_id, self.seed, self.plan_digest, self.dataset_root)
        if any(len(field) != 32 for field in (*places, *digests)):
            raise ValueError("each field of a trace context has 32 bytes")
        chain_id, *bound = map(encode_bytes, digests)
        return hash_tagged(Tag.CTX, chain_id, *places, *bound)


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
    losses_root = compute_number_root(encode_floats(losses))
    folds_root = compute_number_root(encode_floats(folds))
    return compute_chain_link(chain, step, losses_root, folds_root)


def compute_chain_link(chain: bytes, step: int, losses_root: bytes, folds_root: bytes) -> bytes:
    """``H(STEP ‖ chain ‖ step ‖ root of the losses ‖ root of the folds)``, as in a step."""
    # Not by hash_tagged: after the products of a step nothing is cached, and each call costs.
    fields = chain + u64(step) + losses_root + folds_root
    return hashlib.sha256(_STEP_PREFIX + fields).digest()


def compute_abort_chain(ctx: bytes, segment: int, step: int, code: int, chain: bytes) -> bytes:
    """``H(ABORT ‖ ctx ‖ i ‖ step ‖ code ‖ chain)``: the work chain of a segment that aborts.

    ``chain`` is the work chain before ``step``, the step that failed; ``code`` says why.
    """
    return hash_tagged(Tag.ABORT, ctx, u64(segment), u64(step), u64(code), chain)


def compute_work_digest(ctx: bytes, segment: int, slot: int, chain: bytes) -> bytes:
    """``D_{i,s} = H(DIGEST ‖ ctx ‖ i ‖ s ‖ chain_i)``: what seat ``s`` reveals."""
    return hash_tagged(Tag.DIGEST, encode_bytes(ctx), u64(segment), u64(slot), encode_bytes(chain))


def compute_slot(work_digest: bytes) -> bytes:
    """``H(SLOT ‖ D_{i,s})``: leaf data of the slot tree."""
    return hash_tagged(Tag.SLOT, encode_bytes(work_digest))


def compute_slot_tree(ctx: bytes, segment: int, slots: int, chain: bytes) -> merkle.Tree:
    """Return the tree over the ``slots`` of a segment: one a committee seat, then substitutes."""
    return merkle.Tree(
        [compute_slot(compute_work_digest(ctx, segment, slot, chain)) for slot in range(slots)]
    )


def compute_leaf_zero(state_root: bytes) -> bytes:
    """``leaf_0 = H(LEAF ‖ 0 ‖ state_root_0 ‖ no bytes)``: no segment led to it."""
    return hash_tagged(Tag.LEAF, u64(0), encode_bytes(state_root), encode_bytes(b""))


def compute_leaf(segment: int, state_root: bytes, slot_root: bytes) -> bytes:
    """``leaf_i = H(LEAF ‖ i ‖ state_root_i ‖ slot_root_i)`` for ``i ≥ 1``."""
    return hash_tagged(Tag.LEAF, u64(segment), encode_bytes(state_root), encode_bytes(slot_root))


def compute_trace_root(leaves: Sequence[bytes]) -> bytes:
    """Return the RFC 6962 root over ``leaf_0 … leaf_S``."""
    return merkle.compute_root(leaves)


def compute_seat_draw(beacon: bytes, submission: bytes, attempt: int, remaining: int) -> int:
    """``u64(H(SEAT ‖ beacon ‖ submission ‖ k)[0..8]) mod remaining``: a place in what is left.

    The submission's id is a byte vector here, as a challenge is for a juror.
    """
    return _compute_draw(Tag.SEAT, beacon, submission, attempt, remaining)


def compute_juror_draw(beacon: bytes, challenge: bytes, attempt: int, remaining: int) -> int:
    """``u64(H(JUROR-SEAT ‖ beacon ‖ challenge ‖ k)[0..8]) mod remaining``."""
    return _compute_draw(Tag.JUROR_SEAT, beacon, challenge, attempt, remaining)


def _compute_draw(tag: Tag, beacon: bytes, name: bytes, attempt: int, remaining: int) -> int:
    digest = hash_tagged(tag, encode_bytes(beacon), encode_bytes(name), u64(attempt))
    return int.from_bytes(digest[:8], "little") % remaining


def compute_deal_seed(beacon: bytes, submission: bytes) -> bytes:
    """``H(DEAL ‖ beacon ‖ submission)``: the seed of the segment shuffle."""
    return hash_tagged(Tag.DEAL, encode_bytes(beacon), submission)


@dataclass(frozen=True)
class AuditSample:
    """The audit sample: whether a jury judges a segment, and the place that it was dealt to."""

    is_selected: bool
    place: int


def compute_audit_sample(
    beacon: bytes, submission: bytes, round_: int, audit_bps: int, places: int
) -> AuditSample:
    """Draw one of the ``places`` (committee · segments per seat) with ``audit_bps`` of 10,000.

    ``h = H(AUDIT ‖ beacon ‖ submission ‖ round)``: ``u64(h[0..8]) mod 10,000 < audit_bps`` selects
    the place ``u64(h[8..16]) mod places``. A later round, drawn because a jury found no majority,
    is always selected.
    """
    digest = hash_tagged(Tag.AUDIT, encode_bytes(beacon), submission, u64(round_))
    ticket, place = (int.from_bytes(digest[at : at + 8], "little") for at in (0, 8))
    return AuditSample(round_ > 0 or ticket % 10_000 < audit_bps, place % places)


def compute_challenge_id(submission: bytes, number: int, round_: int) -> bytes:
    """``H(CHALLENGE ‖ submission ‖ number ‖ round)``: names one jury of a submission's case.

    ``number`` counts the submission's cases, ``round`` the juries of a case: nothing that one jury
    hid or revealed means anything to another.
    """
    return hash_tagged(Tag.CHALLENGE, submission, u64(number), u64(round_))


class Word(IntEnum):
    """What a juror says where it does not show a replay."""

    SOUND = 0
    FAULT = 1
    ABSENT = 2

    @property
    def chain(self) -> bytes:
        """What stands in the place of the work chain."""
        return bytes([self]) + bytes(31)


def compute_judged(beacon: bytes, digest: bytes) -> bytes:
    """``H(JUDGED ‖ beacon ‖ SHA-256 of the bytes judged)``: stands in the place of the state root.

    ``beacon`` is the jury's. Only a juror that has read the bytes can say it.
    """
    return hash_tagged(Tag.JUDGED, encode_bytes(beacon), encode_bytes(digest))


def compute_verdict(challenge: bytes, chain: bytes, state_root: bytes) -> bytes:
    """``H(VERDICT ‖ challenge ‖ chain' ‖ state_root')``: the value that a juror reveals."""
    return hash_tagged(Tag.VERDICT, *map(encode_bytes, (challenge, chain, state_root)))


def compute_jury_commitment(challenge: bytes, address: bytes, value: bytes, salt: bytes) -> bytes:
    """``H(JURY ‖ challenge ‖ address ‖ value ‖ salt)``, salt of 32 bytes."""
    return hash_tagged(
        Tag.JURY, encode_bytes(challenge), address, encode_bytes(value), encode_bytes(salt)
    )


PROGRAM_ROOT = bytes(32)
"""Names the program that a plan means to a judge of single operations: none exists yet.

Every task of ours names it, and no stake is bound and no seat speaks where a task names another.
"""
