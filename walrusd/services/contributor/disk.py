"""How much disk a task takes: by its terms, and by its plan if that can be read."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from walrusd.chain.layouts import objects as ob
from walrusd.core.disk import DiskShape, compute_state_files
from walrusd.engine.tools import Tools
from walrusd.errors import WalrusdError
from walrusd.market.fetch import Fetcher
from walrusd.market.verified import compute_opening_limit

SHAPES_KEPT = 4096


class DiskShapes:
    """The sizes of tasks, cached: terms, plans and dataset versions never change."""

    def __init__(self, tools: Tools, fetcher: Fetcher) -> None:
        self._tools = tools
        self._fetcher = fetcher
        self._known: OrderedDict[str, _Sizes] = OrderedDict()

    async def find(self, task: ob.Task) -> DiskShape:
        """Return the sizes of a task, and which of its files are on the disk already.

        If its plan or dataset cannot be read, the sizes are those that its terms declare; the code
        that needs plan or dataset reports the error.
        """
        sizes = self._known.get(task.id)
        if sizes is None:
            sizes = await self._measure(task)
            if sizes.model_path is not None and sizes.rows_path is not None:
                self._known[task.id] = sizes
                if len(self._known) > SHAPES_KEPT:
                    self._known.popitem(last=False)
        return replace(
            sizes.shape,
            has_model=sizes.model_path is not None and sizes.model_path.exists(),
            has_rows=sizes.rows_path is not None and sizes.rows_path.exists(),
        )

    async def _measure(self, task: ob.Task) -> "_Sizes":
        terms = task.terms
        rows, path_of_rows = await self._find_rows(task)
        dealt = min(terms.committee * terms.segments_per_seat, terms.segments)
        try:
            plan = (await self._fetcher.plan_of(task)).plan
            path_of_model = await self._fetcher.weights_path(task)
        except WalrusdError:
            opening, model = (dealt + 1) * terms.state_bytes, terms.state_bytes
            shape = DiskShape(terms.state_bytes, terms.segments, model, rows, opening)
            return _Sizes(shape, None, path_of_rows)
        opening = compute_opening_limit(terms, plan, rows // plan.dataset.row_bytes)
        shape = DiskShape(plan.state_bytes, plan.segments, 4 * plan.model.size, rows, opening)
        return _Sizes(shape, path_of_model, path_of_rows)

    async def _find_rows(self, task: ob.Task) -> tuple[int, Path | None]:
        """Return the bytes of a task's largest dataset, and the path for its rows."""
        largest: tuple[int, Path | None] = 0, None
        for ref in task.datasets:
            try:
                versions = (await self._tools.contract.dataset(ref.dataset)).versions
            except WalrusdError:
                continue
            if 1 <= ref.number <= len(versions):
                version = versions[ref.number - 1]
                size = version.rows * version.row_bytes
                if size > largest[0]:
                    largest = size, self._tools.files.rows(version.row_root)
        return largest


@dataclass(frozen=True)
class _Sizes:
    """A task's sizes, and the paths of its model and rows, None if unknown."""

    shape: DiskShape
    model_path: Path | None
    rows_path: Path | None


def compute_reserved(tools: Tools, tasks: Sequence[ob.Task]) -> int:
    """Return the bytes of states that tasks in progress have yet to write."""
    reserved = 0
    for task in tasks:
        whole = compute_state_files(task.terms.state_bytes, task.terms.segments)
        mine = [e.submission for e in task.entries if e.contributor == tools.address]
        written = sum(_measure(tools.files.submission(submission)) for submission in mine)
        reserved += max(0, whole - written)
    return reserved


def _measure(directory: Path) -> int:
    """Return the bytes of the files in a directory; files may be removed meanwhile."""
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total
