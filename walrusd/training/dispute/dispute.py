"""Which transcript is right: narrow two to a step and an operation, and compute that step.

This is bisection as in refereed delegation of computation (Canetti, Riva and Rothblum, 2011),
cheap for a third party: it computes the steps of the segment up to the disputed one, or that step
alone if a transcript carries the state before it.
"""

from dataclasses import dataclass
from enum import StrEnum

from walrusd.errors import ForeignTranscript
from walrusd.training.dispute.recording import SegmentWork, Wanted, record_steps
from walrusd.training.dispute.transcript import (
    Ending,
    Operation,
    StepLog,
    StepRecord,
    Transcript,
    Value,
)
from walrusd.training.run.state import State, compute_state_root, deserialize_state
from walrusd.training.run.trace import WorkChain

STEP_PARTS = ("losses", "folds", "chain", "state_root")


class Right(StrEnum):
    """Whose account agrees with the computation."""

    A = "A"
    B = "B"
    NEITHER = "neither"


@dataclass(frozen=True)
class StepDifference:
    """The first step at which two transcripts differ, and in which parts of it."""

    step: int
    parts: tuple[str, ...]


@dataclass(frozen=True)
class OperationDifference:
    """The first operation in which two logs differ.

    ``part`` is ``operation`` if the lists of operations differ, ``inputs`` if the inputs do (one
    log feeds in what no earlier operation put out), else ``outputs``; ``values`` are the names of
    the inputs or outputs that differ.
    """

    index: int
    part: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class PartyAccount:
    """One party's account compared with the computation.

    ``step`` is whether its record of the step agrees, ``operation`` whether the disputed operation
    does, ``first_wrong`` the first operation that does not. The latter two are None without a log
    of the step.
    """

    step: bool
    operation: bool | None
    first_wrong: str | None


@dataclass(frozen=True)
class Judgement:
    """The result of computing the disputed step.

    ``diverges`` is an earlier step at which the account that both parties agree on already differs
    from the computation, if there is one; then nothing more is computed. ``target`` is the index in
    ``log`` of the disputed operation; the log's ``values`` hold its inputs and outputs as bytes.
    """

    right: Right
    a: PartyAccount
    b: PartyAccount
    record: StepRecord | Ending
    log: StepLog | None
    target: int | None
    computed_steps: int
    diverges: int | None = None


def check_comparable(a: Transcript, b: Transcript) -> None:
    """Check that two transcripts are about the same work from the same state.

    Raises:
        ForeignTranscript: if they are not.
    """
    for what in ("subject", "segment", "first", "start_root"):
        if getattr(a, what) != getattr(b, what):
            raise ForeignTranscript(
                f"the transcripts differ in {what.replace('_', ' ')}",
                hint="compare transcripts of the same segment of the same submission, from the "
                "same state; if they start from different states, compare the segment before",
            )


def find_step(a: Transcript, b: Transcript) -> StepDifference | None:
    """Return the first step at which two comparable transcripts differ; None if they agree."""
    for step in range(a.first, a.first + max(len(a.steps), len(b.steps)) + 1):
        left, right = a.at(step), b.at(step)
        if left == right:
            continue
        if isinstance(left, StepRecord) and isinstance(right, StepRecord):
            differ = tuple(p for p in STEP_PARTS if getattr(left, p) != getattr(right, p))
            return StepDifference(step, differ)
        return StepDifference(step, ("ending",))
    return None


def compare_operations(a: StepLog, b: StepLog) -> OperationDifference | None:
    """Return the first operation in which two logs of one step differ; None if they agree."""
    for index in range(max(len(a.operations), len(b.operations))):
        left, right = get_operation(a, index), get_operation(b, index)
        if left == right:
            continue
        if left is None or right is None or _outline(left) != _outline(right):
            return OperationDifference(index, "operation", ())
        for part in ("inputs", "outputs"):
            ours: dict[str, Value] = getattr(left, part)
            theirs: dict[str, Value] = getattr(right, part)
            differ = tuple(name for name in ours if ours[name] != theirs[name])
            if differ:
                return OperationDifference(index, part, differ)
        return OperationDifference(index, "operation", ())  # the same values in another order
    return None


def get_operation(log: StepLog | None, index: int) -> Operation | None:
    """Return operation ``index`` of a log, or None if there is none."""
    if log is None or index >= len(log.operations):
        return None
    return log.operations[index]


def _outline(operation: Operation) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    return operation.name, tuple(operation.inputs), tuple(operation.outputs)


def choose_log(transcript: Transcript, step: int) -> StepLog | None:
    """Return a transcript's log if it is the log of ``step``."""
    log = transcript.log
    return log if log is not None and log.step == step else None


