"""Replay segments of the work, from plan, weights, rows and opened states."""

from collections.abc import Callable
from dataclasses import dataclass

from walrusd.core.opening import Opening
from walrusd.core.pieces.names import COST, PieceKind
from walrusd.core.protocol import compute_leaf, compute_slot_tree
from walrusd.core.terms_rules import MAX_COMMITTEE, MAX_SUBSTITUTES
from walrusd.errors import VerificationFailed
from walrusd.training.plan.plan import Plan
from walrusd.training.run.data import RowSource
from walrusd.training.run.state import (
    Tensors,
    has_state_root,
    initial_state,
    serialize_state,
)
from walrusd.training.run.trace import Assignment, SegmentRecord
from walrusd.training.run.trainer import Progress, SegmentResult, run_segment
from walrusd.training.run.update import compute_cost, compute_step_cost
from walrusd.training.run.weights import select_frozen
from walrusd.verify.given import Found

_SLOTS = range(2, MAX_COMMITTEE + MAX_SUBSTITUTES + 1)
"""How many slots a segment may have: a committee and its substitutes, at least one of each."""


@dataclass(frozen=True)
class Material:
    """What replays read; without ``weights`` they start from opened states."""

    plan: Plan
    weights: Tensors | None
    rows: RowSource | None


def read_opened_state(plan: Plan, opening: Opening, boundary: int) -> bytes:
    """Return an opened state, checked against the root that its leaf was made with.

    Raises:
        VerificationFailed: if the opening lacks it, or it has another root.
    """
    state = opening.read_state(boundary)
    if not has_state_root(plan, state, opening.trace.state_roots[boundary]):
        raise VerificationFailed(f"the state opened at boundary {boundary} has another root")
    return state


class Replay:
    """Replays of one file's segments; an end state is kept, to start the next segment from."""

    def __init__(self, found: Found, material: Material, on_step: Callable[[str], None]) -> None:
        """Prepare to replay; ``on_step`` is called with the current step."""
        self.found, self._material, self._on_step = found, material, on_step
        self._states: dict[int, bytes] = {}
        weights, plan = material.weights, material.plan
        self._frozen: Tensors = {}
        if weights is not None:
            self._states[0] = serialize_state(plan, initial_state(plan, weights))
            if plan.model.frozen_tensors():
                self._frozen = select_frozen(plan, weights)

    def default_segments(self) -> list[int]:
        """Return the segments to replay if none was chosen: the opened ones, or the first."""
        opening = self.found.opening
        return [1] if opening is None else opening.list_segments(PieceKind.START_STATE)

    def run(self, segment: int) -> SegmentRecord:
        """Replay a segment, and all before it whose end was not opened.

        Raises:
            VerificationFailed: if the leaf differs, or there is no state to start from.
            PlanRefused, MalformedData, NonFiniteValue: as ``run_segment``.
        """
        start = self._find_start(segment)
        for number in range(start, segment):
            self._run_one(number)
        return self._run_one(segment)

    def _find_start(self, segment: int) -> int:
        opening = self.found.opening
        for number in range(segment, 0, -1):
            if number - 1 in self._states:
                return number
            if opening is not None and opening.has_state(number - 1):
                state = read_opened_state(self._material.plan, opening, number - 1)
                self._states[number - 1] = state
                return number
        raise VerificationFailed(f"no state to start segment {segment} from: give --model")

    def _run_one(self, segment: int) -> SegmentRecord:
        subject, plan = self.found.file.header.subject, self._material.plan
        assignment = Assignment(plan, subject.ctx(), subject.seed, 1)
        assert self._material.rows is not None
        for event in run_segment(
            assignment, self._material.rows, self._states[segment - 1], segment, self._frozen
        ):
            if isinstance(event, Progress):
                self._on_step(f"replaying segment {segment}, step {event.step}")
            else:
                self._states[segment] = event.state_bytes
                result = event
        return self._match(result)

    def _match(self, result: SegmentResult) -> SegmentRecord:
        """Find the number of slots, which shapes the leaf: the one that gives the leaf, if any."""
        record, ctx = result.record, self.found.file.header.subject.ctx()
        leaf = self.found.file.trace_leaves[record.segment]
        for slots in _SLOTS:
            root = compute_slot_tree(ctx, record.segment, slots, record.chain).root
            if compute_leaf(record.segment, record.state_root, root) == leaf:
                return SegmentRecord(
                    record.segment, record.state_root, record.chain, root, leaf, record.losses
                )
        raise VerificationFailed("the replay does not give the committed checkpoint")

    def check_losses(self, record: SegmentRecord) -> None:
        """Compare the replayed losses with those in the cost function, and with the final cost.

        Raises:
            VerificationFailed: if they differ.
        """
        assert self.found.cost is not None
        plan, opening = self._material.plan, self.found.opening
        steps = plan.segment_range(record.segment)
        told = self.found.cost.trajectory[steps.start - 1 : steps.stop - 1].tolist()
        if told != [compute_step_cost(step) for step in record.losses]:
            raise VerificationFailed("the losses in the cost function are not those of the replay")
        if record.segment == plan.segments and opening is not None and COST in opening.pieces:
            final = compute_cost(loss for step in record.losses for loss in step)
            if final != opening.read_cost().final:
                raise VerificationFailed("the opened final loss is not the one of the replay")
