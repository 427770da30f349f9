"""The operations of a step: a list that follows from the plan alone.

A step has many micro-batches of few kinds, so the list is made where it is read: that of a
stranger's plan may have billions of operations.
"""

from collections.abc import Iterator

from walrusd.training.dispute.micro_batch import MicroBatchList, list_micro_batch
from walrusd.training.dispute.operation import Operation
from walrusd.training.dispute.step_end import list_step_end
from walrusd.training.plan.plan import Plan

_KEPT = 8
"""Micro-batches of other sizes are listed anew."""


class StepOperations:
    """All operations of a step of a plan in order: micro-batch by micro-batch, then the rest."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._listed: dict[tuple[int, int], MicroBatchList] = {}
        count = len(plan.micro_batches)
        self._first = len(self._list_block(0, 1).operations)
        self._later = len(self._list_block(1, 1).operations)
        self._blocks = self._find_start(count)
        last, base = self._list_block(count - 1, 1), self._find_start(count - 1)
        sums = {name: base + place - self._blocks for name, place in last.sums.items()}
        losses = [self._find_start(number) + last.loss - self._blocks for number in range(count)]
        self._end = list_step_end(plan, losses, sums)

    def _list_block(self, number: int, rows: int) -> MicroBatchList:
        """Return a micro-batch's operations; all after the third are as the third."""
        key = min(number, 2), rows
        if key not in self._listed:
            if len(self._listed) >= _KEPT:
                self._listed.clear()
            self._listed[key] = list_micro_batch(self._plan, *key)
        return self._listed[key]

    def _find_start(self, micro_batch: int) -> int:
        """Return the number of a micro-batch's first operation."""
        return 0 if micro_batch == 0 else self._first + (micro_batch - 1) * self._later

    def __len__(self) -> int:
        """Return the number of operations."""
        return self._blocks + len(self._end)

    def __getitem__(self, number: int) -> Operation:
        """Return operation ``number``, from 0.

        Raises:
            IndexError: if there is none.
        """
        if not 0 <= number < len(self):
            raise IndexError(number)
        if number >= self._blocks:
            return self._end[number - self._blocks].move(self._blocks, "")
        block = 0 if number < self._first else 1 + (number - self._first) // self._later
        base = self._find_start(block)
        listed = self._list_block(block, self._plan.micro_batches[block])
        return listed.operations[number - base].move(base, f"micro-batch {block}: ")

    def __iter__(self) -> Iterator[Operation]:
        """Yield all operations in order."""
        return (self[number] for number in range(len(self)))


def compute_operations(plan: Plan) -> StepOperations:
    """Return the operations of a step of ``plan``, which are the same in every step."""
    return StepOperations(plan)
