"""When to give up on what is not there: not before it was looked for often and long enough.

A node of Walrus that is down, or our own network, must not look like a contributor that withholds.
"""

from walrusd.core.faults import is_patience_over
from walrusd.engine.tools import Tools
from walrusd.errors import OpeningUnusable, PartAbsent
from walrusd.market.case import Case
from walrusd.market.fetch import Fetcher


class Patience:
    """Counts how often a part of a submission was not to be had."""

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        self._tools = tools
        self._fetcher = fetcher

    async def lose(self, case: Case, absent: PartAbsent) -> OpeningUnusable:
        """Return what a missing part has come to mean.

        Raises:
            PartAbsent: the same, while it may still come, or other blobs do not reach us either.
        """
        tools, submission = self._tools, case.submission
        # Opened again, the count starts again.
        key = f"{submission.id}:{submission.window_ms}"
        state = tools.work.get("absent", key) or {"times": 0}
        state["times"] += 1
        tools.work.put("absent", key, state)
        over = is_patience_over(
            absences=state["times"],
            opened_ms=submission.window_ms,
            verify_ms=case.task.terms.verify_ms,
            now_ms=tools.clock.now_ms(),
        )
        if not over or not await self._fetcher.can_read(case.task):
            raise absent
        raise_as = OpeningUnusable(f"{absent.message}, while other blobs can be read")
        raise_as.__cause__ = absent
        return raise_as
