"""The files of a training result. They may be gone or damaged; then the work is done again."""

from pathlib import Path
from typing import Any

import trio

from walrusd.crypto.chunks import compute_chunk_root
from walrusd.errors import LocalFault
from walrusd.services.facts import Case
from walrusd.services.files import read_file
from walrusd.services.tools import Tools
from walrusd.training.plan import Plan
from walrusd.training.state import compute_state_root, deserialize_state
from walrusd.training.update import compute_update, update_to_bytes


async def read_update(tools: Tools, case: Case, plan: Plan, trained: dict[str, Any]) -> bytes:
    """Return the update, int32 little-endian, checked against the final state and the commitment.

    Raises:
        LocalFault: if it is not what was trained; the trainer then does the work again.
    """
    end = await read_state(tools, case, plan, trained, plan.segments)
    start = await read_state(tools, case, plan, trained, 0)
    update = await _read(tools, case, trained["update"])

    def compute() -> bytes:
        first, last = deserialize_state(plan, start), deserialize_state(plan, end)
        return update_to_bytes(compute_update(plan, first.weights, last.weights))

    if update != await trio.to_thread.run_sync(compute):
        raise _lose(tools, case, trained["update"])
    commitment = case.submission.commitment
    root = await trio.to_thread.run_sync(compute_chunk_root, update)
    if commitment is not None and root != commitment.update_root:
        raise _lose(tools, case, trained["update"])
    return update


async def read_state(
    tools: Tools, case: Case, plan: Plan, trained: dict[str, Any], boundary: int
) -> bytes:
    """Return the state at a segment boundary, checked against its recorded root.

    Raises:
        LocalFault: if it is not what was trained; the trainer then does the work again.
    """
    path = trained["states"][boundary]
    state = await _read(tools, case, path)
    expected = (
        trained["segments"][boundary - 1]["state_root"] if boundary else trained["state_root_0"]
    )
    root = await trio.to_thread.run_sync(compute_state_root, plan, state)
    if root.hex() != expected:
        raise _lose(tools, case, path)
    return state


def verification_file_path(tools: Tools, submission: str) -> Path:
    """Return where the verification file of a submission of ours lies until it has ended."""
    return tools.work_dir / submission / "verification-file.wvf"


async def _read(tools: Tools, case: Case, path: str) -> bytes:
    try:
        return await read_file(path)
    except OSError as error:
        raise _lose(tools, case, path) from error


def _lose(tools: Tools, case: Case, path: str) -> LocalFault:
    """Drop a result that its files no longer bear out, so that it is made again."""
    with tools.database.transaction():
        tools.work.delete("trained", case.submission.id)
        tools.journal.record(
            case.submission.id,
            "results",
            "dropped",
            "a file of the training result is missing or damaged",
            file=Path(path).name,
        )
    tools.bell.ring()
    return LocalFault(
        f"{Path(path).name} of submission {case.submission.id} is missing or damaged",
        hint="the work is done again, from the last whole checkpoint",
    )
