"""Verify a published aggregate against commitments; anyone can, without seeing an update."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import trio

from walrusd.chain.layouts import objects as ob
from walrusd.core.aggregate import Aggregate, parse_aggregate
from walrusd.core.lifecycle import is_accepted
from walrusd.crypto.pedersen.rows import compute_row_count
from walrusd.engine.tools import PublicTools, Tools
from walrusd.errors import PeerFault, VerificationFailed
from walrusd.market.case import Case
from walrusd.market.fetch import Fetcher
from walrusd.market.schemes import check_aggregate, compute_decryption_context
from walrusd.market.summed import check_left_out
from walrusd.training.plan.plan import Plan
from walrusd.units import BlobId, address_bytes

NO_PARENT = "0x" + "0" * 64
"""The parent of a task that starts from its own initial model."""

REFUTED = "refuted_aggregates"
"""The records of aggregates that were proven wrong, with the reasons."""


@dataclass(frozen=True)
class VerifiedAggregate:
    """An aggregate that the commitments of the accepted submissions open to."""

    aggregate: Aggregate
    submissions: tuple[str, ...]
    total_weight: int


async def read_accepted(tools: PublicTools, task: ob.Task) -> list[ob.Submission]:
    """Return a task's accepted submissions, in the order of joining."""
    found = [await tools.contract.submission(entry.submission) for entry in task.entries]
    return [sub for sub in found if is_accepted(sub.state)]


async def read_aggregate(tools: PublicTools, task: ob.Task, plan: Plan) -> Aggregate:
    """Return the aggregate that a task's publisher recorded, checked against its roots.

    Raises:
        VerificationFailed: if there is none, or it is not the recorded one.
        MalformedData: if the blob is not an aggregate.
    """
    if task.aggregate is None:
        raise VerificationFailed(f"task {task.id} has no aggregate")
    bound = 9 * plan.weight_count + 40 * compute_row_count(plan.weight_count) + 64 * 64
    data = await tools.store.get(BlobId(task.aggregate.blob), bound + (1 << 16))
    aggregate = await trio.to_thread.run_sync(
        partial(
            parse_aggregate,
            data,
            root=task.aggregate.root,
            openings_root=task.aggregate.blindings_root,
        )
    )
    if len(aggregate.vector) != 8 * plan.weight_count:
        raise VerificationFailed("the aggregate does not have the length of the plan's update")
    return aggregate


def find_part_bits(task: ob.Task, parts: Sequence[ob.Submission]) -> int:
    """Return the bit set over a task's entries that names some submissions."""
    named = {sub.id for sub in parts}
    return sum(1 << at for at, entry in enumerate(task.entries) if entry.submission in named)


@dataclass(frozen=True)
class AggregateParts:
    """The accepted submissions that an aggregate sums, and those it leaves out, with the reasons.

    A reason is the value of the update's key, or no bytes (``market/summed.py``).
    """

    summed: tuple[ob.Submission, ...]
    left_out: tuple[tuple[ob.Submission, bytes], ...]

    @property
    def weights(self) -> list[int]:
        """The weights of the summed ones."""
        return [sub.weight for sub in self.summed]


def check_parts(
    task: ob.Task, aggregate: Aggregate, accepted: Sequence[ob.Submission]
) -> AggregateParts:
    """Check that an aggregate accounts for exactly the accepted submissions; return how.

    Raises:
        VerificationFailed: if it names others, other weights, another order than that of joining,
            or other parts than the chain.
    """
    by_name = {address_bytes(sub.id): sub for sub in accepted}
    names = [name for name, _weight in aggregate.parts]
    missing = [name for name, _value in aggregate.left_out]
    if sorted(names + missing) != sorted(by_name):
        raise VerificationFailed("the aggregate does not account for the accepted submissions")
    summed = tuple(sub for name, sub in by_name.items() if name in set(names))
    if aggregate.parts != tuple((address_bytes(sub.id), sub.weight) for sub in summed):
        raise VerificationFailed("the aggregate has parts with other weights, or in another order")
    if task.aggregate is not None and task.aggregate.parts != find_part_bits(task, summed):
        raise VerificationFailed("the aggregate has other parts than its publisher recorded")
    return AggregateParts(
        summed, tuple((by_name[name], value) for name, value in aggregate.left_out)
    )


class AggregateChecker:
    """Verifies aggregates against the commitments, with challenges drawn on this machine."""

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        self._tools = tools
        self._fetcher = fetcher

    async def verify(self, task: ob.Task) -> VerifiedAggregate:
        """Check the aggregate that a task's publisher recorded.

        Raises:
            VerificationFailed: if there is none, it is not the weighted sum of its parts, or it
                leaves out one that can be read.
        """
        plan = (await self._fetcher.plan_of(task)).plan
        aggregate = await read_aggregate(self._tools, task, plan)
        accepted = await read_accepted(self._tools, task)
        parts = check_parts(task, aggregate, accepted)
        market = await self._tools.contract.market()
        files = [await self._fetcher.file_of(task, sub) for sub in parts.summed]
        context = compute_decryption_context(market, task)
        threads = self._tools.settings.daemon.threads
        await check_aggregate(context, aggregate, parts.weights, files, threads=threads)
        for sub, value in parts.left_out:
            await check_left_out(self._fetcher, Case(market, task, sub), value)
        summed = tuple(sub.id for sub in parts.summed)
        return VerifiedAggregate(aggregate, summed, sum(parts.weights))

    async def holds(self, task: ob.Task) -> bool:
        """Return whether a task's aggregate verifies; either result is remembered.

        Raises:
            WorldFault: if it cannot be checked now.
        """
        records = self._tools.records
        # Earlier versions also wrote False here for bytes that an endpoint corrupted: check again.
        if records.get("aggregates", task.id) is True:
            return True
        if records.get(REFUTED, task.id) is not None:
            return False
        if task.aggregate is None:
            return False  # not recorded yet
        try:
            await self.verify(task)
        except PeerFault as fault:
            records.put(REFUTED, task.id, {"code": fault.code, "message": fault.message})
            return False
        records.put("aggregates", task.id, value=True)
        return True
