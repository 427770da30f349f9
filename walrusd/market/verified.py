"""Fetched parts that are verified to be those that the chain names; how large it may be. Pure.

A function that needs a verified part takes these types, ``VerifiedFile`` or ``VerifiedOpening``;
only the functions that verify create them.
"""

from dataclasses import dataclass

from walrusd.chain.layouts.objects import Commitment, DatasetVersion, Task, Terms
from walrusd.core.lifecycle import Scheme, WeightsRule
from walrusd.core.manifest import TaskManifest
from walrusd.core.sizes import SchemeShape, WorkShape, compute_file_size, compute_opening_size
from walrusd.crypto.paillier.keys import MIN_BITS, read_public_key
from walrusd.crypto.paillier.packing import choose_slot_bits
from walrusd.crypto.paillier.vectors import MAX_WEIGHT
from walrusd.crypto.vfile.blocks import PaillierBlock, PedersenBlock
from walrusd.crypto.vfile.checks import VerifiedFile
from walrusd.crypto.vfile.header import Quantisation
from walrusd.errors import MalformedData, VerificationFailed
from walrusd.training.plan.plan import Plan, check_plan_for_rows
from walrusd.training.run.state import Tensors
from walrusd.training.run.weights import compute_state_root_0, weights_from_bytes
from walrusd.workers.paillier import Encryption

WEIGHTS_HEAD_BYTES = 1 << 17
"""The room for the header of a file of weights."""


@dataclass(frozen=True)
class TaskScheme:
    """What terms, manifest and plan say of a task's scheme. No ``encryption``: Pedersen's."""

    entries: int
    encryption: Encryption | None = None
    modulus_proof: bytes = b""


@dataclass(frozen=True)
class VerifiedPlan:
    """A task's manifest and plan, which the task's digests name, and what follows from them."""

    manifest: TaskManifest
    plan: Plan
    scheme: TaskScheme
    quantisation: Quantisation


def verify_plan(task: Task, manifest: TaskManifest, plan: Plan) -> VerifiedPlan:
    """Verify that a plan is the one that a task's terms describe.

    Raises:
        MalformedData: if its digest or number of segments differs, or it takes more memory or work
            than the terms declare: policies and seats have decided by the declaration. Also if a
            task of the Paillier scheme has no key.
        PaillierKeyRefused, SlotOverflow: as ``read_task_scheme``.
    """
    terms = task.terms
    if plan.digest() != task.plan_digest:
        raise MalformedData("the task's plan does not have the digest that the task names")
    if plan.segments != terms.segments:
        raise MalformedData(f"the plan has {plan.segments} segments, the task {terms.segments}")
    if plan.state_bytes > terms.state_bytes or plan.segment_work() > terms.segment_work:
        raise MalformedData("the plan takes more memory or work than the task's terms declare")
    update = plan.update
    quantisation = Quantisation(update.scale_bits, update.value_bits, plan.weight_count)
    return VerifiedPlan(manifest, plan, read_task_scheme(task, manifest, plan), quantisation)


def verify_weights(plan: Plan, task: Task, data: bytes) -> Tensors:
    """Return a task's initial weights, float32 by name, from the bytes of a safetensors file.

    Raises:
        MalformedData, NonFiniteValue: if they are not weights of the task's model.
        VerificationFailed: if they do not have the initial state root that the task names.
    """
    weights = weights_from_bytes(plan, data)
    if compute_state_root_0(plan, weights) != task.state_root_0:
        raise VerificationFailed("the task's weights do not have its initial state root")
    return weights


def verify_committed_file(
    file: VerifiedFile, commitment: Commitment, scheme: TaskScheme
) -> VerifiedFile:
    """Return an internally valid file, if it is also the one its submission has committed to.

    Raises:
        VerificationFailed: if it holds other roots than the chain, or is of another scheme.
    """
    header = file.file.header
    found = (header.trace_root, header.update_root, header.scheme.root, header.scheme.count)
    if found != (
        commitment.trace_root,
        commitment.update_root,
        commitment.scheme_root,
        commitment.scheme_rows,
    ):
        raise VerificationFailed("the verification file holds other roots than the chain")
    check_file_scheme(file, scheme)
    return file


def check_dataset_for_plan(plan: Plan, version: DatasetVersion) -> None:
    """Check that a plan can be carried out on a dataset, as far as the listing shows.

    Raises:
        MalformedData: if its rows have another width.
        PlanRefused: if it has too few rows for the batches.
    """
    expected = plan.dataset.row_bytes
    if version.row_bytes != expected:
        raise MalformedData(
            f"the dataset's rows have {version.row_bytes} bytes, the plan's {expected}"
        )
    check_plan_for_rows(plan, version.rows)


