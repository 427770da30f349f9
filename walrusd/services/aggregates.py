"""Check a published aggregate without seeing a single update: anyone can."""

from dataclasses import dataclass

from walrusd.chain.layouts import objects as ob
from walrusd.core.aggregate import Aggregate, parse_aggregate
from walrusd.core.lifecycle import SubmissionState
from walrusd.errors import VerificationFailed
from walrusd.services.fetcher import Fetcher
from walrusd.services.heavy import check_aggregate_rows, run_heavy
from walrusd.services.tools import Tools
from walrusd.units import BlobId, address_bytes

MAX_AGGREGATE_BYTES = 4 << 30


@dataclass(frozen=True)
class VerifiedAggregate:
    """An aggregate that the commitments of the accepted submissions open to."""

    aggregate: Aggregate
    submissions: tuple[str, ...]
    total_weight: int


async def read_accepted(tools: Tools, task: ob.Task) -> list[ob.Submission]:
    """Return a task's accepted submissions, in the order of joining."""
    found = [await tools.contract.submission(entry.submission) for entry in task.entries]
    return [sub for sub in found if sub.state == SubmissionState.ACCEPTED]


class AggregateChecker:
    """Verifies aggregates against row commitments, with challenges drawn on this machine."""

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        self._tools = tools
        self._fetcher = fetcher
        self._verified: dict[str, VerifiedAggregate] = {}

    async def verify(self, task: ob.Task) -> VerifiedAggregate:
        """Check the aggregate that a task's publisher recorded.

        Raises:
            VerificationFailed: if there is none, or it is not the weighted sum of exactly the
                accepted submissions.
        """
        if task.id in self._verified:
            return self._verified[task.id]
        if task.aggregate is None:
            raise VerificationFailed(f"task {task.id} has no aggregate")
        data = await self._tools.store.get(BlobId(task.aggregate.blob), MAX_AGGREGATE_BYTES)
        aggregate = parse_aggregate(
            data, root=task.aggregate.root, blindings_root=task.aggregate.blindings_root
        )
        accepted = await read_accepted(self._tools, task)
        expected = tuple((address_bytes(sub.id), sub.weight) for sub in accepted)
        if aggregate.parts != expected:
            raise VerificationFailed("the aggregate is not made of the accepted submissions")
        files = [await self._fetcher.file_of(sub) for sub in accepted]
        await run_heavy(
            check_aggregate_rows,
            aggregate.vector,
            [weight for _name, weight in expected],
            [list(file.row_commitments) for file in files],
            [int.from_bytes(blinding, "big") for blinding in aggregate.blindings],
        )
        verified = VerifiedAggregate(
            aggregate, tuple(sub.id for sub in accepted), sum(weight for _name, weight in expected)
        )
        self._verified[task.id] = verified
        return verified
