"""Fetched parts that are verified to be those that the chain names. Pure.

A function that needs a verified part takes these types, ``VerifiedFile`` or ``VerifiedOpening``;
only the functions that verify create them.
"""

from dataclasses import dataclass

from walrusd.chain.layouts.objects import Commitment, DatasetVersion, Task
from walrusd.core.manifest import TaskManifest
from walrusd.core.opening import Opening, VerifiedOpening, verify_opening
from walrusd.crypto.vfile.checks import VerifiedFile
from walrusd.crypto.vfile.header import Quantisation
from walrusd.errors import MalformedData, VerificationFailed
from walrusd.market.case import Case
from walrusd.market.schemes import TaskScheme, check_file_scheme, read_task_scheme
from walrusd.training.plan.plan import Plan, check_plan_for_rows
from walrusd.training.run.state import Tensors
from walrusd.training.run.weights import compute_state_root_0, weights_from_bytes


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


def verify_submission_opening(case: Case, opening: Opening) -> VerifiedOpening:
    """Verify an opening against the roots that a submission has on the chain.

    Raises:
        VerificationFailed: if a root does not match.
    """
    commitment = case.submission.commitment
    assert commitment is not None
    return verify_opening(
        opening,
        segments=case.segment_count,
        trace_root=commitment.trace_root,
        row_root=case.submission.dataset_root,
        row_count=case.submission.dataset_rows,
    )


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
