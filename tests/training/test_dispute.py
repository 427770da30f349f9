"""Bisection: honest transcripts agree, a forged one is narrowed to what was forged."""

from dataclasses import replace

import pytest
import torch

from tests.golden.data import read_rows
from tests.golden.plans import make_document
from walrusd.core.protocol import TraceContext
from walrusd.errors import ForeignTranscript, NonFiniteValue
from walrusd.training.dispute.dispute import (
    Right,
    check_comparable,
    choose_log,
    compare_operations,
    find_step,
    judge_step,
)
from walrusd.training.dispute.recording import SegmentWork, Wanted, keep_up_to, transcribe
from walrusd.training.dispute.transcript import Ending, StepLog, unpack_floats
from walrusd.training.layers.linear import Map
from walrusd.training.layers.prepared import Gradients
from walrusd.training.plan.plan import read_plan
from walrusd.training.run import step as stepping
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.state import initial_state, serialize_state
from walrusd.training.run.step import Run
from walrusd.training.run.trace import Assignment
from walrusd.training.run.trainer import run_segment
from walrusd.training.run.weights import init_weights, select_frozen

SEGMENT = {"segments": 10, "segment_steps": 4, "steps": 40}
STEP = 3
MODELS = ("mlp", "gpt")
FLIPPED = {"mlp": "linear01", "gpt": "block01.attention.key"}


class Case:
    """A small plan with its rows and its start state, and transcripts of its first segment."""

    def __init__(self, model):
        self.model = model
        self.plan = read_plan(make_document(model) | SEGMENT)
        names = TraceContext.__annotations__
        fields = {name: bytes([i]) * 32 for i, name in enumerate(names)}
        self.subject = TraceContext(**fields | {"plan_digest": self.plan.digest()})
        tokens = self.plan.dataset.kind == "tokens"
        raw = read_rows("licence", 32) if tokens else read_rows("digits")
        weights = init_weights(self.plan)
        self.start = serialize_state(self.plan, initial_state(self.plan, weights))
        rows = DatasetRows(self.plan.dataset, raw)
        assignment = Assignment(self.plan, self.subject.digest(), self.subject.seed, 3)
        self.work = SegmentWork(assignment, self.subject, rows, select_frozen(self.plan, weights))

    def tell(self, step=STEP, *, values=True, state=True):
        keep = keep_up_to((1 << 26) if values else 0)
        wanted = None if step is None else Wanted(step, keep, with_state=state)
        return transcribe(self.work, self.start, 1, wanted)

    def judge(self, a, b):
        check_comparable(a, b)
        return judge_step(self.work, self.start, a, b, find_step(a, b).step)


@pytest.fixture(scope="module", params=MODELS)
def case(request):
    torch.set_num_threads(1)
    return Case(request.param)


@pytest.fixture(scope="module")
def mlp():
    torch.set_num_threads(1)
    return Case("mlp")


@pytest.fixture(scope="module")
def honest(case):
    return case.tell()


@pytest.fixture
def at_step(monkeypatch):
    """Limit a forgery to one step: ``at_step(n)`` is true in step ``n`` alone."""
    now = [0]
    real = Run.step

    def step(self, number):
        now[0] = number
        return real(self, number)

    monkeypatch.setattr(Run, "step", step)
    return lambda number: now[0] == number


@pytest.fixture
def forge(monkeypatch, at_step):
    """Return ``forge(kind, step)``, which makes all later work cheat in that way."""

    def rate(step):
        real = Run._choose_rate
        monkeypatch.setattr(
            Run, "_choose_rate", lambda self, n: real(self, n) * (2.0 if n == step else 1.0)
        )

    def silent_rate(step):
        real = Run._optimize
        monkeypatch.setattr(
            Run,
            "_optimize",
            lambda self, total, rate: real(self, total, rate * (2.0 if at_step(step) else 1.0)),
        )

    def order(step):
        real = stepping.batch_rows
        monkeypatch.setattr(
            stepping,
            "batch_rows",
            lambda seed, n, *sizes: real(seed, n, *sizes)[:: -1 if n == step else 1].copy(),
        )

    def flip(step, name="linear01"):
        real = Map.backward

        def backward(self, dy, saved, prepared, gradients, *, need_dx):
            if not at_step(step) or self._weight != f"{name}.weight":
                return real(self, dy, saved, prepared, gradients, need_dx=need_dx)
            trained = frozenset({self._weight, self._bias})
            found = Gradients(trained)
            dx = real(self, dy, saved, prepared, found, need_dx=need_dx)
            found.named[self._weight].view(torch.int32)[0, 1] ^= 1
            for tensor, gradient in found.named.items():
                gradients.add(tensor, gradient)
            return dx

        monkeypatch.setattr(Map, "backward", backward)

    kinds = {"rate": rate, "silent_rate": silent_rate, "order": order, "flip": flip}
    return lambda kind, *arguments: kinds[kind](*arguments)


