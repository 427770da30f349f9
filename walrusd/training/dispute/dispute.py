"""Which transcript is right: compute the step in which two differ first.

It is cheap for a third party: it computes the steps of the segment up to the disputed one, or that
step alone if a transcript carries the state before it.
"""

from dataclasses import dataclass
from enum import StrEnum

from walrusd.errors import ForeignTranscript
from walrusd.training.dispute.computed import ComputedStep, KeptLeaves
from walrusd.training.dispute.operation import InputSource
from walrusd.training.dispute.operations import compute_operations
from walrusd.training.dispute.oplog import StepSink
from walrusd.training.dispute.reader import Transcript
from walrusd.training.dispute.recording import SegmentWork, Watch, record_steps
from walrusd.training.dispute.step_log import StepLog
from walrusd.training.dispute.transcript import StepRecord
from walrusd.training.dispute.tree import find_difference
from walrusd.training.run.state import (
    State,
    compute_state_root,
    deserialize_state,
    serialize_state,
)
from walrusd.training.run.trace import WorkChain


class Right(StrEnum):
    """Whose account agrees with the computation."""

    A = "A"
    B = "B"
    NEITHER = "neither"


@dataclass(frozen=True)
class PartyAccount:
    """One party's account compared with the computation.

    ``step`` is whether its record of the step agrees, ``operation`` whether the disputed output
    does, ``first_wrong`` the number of the first one that does not. The latter two are None without
    a log of the step.
    """

    step: bool
    operation: bool | None = None
    first_wrong: int | None = None


@dataclass(frozen=True)
class Judgement:
    """The result of computing the disputed step, whose record is ``record``.

    ``diverges`` is an earlier step at which the account that both parties agree on already differs
    from the computation, if there is one; then nothing more is computed. ``target`` is the number
    of the disputed operation, ``leaf`` the index of the first leaf of its output that somebody has
    otherwise, and ``kept`` holds canonical bytes by operation and leaf: that leaf, and the first
    one of each input.
    """

    right: Right
    a: PartyAccount
    b: PartyAccount
    record: StepRecord
    computed: ComputedStep | None
    computed_steps: int
    diverges: int | None
    target: int | None
    leaf: int | None
    kept: dict[tuple[int, int], bytes]


def judge_step(
    work: SegmentWork, start_state: bytes, a: Transcript, b: Transcript, step: int
) -> Judgement:
    """Compute ``step``, at which two comparable transcripts first differ, and judge both.

    ``start_state`` holds the canonical bytes of the state that the segment starts from.

    Raises:
        ForeignTranscript: if plan or start state are not those of the transcripts.
        PlanRefused: if the rows are too few for the batch.
        MalformedData, NonFiniteValue: if a state is malformed.
        DeviceRefused: as ``find_device``.
    """
    plan = work.assignment.plan
    if plan.digest() != a.beginning.subject.plan_digest:
        raise ForeignTranscript("the transcripts are about another plan")
    if compute_state_root(plan, start_state) != a.beginning.start_root:
        raise ForeignTranscript("the transcripts start from another state")
    carried = _find_carried_state(work, a, b, step)
    if carried is None:
        state, first = deserialize_state(plan, start_state), a.steps.start
    else:
        state, first = carried, step
    computed = ComputedStep(len(compute_operations(plan)))
    reached = _Reached()
    records = _compute(work, a, state, range(first, step + 1), sink=computed, reached=reached)
    record = records[-1]
    if reached.state is None or record.step < step:
        wrong = PartyAccount(step=False)
        return Judgement(
            Right.NEITHER, wrong, wrong, record, None, len(records), record.step, None, None, {}
        )
    logs = a.find_log(step), b.find_log(step)
    target = _find_target(logs, computed)
    accounts = [
        _give_account(told.get_record(step) == record, log, computed, target)
        for told, log in zip((a, b), logs, strict=True)
    ]
    right = {(True, False): Right.A, (False, True): Right.B}.get(
        (accounts[0].step, accounts[1].step), Right.NEITHER
    )
    kept = None
    if target is not None:
        # Only now is it known which leaves matter: the step is computed again to keep those.
        kept = _find_leaves(work, a, reached.state, step, target, logs=logs)
    return Judgement(
        right=right,
        a=accounts[0],
        b=accounts[1],
        record=record,
        computed=computed,
        computed_steps=len(records),
        diverges=None,
        target=target,
        leaf=None if kept is None else kept.leaf,
        kept={} if kept is None else kept.kept,
    )


@dataclass
class _Reached:
    """The state before the watched step, once that begins, as canonical bytes."""

    state: bytes | None = None


def _find_carried_state(work: SegmentWork, a: Transcript, b: Transcript, step: int) -> State | None:
    """Return the state before ``step`` if a transcript carries it with the root both agree on."""
    plan = work.assignment.plan
    for transcript in (a, b):
        log = transcript.find_log(step)
        data = None if log is None else log.read_state()
        if data is None:
            continue
        if compute_state_root(plan, data) == a.find_root_before(step):
            state = deserialize_state(plan, data, at_boundary=False)
            if state.step == step - 1:
                return state
    return None


def _compute(
    work: SegmentWork,
    a: Transcript,
    state: State,
    steps: range,
    *,
    sink: StepSink,
    reached: _Reached,
) -> list[StepRecord]:
    """Compute ``steps``, the last one watched, or up to where the agreed account is wrong."""
    plan, last = work.assignment.plan, steps[-1]
    chain = WorkChain(a.beginning.subject.digest(), a.beginning.segment, a.beginning.start_root)
    chain.value = a.find_chain_before(steps.start)

    def begin(before: State) -> None:
        reached.state = serialize_state(plan, before)

    found: list[StepRecord] = []
    watch = Watch(last, sink, begin)
    for record in record_steps(work, a.beginning, state, chain, steps, watch=watch):
        found.append(record)
        if record.step < last and record != a.get_record(record.step):
            break
    return found


def _find_target(logs: tuple[StepLog | None, StepLog | None], computed: ComputedStep) -> int | None:
    """Return the disputed operation, or the first wrong one if there is only one log."""
    trees = [log.tree() for log in logs if log is not None]
    pair = trees if len(trees) == 2 else [*trees, computed.tree()]
    return find_difference(pair[0], pair[1]) if len(pair) == 2 else None


def _find_leaves(
    work: SegmentWork,
    a: Transcript,
    state: bytes,
    step: int,
    target: int,
    *,
    logs: tuple[StepLog | None, StepLog | None],
) -> KeptLeaves:
    plan = work.assignment.plan
    given = compute_operations(plan)[target].inputs
    trees = [None if log is None else log.leaf_tree(target) for log in logs]
    kept = KeptLeaves(
        target,
        [tree for tree in trees if tree is not None],
        frozenset(each.place for each in given if each.source == InputSource.OPERATION),
    )
    before = deserialize_state(plan, state, at_boundary=False)
    _compute(work, a, before, range(step, step + 1), sink=kept, reached=_Reached())
    return kept


def _give_account(
    step: bool, told: StepLog | None, computed: ComputedStep, target: int | None
) -> PartyAccount:
    if told is None:
        return PartyAccount(step)
    wrong = find_difference(told.tree(), computed.tree())
    if target is None:
        return PartyAccount(step, None, wrong)
    return PartyAccount(step, told.digest(target) == computed.digest(target), wrong)
