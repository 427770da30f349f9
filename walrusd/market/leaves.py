"""The leaves of a submission's trace, from any source that can be read here."""

from walrusd.core.pieces.names import TRACE
from walrusd.core.protocol import compute_trace_root
from walrusd.engine.tools import Tools
from walrusd.errors import LocalFault, PartAbsent, PeerFault, VerificationFailed
from walrusd.market.case import Case
from walrusd.market.fetch import Fetcher
from walrusd.market.keys import find_opening_keys
from walrusd.market.results import find_trained, load_trace, read_result


async def read_leaves(tools: Tools, fetcher: Fetcher, case: Case) -> list[bytes]:
    """Return ``leaf_0 … leaf_i``, which give the committed root.

    The contributor has them from its training, the committee and its juries from the opening, and
    everyone from the verification file, which only an abort claim lacks.

    Raises:
        VerificationFailed: if the readable sources give another root, or none can be read.
    """
    commitment = case.submission.commitment
    assert commitment is not None
    for read in (_leaves_of_training, _leaves_of_file, _leaves_of_opening):
        leaves = await read(tools, fetcher, case)
        if leaves and compute_trace_root(leaves) == commitment.trace_root:
            return leaves
    raise VerificationFailed(
        "no source that can be read here gives the leaves of the committed trace",
        hint="its contributor and its committee hold them",
    )


async def _leaves_of_training(tools: Tools, _fetcher: Fetcher, case: Case) -> list[bytes]:
    trained = find_trained(tools, case.submission.id)
    if trained is None:
        return []
    try:
        return (await read_result(tools, case, trained, load_trace)).leaves()
    except LocalFault:
        return []


async def _leaves_of_file(_tools: Tools, fetcher: Fetcher, case: Case) -> list[bytes]:
    if case.submission.abort is not None:
        return []
    try:
        return list((await fetcher.file_of(case.task, case.submission)).file.trace_leaves)
    except (PeerFault, PartAbsent):
        return []


async def _leaves_of_opening(tools: Tools, fetcher: Fetcher, case: Case) -> list[bytes]:
    keys = find_opening_keys(tools, case)
    if keys is None:
        return []
    try:
        return (await fetcher.opening_of(case, keys, [TRACE])).leaves()
    except (PeerFault, PartAbsent):
        return []