@pytest.mark.parametrize("model", ["mlp", "convnet", "gpt", "llama-lora"])
def test_a_transcript_is_of_the_work_that_a_replay_does(model):
    case = Case(model)
    made = case.tell()
    *_, result = run_segment(case.work.assignment, case.work.rows, case.start, 1, case.work.frozen)
    last = made.steps[-1]
    assert (last.chain, last.state_root) == (result.record.chain, result.record.state_root)
    assert tuple(unpack_floats(step.losses) for step in made.steps) == result.record.losses
    names = [operation.name for operation in made.log.operations]
    assert len(names) == len(set(names))
    for name in case.plan.model.tensors():
        assert f"optimizer {name.name}" in names


def test_every_operation_works_on_what_came_out_before(honest, case):
    """Apart from weights and numbers, no input appears from nowhere."""
    known = set()
    for operation in honest.log.operations:
        forward = "forward" in operation.name and not operation.name.endswith("grid")
        if forward and "attention" not in operation.name:
            assert operation.inputs["x"].digest in known, operation.name
        known |= {value.digest for value in operation.outputs.values()}


def test_honest_transcripts_are_identical(case, honest):
    again = case.tell(step=2, values=False, state=False)
    assert replace(again, log=None) == replace(honest, log=None)
    assert find_step(again, honest) is None
    assert compare_operations(honest.log, case.tell().log) is None


@pytest.mark.parametrize(
    ("kind", "operation", "part", "values"),
    [
        ("rate", "choose rate", "outputs", ("rate",)),
        ("silent_rate", "optimizer {first}", "outputs", None),
        ("order", "micro-batch 0: choose rows", "outputs", None),
        ("flip", "micro-batch 0: backward {flipped}", "outputs", ("gradient/{weight}",)),
    ],
)
def test_a_forgery_is_narrowed_to_its_operation(
    case, honest, forge, monkeypatch, kind, operation, part, values
):
    flipped = FLIPPED[case.model]
    forge(kind, STEP, *([flipped] if kind == "flip" else []))
    forged = case.tell()
    monkeypatch.undo()
    first = min(tensor.name for tensor in case.plan.model.tensors())
    wanted = operation.format(first=first, flipped=flipped)
    assert find_step(honest, forged).step == STEP
    found = compare_operations(honest.log, forged.log)
    if kind == "flip" and case.model == "mlp":
        wanted = "micro-batch 0: backward 02 linear01"
    assert (honest.log.operations[found.index].name, found.part) == (wanted, part)
    if values is not None:
        assert found.values == tuple(v.format(weight=f"{flipped}.weight") for v in values)
    for a, b, right in ((honest, forged, Right.A), (forged, honest, Right.B)):
        judged = case.judge(a, b)
        assert (judged.right, judged.target) == (right, found.index)
        assert (judged.a.operation, judged.b.operation) == (right == Right.A, right == Right.B)
        wrong = judged.b if right == Right.A else judged.a
        assert wrong.first_wrong == wanted
        assert judged.computed_steps == 1
        shown = judged.log.operations[judged.target]
        described = [*shown.inputs.values(), *shown.outputs.values()]
        assert {value.digest for value in described} <= judged.log.values.keys()


def test_without_a_carried_state_the_segment_is_computed_up_to_the_step(case, honest, forge):
    plain = replace(honest, log=replace(honest.log, state=None))
    judged = case.judge(plain, replace(plain, steps=_spoil(plain, STEP)))
    assert (judged.right, judged.computed_steps) == (Right.A, STEP)


def _spoil(transcript, step):
    """Return the steps with another state root at ``step``."""
    index = step - transcript.first
    steps = list(transcript.steps)
    steps[index] = replace(steps[index], state_root=b"x" * 32)
    return tuple(steps)


def test_two_different_forgeries_are_both_told(mlp, monkeypatch, forge):
    forge("silent_rate", STEP)
    a = mlp.tell()
    forge("flip", STEP)
    b = mlp.tell()
    monkeypatch.undo()
    judged = mlp.judge(a, b)
    assert judged.right == Right.NEITHER
    assert judged.log.operations[judged.target].name == "micro-batch 0: backward 02 linear01"
    assert (judged.a.operation, judged.b.operation) == (True, False)
    assert judged.a.first_wrong == "optimizer linear00.bias"
    assert judged.b.first_wrong == "micro-batch 0: backward 02 linear01"


