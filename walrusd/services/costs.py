"""What the work of a task cost, as far as its cost functions are open to us.

The final loss of a submission is public: the contract checks it against its commitment when the
submission is opened. The loss of every step is under AES; its key lies in the sealed opening, so
the committee has it from the opening on, the publisher once the submission is accepted, and the
contributor always.
"""

from functools import partial
from typing import Any

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.core.lifecycle import SubmissionState
from walrusd.crypto.cost import FIXED_POINT_BITS
from walrusd.crypto.vfile_checks import open_cost
from walrusd.errors import PeerFault
from walrusd.services.derive import derive_cost_key
from walrusd.services.facts import Case
from walrusd.services.fetcher import Fetcher
from walrusd.services.holdings import find_opening_key
from walrusd.services.tools import Tools
from walrusd.units import address_bytes

SCALE = float(1 << FIXED_POINT_BITS)


async def read_costs(tools: Tools, fetcher: Fetcher, task: ob.Task) -> list[dict[str, Any]]:
    """Return the cost of each submission: ``final`` in public, ``losses`` if we may read them.

    Raises:
        WorldFault: if the chain or Walrus cannot be reached.
    """
    market = await tools.contract.market()
    found = []
    for entry in task.entries:
        submission = await tools.contract.submission(entry.submission)
        shown: dict[str, Any] = {
            "submission": submission.id,
            "contributor": submission.contributor,
            "state": SubmissionState(submission.state).name.lower(),
            "final": None if submission.opening is None else submission.opening.cost / SCALE,
            "losses": None,
        }
        try:
            shown |= await _read_function(tools, fetcher, Case(market, task, submission))
        except PeerFault as fault:
            shown["why"] = f"it does not hold: {fault.message}"
        found.append(shown)
    return found


async def _read_function(tools: Tools, fetcher: Fetcher, case: Case) -> dict[str, Any]:
    submission = case.submission
    if submission.commitment is None:
        return {"why": "nothing is committed yet"}
    if submission.contributor == tools.address:
        cost_key = derive_cost_key(tools.keys, address_bytes(submission.id))
    else:
        key = find_opening_key(tools, case)
        if key is None:
            return {"why": "its key is not ours: it goes to the committee at the opening, and to"
                    " the publisher after acceptance"}  # fmt: skip
        cost_key = (await fetcher.opening_of(case, key)).cost_key
    file = await fetcher.file_of(case.task, submission)
    function = await trio.to_thread.run_sync(partial(open_cost, file, cost_key))
    losses = [int(loss) / SCALE for loss in function.trajectory]
    return {"definition": function.definition, "losses": losses}
