"""Compare what was fetched with what the chain says of it, and say how large it may be."""

import mmap
from pathlib import Path

from walrusd.chain.layouts.objects import DatasetVersion, Task
from walrusd.errors import MalformedData, VerificationFailed
from walrusd.market.case import Case
from walrusd.market.limits import compute_opening_limit
from walrusd.training.plan.dataspec import DataSchema
from walrusd.training.plan.plan import Plan, check_plan_for_rows
from walrusd.training.run.data import check_rows
from walrusd.training.run.state import Tensors
from walrusd.training.run.weights import compute_state_root_0, weights_from_bytes


def check_plan_of_task(task: Task, plan: Plan) -> None:
    """Check that a plan is the one that a task's terms describe.

    Raises:
        MalformedData: if its digest or number of segments differs, or it takes more memory or work
            than the terms declare: policies and seats have decided by the declaration.
    """
    terms = task.terms
    if plan.digest() != task.plan_digest:
        raise MalformedData("the task's plan does not have the digest that the task names")
    if plan.segments != terms.segments:
        raise MalformedData(f"the plan has {plan.segments} segments, the task {terms.segments}")
    if plan.state_bytes > terms.state_bytes or plan.segment_work() > terms.segment_work:
        raise MalformedData("the plan takes more memory or work than the task's terms declare")


def check_dataset_for_plan(plan: Plan, version: DatasetVersion) -> None:
    """Check that a plan can be carried out on a dataset, as far as the listing tells.

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


def compute_case_opening_bound(case: Case, plan: Plan) -> int:
    """Return how many bytes a submission's opening has at most."""
    return compute_opening_limit(case.task.terms, plan, case.submission.dataset_rows)


def load_weights(plan: Plan, task: Task, path: Path) -> Tensors:
    """Return a task's initial weights. Raises VerificationFailed if they are others."""
    weights = weights_from_bytes(plan, path.read_bytes())
    if compute_state_root_0(plan, weights) != task.state_root_0:
        raise VerificationFailed("the task's weights do not have its initial state root")
    return weights


def check_labels(path: Path, schema: DataSchema) -> None:
    """Check every row of a rows file against the plan's schema.

    Raises:
        MalformedData: if one is bad; training would stop there, after the stake is bound.
    """
    with path.open("rb") as file:
        check_rows(schema, memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
