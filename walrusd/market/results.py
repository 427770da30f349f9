"""The files of a training result. They may be gone or damaged; then the work is done again.

The result itself, a work item, names them and is small whatever the plan: it is read at every
reconciliation.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import trio

from walrusd.core.protocol import compute_trace_root
from walrusd.crypto.number_tree import compute_number_root
from walrusd.engine.tools import Tools
from walrusd.errors import LocalFault, MalformedData
from walrusd.market.case import Case
from walrusd.training.plan.plan import Plan
from walrusd.training.run.costs import StepCosts, costs_from_bytes, digest_step_costs
from walrusd.training.run.jobs import state_name
from walrusd.training.run.state import deserialize_state, has_state_root
from walrusd.training.run.trace import TraceRoots
from walrusd.training.run.update import compute_update, update_to_bytes

Read = TypeVar("Read")


def find_trained(tools: Tools, submission: str) -> dict[str, Any] | None:
    """Return the result of training a submission, or None if there is none.

    Earlier versions kept all records in the item. Such an item counts as none: the trainer writes
    the files from its checkpoints, which are still there.
    """
    trained = tools.work.get("trained", submission)
    return trained if trained is not None and "trace" in trained else None


def load_trace(trained: dict[str, Any]) -> TraceRoots:
    """Return the roots of all segments. Blocks.

    Raises:
        LocalFault: if they do not give the result's trace root.
    """
    path = trained["trace"]
    try:
        roots = TraceRoots.from_bytes(Path(path).read_bytes())
    except (OSError, MalformedData) as error:
        raise _make_fault(path) from error
    if compute_trace_root(roots.leaves()).hex() != trained["trace_root"]:
        raise _make_fault(path)
    return roots


def load_costs(trained: dict[str, Any]) -> StepCosts:
    """Return the cost of every step. Blocks.

    Raises:
        LocalFault: if they do not have the result's digest.
    """
    path = trained["costs"]
    try:
        costs = costs_from_bytes(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise _make_fault(path) from error
    if digest_step_costs(costs).hex() != trained["costs_digest"]:
        raise _make_fault(path)
    return costs


async def read_result(
    tools: Tools, case: Case, trained: dict[str, Any], load: Callable[[dict[str, Any]], Read]
) -> Read:
    """Return what ``load`` finds in the files of a result, such as ``load_trace``.

    Raises:
        LocalFault: if they are not what was trained; the trainer then does the work again.
    """
    try:
        return await trio.to_thread.run_sync(load, trained)
    except LocalFault as fault:
        raise _discard_result(tools, case, fault.fields["path"]) from fault


def _make_fault(path: str) -> LocalFault:
    return LocalFault(f"{path} is missing or damaged", path=path)


async def read_update(tools: Tools, case: Case, plan: Plan, trained: dict[str, Any]) -> bytes:
    """Return the update, int32 little-endian, checked against the final state and the commitment.

    Raises:
        LocalFault: if it is not what was trained; the trainer then does the work again.
    """
    roots = await read_result(tools, case, trained, load_trace)
    end = await read_state(tools, case, plan, trained, plan.segments, roots=roots)
    start = await read_state(tools, case, plan, trained, 0, roots=roots)
    update = await _read(tools, case, trained["update"])

    def compute() -> bytes:
        first, last = deserialize_state(plan, start), deserialize_state(plan, end)
        return update_to_bytes(compute_update(plan, first.weights, last.weights))

    if update != await trio.to_thread.run_sync(compute):
        raise _discard_result(tools, case, trained["update"])
    commitment = case.submission.commitment
    root = await trio.to_thread.run_sync(compute_number_root, update)
    if commitment is not None and root != commitment.update_root:
        raise _discard_result(tools, case, trained["update"])
    return update


async def read_state(
    tools: Tools,
    case: Case,
    plan: Plan,
    trained: dict[str, Any],
    boundary: int,
    *,
    roots: TraceRoots | None = None,
) -> bytes:
    """Return the state at a segment boundary, checked against its recorded root.

    ``roots`` are those of ``load_trace`` if the caller has them.

    Raises:
        LocalFault: if it is not what was trained; the trainer then does the work again.
    """
    path = str(Path(trained["states"]) / state_name(boundary))
    state = await _read(tools, case, path)
    if roots is None:
        roots = await read_result(tools, case, trained, load_trace)
    root = roots.state_roots[boundary]
    if not await trio.to_thread.run_sync(has_state_root, plan, state, root):
        raise _discard_result(tools, case, path)
    return state


async def _read(tools: Tools, case: Case, path: str) -> bytes:
    try:
        return await trio.Path(path).read_bytes()
    except OSError as error:
        raise _discard_result(tools, case, path) from error


def _discard_result(tools: Tools, case: Case, path: str) -> LocalFault:
    """Delete a result whose files are missing or damaged, so that the work is done again."""
    with tools.database.transaction():
        tools.work.delete("trained", case.submission.id)
        tools.journal.record(
            case.submission.id,
            "results",
            "dropped",
            "a file of the training result is missing or damaged",
            file=Path(path).name,
        )
    tools.wakeup.wake()
    return LocalFault(
        f"{Path(path).name} of submission {case.submission.id} is missing or damaged",
        hint="walrusd does the work again, from the last complete checkpoint",
    )