def judge_step(
    work: SegmentWork, start_state: bytes, a: Transcript, b: Transcript, step: int
) -> Judgement:
    """Compute ``step``, at which two comparable transcripts first differ, and judge both.

    ``start_state`` holds the canonical bytes of the state that the segment starts from.

    Raises:
        ForeignTranscript: if plan, start state or number of steps are not those of the transcripts.
        PlanRefused: if the rows are too few for the batch.
        MalformedData, NonFiniteValue: if a state is malformed.
        DeviceRefused: as ``find_device``.
    """
    _check_inputs(work, start_state, a, step)
    carried = _find_carried_state(work, a, b, step)
    if carried is None:
        state, first = deserialize_state(work.assignment.plan, start_state), a.first
    else:
        state, first = carried, step
    found = _compute(work, a, state, range(first, step + 1), Wanted(step, with_state=True))
    record = found.records[-1]
    number = first + len(found.records) - 1
    count = len(found.records)
    if number < step or found.log is None:
        nothing = PartyAccount(False, None, None)
        return Judgement(
            Right.NEITHER, nothing, nothing, record, None, None, count, diverges=number
        )
    logs = choose_log(a, step), choose_log(b, step)
    target = _find_target(logs, found.log)
    log = found.log
    if target is not None:
        # Only now is it known which values matter: the step is computed again to keep those.
        operation = log.operations[target]
        parts = (operation.inputs, operation.outputs)
        wanted = frozenset(value.digest for part in parts for value in part.values())
        assert log.state is not None
        state = deserialize_state(work.assignment.plan, log.state, at_boundary=False)
        again = Wanted(step, lambda value: value.digest in wanted)
        log = _compute(work, a, state, range(step, step + 1), again).log or log
    accounts = [
        _give_account(transcript.at(step) == record, told, log, target)
        for transcript, told in zip((a, b), logs, strict=True)
    ]
    right = {(True, False): Right.A, (False, True): Right.B}.get(
        (accounts[0].step, accounts[1].step), Right.NEITHER
    )
    return Judgement(right, accounts[0], accounts[1], record, log, target, count)


def _check_inputs(work: SegmentWork, start_state: bytes, a: Transcript, step: int) -> None:
    plan = work.assignment.plan
    if plan.digest() != a.subject.plan_digest:
        raise ForeignTranscript("the transcripts are about another plan")
    if not 1 <= a.segment <= plan.segments or plan.segment_range(a.segment).start != a.first:
        raise ForeignTranscript("the transcripts do not begin at a segment of the plan")
    if step not in plan.segment_range(a.segment):
        raise ForeignTranscript("a transcript has more steps than a segment of the plan")
    if compute_state_root(plan, start_state) != a.start_root:
        raise ForeignTranscript("the transcripts start from another state")


def _find_carried_state(work: SegmentWork, a: Transcript, b: Transcript, step: int) -> State | None:
    """Return the state before ``step`` if a transcript carries it with the root both agree on."""
    plan = work.assignment.plan
    for transcript in (a, b):
        log = choose_log(transcript, step)
        if log is None or log.state is None:
            continue
        if compute_state_root(plan, log.state) == a.state_root_before(step):
            state = deserialize_state(plan, log.state, at_boundary=False)
            if state.step == step - 1:
                return state
    return None


@dataclass
class _Computed:
    records: list[StepRecord | Ending]
    log: StepLog | None = None


def _compute(
    work: SegmentWork, a: Transcript, state: State, steps: range, wanted: Wanted
) -> _Computed:
    """Compute steps up to the wanted one, or to the first where the agreed account is wrong."""
    chain = WorkChain(a.subject.digest(), a.segment, a.start_root)
    chain.value = a.chain_before(steps.start)
    found = _Computed([])
    for event in record_steps(work, state, chain, steps, wanted):
        if isinstance(event, StepLog):
            found.log = event
            break
        found.records.append(event)
        step = steps.start + len(found.records) - 1
        if step < wanted.step and event != a.at(step):
            break
    return found


def _find_target(logs: tuple[StepLog | None, StepLog | None], computed: StepLog) -> int | None:
    """Return the disputed operation, or the first wrong one if there is only one log."""
    given = [log for log in logs if log is not None]
    pair = given if len(given) == 2 else [*given, computed]
    if len(pair) < 2:
        return None
    difference = compare_operations(pair[0], pair[1])
    if difference is None or difference.index >= len(computed.operations):
        return None
    return difference.index


def _give_account(
    step: bool, told: StepLog | None, computed: StepLog, target: int | None
) -> PartyAccount:
    if told is None:
        return PartyAccount(step, None, None)
    wrong = compare_operations(told, computed)
    name = None
    if wrong is not None:
        operation = get_operation(computed, wrong.index) or get_operation(told, wrong.index)
        name = None if operation is None else operation.name
    if target is None:
        return PartyAccount(step, None, name)
    same = get_operation(told, target) == computed.operations[target]
    return PartyAccount(step, same, name)