def test_both_wrong_in_the_same_way_before_they_part(mlp, monkeypatch, forge):
    forge("rate", 2)
    a = mlp.tell(step=None)
    forge("order", STEP)
    b = mlp.tell(step=None)
    monkeypatch.undo()
    judged = mlp.judge(a, b)
    assert find_step(a, b).step == STEP
    assert (judged.right, judged.diverges, judged.computed_steps) == (Right.NEITHER, 2, 2)


def test_a_state_that_both_agree_on_is_believed_only_with_its_root(mlp, monkeypatch, forge):
    honest = mlp.tell()
    forge("rate", STEP)
    forged = mlp.tell(step=None)
    monkeypatch.undo()
    other = bytearray(honest.log.state)
    other[0] ^= 1
    lied = replace(honest, log=replace(honest.log, state=bytes(other)))
    assert mlp.judge(honest, forged).computed_steps == 1
    judged = mlp.judge(lied, forged)
    assert (judged.right, judged.computed_steps) == (Right.A, STEP)


def test_one_log_is_held_against_what_is_computed(mlp, monkeypatch, forge):
    honest = mlp.tell(step=None)
    forge("flip", STEP)
    forged = mlp.tell()
    monkeypatch.undo()
    judged = mlp.judge(honest, forged)
    assert (judged.right, judged.a.operation, judged.b.operation) == (Right.A, None, False)
    assert judged.log.operations[judged.target].name == "micro-batch 0: backward 02 linear01"
    judged = mlp.judge(honest, replace(forged, log=None))
    assert (judged.right, judged.target) == (Right.A, None)


def test_inputs_that_came_from_nowhere_are_told_as_such(mlp):
    honest = mlp.tell()
    operations = list(honest.log.operations)
    index = next(i for i, o in enumerate(operations) if o.name.startswith("optimizer"))
    rate = replace(operations[index].inputs["rate"], digest=b"r" * 32)
    inputs = operations[index].inputs | {"rate": rate}
    operations[index] = replace(operations[index], inputs=inputs)
    log = replace(honest.log, operations=tuple(operations))
    found = compare_operations(honest.log, log)
    assert (found.index, found.part, found.values) == (index, "inputs", ("rate",))
    shorter = replace(honest.log, operations=tuple(operations[:index]))
    assert compare_operations(honest.log, shorter).part == "operation"


def test_an_error_of_the_work_is_judged_too(mlp, monkeypatch):
    honest = mlp.tell(step=None)
    real = Run._choose_rate

    def choose(self, step):
        if step == STEP:
            raise NonFiniteValue("made up")
        return real(self, step)

    monkeypatch.setattr(Run, "_choose_rate", choose)
    aborted = mlp.tell()
    monkeypatch.undo()
    assert aborted.ending == Ending(STEP, "training.non_finite")
    assert isinstance(aborted.log, StepLog)
    judged = mlp.judge(aborted, honest)
    assert (judged.right, find_step(aborted, honest).parts) == (Right.B, ("ending",))


def test_transcripts_of_other_work_are_refused(mlp):
    honest = mlp.tell()
    subject = replace(honest.subject, task=b"t" * 32)
    for other in (
        replace(honest, subject=subject),
        replace(honest, segment=2),
        replace(honest, start_root=b"r" * 32),
    ):
        with pytest.raises(ForeignTranscript, match="differ in"):
            check_comparable(honest, other)
    forged = replace(honest, steps=_spoil(honest, STEP))
    other_plan = replace(mlp.plan, init_seed=b"i" * 32)
    work = replace(mlp.work, assignment=replace(mlp.work.assignment, plan=other_plan))
    with pytest.raises(ForeignTranscript, match="another plan"):
        judge_step(work, mlp.start, honest, forged, STEP)
    with pytest.raises(ForeignTranscript, match="another state"):
        judge_step(mlp.work, honest.log.state, honest, forged, STEP)
    with pytest.raises(ForeignTranscript, match="more steps"):
        judge_step(mlp.work, mlp.start, honest, forged, 5)


def test_the_log_of_another_step_is_not_used(mlp):
    told = mlp.tell(step=2)
    assert choose_log(told, 2) is told.log
    assert choose_log(told, STEP) is None