# --- the scheme ---------------------------------------------------------------------------------


def compute_slot_bits(terms: Terms, plan: Plan) -> int:
    """Return the width of a slot: the same for every contribution, as their sum is one.

    Raises:
        SlotOverflow: if the weights that the terms allow could overflow the widest slot.
    """
    weight = 1 if terms.weights_rule == WeightsRule.EQUAL else MAX_WEIGHT
    return choose_slot_bits(plan.update.value_bits, terms.max_submissions * weight)


def read_task_scheme(task: Task, manifest: TaskManifest, plan: Plan) -> TaskScheme:
    """Return the scheme of a task.

    Raises:
        MalformedData: if a task of the Paillier scheme has no key.
        PaillierKeyRefused: if the key has no acceptable size.
        SlotOverflow: if weighted sums could overflow.
    """
    if task.terms.scheme == Scheme.PEDERSEN:
        return TaskScheme(plan.weight_count)
    if manifest.paillier is None:
        raise MalformedData("a task of the Paillier scheme has no key in its manifest")
    read_public_key(manifest.paillier.modulus)
    encryption = Encryption(manifest.paillier.modulus, compute_slot_bits(task.terms, plan))
    return TaskScheme(plan.weight_count, encryption, manifest.paillier.proof)


def check_file_scheme(file: VerifiedFile, scheme: TaskScheme) -> None:
    """Check that a file is of its task's scheme, and encrypted to its task's key.

    Raises:
        VerificationFailed: if it is not.
    """
    block = file.file.header.scheme
    if isinstance(block, PedersenBlock) != (scheme.encryption is None):
        raise VerificationFailed("the verification file is of another scheme than the task")
    if (
        isinstance(block, PaillierBlock)
        and Encryption(block.modulus, block.slot_bits) != scheme.encryption
    ):
        raise VerificationFailed("the update is encrypted to another key, or packed otherwise")


# --- sizes --------------------------------------------------------------------------------------


def make_scheme_shape(terms: Terms, plan: Plan, modulus_bits: int) -> SchemeShape:
    """Return the shape of an update; only the Paillier scheme needs ``modulus_bits`` of the key.

    Raises:
        SlotOverflow: if sums of encrypted updates could overflow.
    """
    if terms.scheme != Scheme.PAILLIER:
        return SchemeShape(plan.weight_count)
    return SchemeShape(plan.weight_count, modulus_bits, compute_slot_bits(terms, plan))


def make_work_shape(terms: Terms, plan: Plan, dataset_rows: int, modulus_bits: int) -> WorkShape:
    """Return what decides the sizes.

    Raises:
        SlotOverflow: if sums of encrypted updates could overflow.
    """
    return WorkShape(
        scheme=make_scheme_shape(terms, plan, modulus_bits),
        state_bytes=plan.state_bytes,
        segments=plan.segments,
        steps=plan.steps,
        segment_rows=plan.segment_steps * plan.batch,
        row_bytes=plan.dataset.row_bytes,
        dataset_rows=dataset_rows,
        committee=terms.committee,
        segments_per_seat=terms.segments_per_seat,
        max_submissions=terms.max_submissions,
    )


def read_modulus_bits(manifest: TaskManifest) -> int:
    """Return the bits of the key in a task's manifest; 0 without a key."""
    if manifest.paillier is None:
        return 0
    return int.from_bytes(manifest.paillier.modulus, "big").bit_length()


def compute_weights_limit(plan: Plan) -> int:
    """Return the most bytes that a task's file of weights may have; readers accept no more."""
    return 4 * plan.model.size + WEIGHTS_HEAD_BYTES


def compute_file_limit(terms: Terms, plan: Plan, manifest: TaskManifest) -> int:
    """Return the most bytes that the verification file of a task may have."""
    return compute_file_size(make_work_shape(terms, plan, 1, read_modulus_bits(manifest)))


def compute_opening_limit(terms: Terms, plan: Plan, dataset_rows: int) -> int:
    """Return the most bytes that all pieces of a task's opening have, sealed.

    It does not depend on the length of a Paillier key.
    """
    return compute_opening_size(make_opening_shape(terms, plan, dataset_rows))


def make_opening_shape(terms: Terms, plan: Plan, dataset_rows: int) -> WorkShape:
    """Return the shape that bounds an opening's pieces, whatever the length of a Paillier key."""
    return make_work_shape(terms, plan, dataset_rows, MIN_BITS)
