"""The training loss of each submission of a task, as far as we can read it.

Where the task makes costs public, the contract has checked the final loss of a submission against
its commitment. Otherwise the final loss is in the sealed opening, and so is the key that encrypts
the losses of all steps: the committee has them from the opening on, the publisher once the
submission is accepted, and the contributor always.
"""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import trio

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import SubmissionState
from walrusd.core.opening import verify_opened_cost
from walrusd.core.pieces.layouts import OpenedCost
from walrusd.core.pieces.names import COST
from walrusd.crypto.cost import FIXED_POINT_BITS
from walrusd.crypto.vfile.checks import open_cost
from walrusd.engine.tools import Tools
from walrusd.errors import PeerFault
from walrusd.market.case import Case
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import find_opening_keys
from walrusd.market.results import find_trained
from walrusd.services.contributor.opener import make_opened_cost

SCALE = float(1 << FIXED_POINT_BITS)
SHOWN_LOSSES = 1 << 19
"""How many losses an answer has at most: about 10 MB of text. Longer runs are thinned."""

NEVER_OPENED = "it was never opened, and the result of the training is no longer kept here"
NOT_OURS = (
    "its key is not ours: it goes to the committee at the opening, and to the publisher after"
    " acceptance"
)


async def read_costs(tools: Tools, fetcher: Fetcher, task: ob.Task) -> list[dict[str, Any]]:
    """Return the cost of each submission: ``final`` and ``losses``, each None if we cannot read it.

    ``losses`` has the loss of every step, or of every ``every``-th where ``steps`` are too many
    for one answer.

    Raises:
        WorldFault: if the chain or Walrus cannot be reached.
    """
    market = await tools.contract.market()
    found = []
    for entry in task.entries:
        submission = await tools.contract.submission(entry.submission)
        public = None if submission.opening is None else submission.opening.cost
        shown: dict[str, Any] = {
            "submission": submission.id,
            "contributor": submission.contributor,
            "state": SubmissionState(submission.state).name.lower(),
            "final": None if public is None else public / SCALE,
            "losses": None,
        }
        try:
            case = Case(market, task, submission)
            shown |= await _read_sealed(tools, fetcher, case, SHOWN_LOSSES // len(task.entries))
        except PeerFault as fault:
            shown["why"] = f"it is invalid: {fault.message}"
        found.append(shown)
    return found


async def _read_sealed(tools: Tools, fetcher: Fetcher, case: Case, most: int) -> dict[str, Any]:
    submission = case.submission
    if submission.commitment is None:
        return {"why": "nothing is committed yet"}
    if submission.abort is not None:
        return {"why": "the plan could not be carried out: there is no cost"}
    opened = await _open_cost(tools, fetcher, case)
    if opened is None:
        mine = submission.contributor == tools.address
        return {"why": NEVER_OPENED if mine else NOT_OURS}
    verified = await fetcher.file_of(case.task, submission)
    function = await trio.to_thread.run_sync(partial(open_cost, verified.file, opened.key))
    verify_opened_cost(opened, submission.commitment.cost_commitment)
    return {
        "definition": function.definition,
        "final": opened.final / SCALE,
        **await trio.to_thread.run_sync(show_losses, function.trajectory, most),
    }


def show_losses(costs: npt.NDArray[np.int64], most: int) -> dict[str, Any]:
    """Return at most ``most`` losses at equal distances; of the steps ``every``, ``2·every``, …"""
    every = max(1, -(-len(costs) // most))
    losses = [cost / SCALE for cost in costs[every - 1 :: every].tolist()]
    return {"steps": len(costs), "every": every, "losses": losses}


async def _open_cost(tools: Tools, fetcher: Fetcher, case: Case) -> OpenedCost | None:
    trained = find_trained(tools, case.submission.id)
    if trained is not None:
        return make_opened_cost(tools, case.submission.id, trained["cost"])
    keys = find_opening_keys(tools, case)
    if keys is None:
        return None
    opening = await fetcher.opening_of(case, keys.update_alone(), [COST])
    return await trio.to_thread.run_sync(opening.read_cost)
