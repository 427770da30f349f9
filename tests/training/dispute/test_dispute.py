"""Bisection: honest transcripts agree, a forged one is narrowed to what was forged."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.golden.plans import make_document
from tests.golden.run import make_rows
from tests.support.transcripts import make_output, read_transcript, rewrite, write_transcript
from walrusd.core.protocol import TraceContext
from walrusd.errors import ForeignTranscript, MalformedTranscript, NonFiniteValue
from walrusd.training.dispute.comparing import (
    OutputDifference,
    check_comparable,
    find_output,
    find_step,
)
from walrusd.training.dispute.dispute import Right, judge_step
from walrusd.training.dispute.operation import InputSource
from walrusd.training.dispute.operations import compute_operations
from walrusd.training.dispute.recording import SegmentWork
from walrusd.training.dispute.writer import Wanted
from walrusd.training.layers.linear import Map
from walrusd.training.layers.prepared import Gradients
from walrusd.training.plan.plan import read_plan
from walrusd.training.run import step as stepping
from walrusd.training.run.aborts import AbortCode
from walrusd.training.run.state import initial_state, serialize_state
from walrusd.training.run.step import Run
from walrusd.training.run.trace import Assignment
from walrusd.training.run.trainer import SegmentAbort, attempt_segment, run_segment
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
        self.operations = compute_operations(self.plan)
        names = TraceContext.__annotations__
        fields = {name: bytes([i]) * 32 for i, name in enumerate(names)}
        self.subject = TraceContext(**fields | {"plan_digest": self.plan.digest()})
        weights = init_weights(self.plan)
        self.start = serialize_state(self.plan, initial_state(self.plan, weights))
        rows = make_rows(self.plan)
        assignment = Assignment(self.plan, self.subject.digest(), self.subject.seed, 3)
        self.work = SegmentWork(assignment, self.subject, rows, select_frozen(self.plan, weights))

    def write(self, step=STEP, *, values=True):
        wanted = None if step is None else Wanted(step, (1 << 26) if values else 0)
        return write_transcript(self.work, self.start, 1, wanted)

    def tell(self, step=STEP, *, values=True):
        return read_transcript(self.plan, self.write(step, values=values))

    def lie(self, raw, **lies):
        return read_transcript(self.plan, rewrite(self.plan, raw, **lies))

    def judge(self, a, b):
        check_comparable(a, b)
        return judge_step(self.work, self.start, a, b, find_step(a, b).step)

    def number(self, name):
        return next(operation.number for operation in self.operations if operation.name == name)

    def backward(self, tensor):
        """Return the number of the first gradient of a tensor."""
        return next(
            each.number
            for each in self.operations
            if "backward" in each.name and each.name.endswith(f": {tensor}")
        )


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


@pytest.fixture(scope="module")
def written(mlp):
    return mlp.write()


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


@pytest.mark.parametrize("model", ["mlp", "convnet", "gpt", "llama-lora", "regression-q8r"])
def test_a_transcript_is_of_the_work_that_a_replay_does(model):
    case = Case(model)
    made = case.tell()
    *_, result = run_segment(case.work.assignment, case.work.rows, case.start, 1, case.work.frozen)
    last = made.get_record(made.steps[-1])
    assert (last.chain, last.state_root) == (result.record.chain, result.record.state_root)
    assert made.log.count == len(case.operations)
    losses = case.number("losses")
    told = np.frombuffer(made.log.read_leaf(losses, 0), "<f4")
    assert tuple(told.tolist()) == result.record.losses[STEP - made.steps.start]


def test_honest_transcripts_are_identical(case, honest):
    again = case.tell(step=2, values=False)
    assert again.tree().root() == honest.tree().root()
    assert find_step(again, honest) is None
    assert find_output(honest.log, case.tell(values=False).log) is None


@pytest.mark.parametrize("kind", ["rate", "silent_rate", "order", "flip"])
def test_a_forgery_is_narrowed_to_its_operation(case, honest, forge, monkeypatch, kind):
    flipped = FLIPPED[case.model]
    forge(kind, STEP, *([flipped] if kind == "flip" else []))
    forged = case.tell()
    monkeypatch.undo()
    first = min(tensor.name for tensor in case.plan.model.tensors())
    target = {
        "rate": lambda: case.number("choose rate"),
        "silent_rate": lambda: case.number(f"optimizer {first}: weight"),
        "order": lambda: case.number("micro-batch 0: choose rows"),
        "flip": lambda: case.backward(f"{flipped}.weight"),
    }[kind]()
    assert find_step(honest, forged).step == STEP
    assert find_output(honest.log, forged.log) == OutputDifference(target, 0)
    inputs = [i for i in case.operations[target].inputs if i.source == InputSource.OPERATION]
    for a, b, right in ((honest, forged, Right.A), (forged, honest, Right.B)):
        judged = case.judge(a, b)
        assert (judged.right, judged.target, judged.leaf) == (right, target, 0)
        assert (judged.a.operation, judged.b.operation) == (right == Right.A, right == Right.B)
        wrong, fine = (judged.b, judged.a) if right == Right.A else (judged.a, judged.b)
        assert (wrong.first_wrong, fine.first_wrong) == (target, None)
        assert judged.computed_steps == 1
        assert judged.kept.keys() == {(target, 0), *((each.place, 0) for each in inputs)}
        assert judged.kept[target, 0] == honest.log.read_leaf(target, 0)
        assert judged.kept[target, 0] != forged.log.read_leaf(target, 0)


@pytest.mark.parametrize("place", [0, 1023, 1024, 1583])
def test_a_wrong_number_is_narrowed_to_its_leaf(mlp, written, place):
    honest = read_transcript(mlp.plan, written)
    target = mlp.number("optimizer linear01.weight: weight")
    form = mlp.operations[target].form
    assert form.leaves == 2
    data = b"".join(honest.log.read_leaf(target, leaf) for leaf in range(2))
    numbers = np.frombuffer(data, "<f4").copy()
    numbers[place] += 1
    root = b"w" * 32
    wrong = mlp.lie(
        written,
        records={STEP: replace(honest.get_record(STEP), state_root=root)},
        outputs={
            target: make_output(mlp.plan, target, numbers.tobytes()),
            mlp.number("state"): b"\0" + root,
        },
    )
    leaf = place // 1024
    assert find_output(honest.log, wrong.log) == OutputDifference(target, leaf)
    judged = mlp.judge(wrong, honest)
    assert (judged.right, judged.target, judged.leaf) == (Right.B, target, leaf)
    assert judged.kept[target, leaf] == honest.log.read_leaf(target, leaf)


def test_without_a_carried_state_the_segment_is_computed_up_to_the_step(mlp, written):
    plain = mlp.lie(written, state=None)
    judged = mlp.judge(plain, _spoil(mlp, written, log=False))
    assert (judged.right, judged.computed_steps) == (Right.A, STEP)


def _spoil(case, raw, **lies):
    """Return a transcript with another state root at the step."""
    record = read_transcript(case.plan, raw).get_record(STEP)
    return case.lie(raw, records={STEP: replace(record, state_root=b"x" * 32)}, **lies)


def test_two_different_forgeries_are_both_told(mlp, monkeypatch, forge):
    forge("silent_rate", STEP)
    a = mlp.tell()
    forge("flip", STEP)
    b = mlp.tell()
    monkeypatch.undo()
    judged = mlp.judge(a, b)
    gradient = mlp.backward("linear01.weight")
    assert (judged.right, judged.target) == (Right.NEITHER, gradient)
    assert (judged.a.operation, judged.b.operation) == (True, False)
    assert judged.a.first_wrong == mlp.number("optimizer linear00.bias: weight")
    assert judged.b.first_wrong == gradient


def test_both_wrong_in_the_same_way_before_they_part(mlp, monkeypatch, forge):
    forge("rate", 2)
    a = mlp.tell(step=None)
    forge("order", STEP)
    b = mlp.tell(step=None)
    monkeypatch.undo()
    judged = mlp.judge(a, b)
    assert find_step(a, b).step == STEP
    assert (judged.right, judged.diverges, judged.computed_steps) == (Right.NEITHER, 2, 2)


def test_a_state_that_both_agree_on_is_believed_only_with_its_root(
    mlp, written, monkeypatch, forge
):
    honest = read_transcript(mlp.plan, written)
    forge("rate", STEP)
    forged = mlp.tell(step=None)
    monkeypatch.undo()
    other = bytearray(honest.log.read_state())
    other[0] ^= 1
    lied = mlp.lie(written, state=bytes(other))
    assert mlp.judge(honest, forged).computed_steps == 1
    judged = mlp.judge(lied, forged)
    assert (judged.right, judged.computed_steps) == (Right.A, STEP)


def test_one_log_is_held_against_what_is_computed(mlp, monkeypatch, forge):
    honest = mlp.tell(step=None)
    forge("flip", STEP)
    raw = mlp.write()
    monkeypatch.undo()
    forged = read_transcript(mlp.plan, raw)
    judged = mlp.judge(honest, forged)
    assert (judged.right, judged.a.operation, judged.b.operation) == (Right.A, None, False)
    assert judged.target == mlp.backward("linear01.weight")
    judged = mlp.judge(honest, mlp.lie(raw, log=False))
    assert (judged.right, judged.target) == (Right.A, None)


def test_an_error_of_the_work_is_judged_too(mlp, monkeypatch):
    honest = mlp.tell(step=None)
    real = Run._choose_rate

    def choose(self, step):
        if step == STEP:
            raise NonFiniteValue("made up")
        return real(self, step)

    monkeypatch.setattr(Run, "_choose_rate", choose)
    aborted = mlp.tell()
    *_, end = attempt_segment(mlp.work.assignment, mlp.work.rows, mlp.start, 1)
    monkeypatch.undo()
    assert isinstance(end, SegmentAbort)
    record = aborted.get_record(STEP)
    assert (record.step, record.code) == (STEP, AbortCode.NON_FINITE)
    assert aborted.get_record(STEP + 1) == record
    assert (record.chain, record.state_root) == (end.record.chain, end.record.state_root)
    assert aborted.log.count == mlp.number("choose rate")
    judged = mlp.judge(aborted, honest)
    assert (judged.right, find_step(aborted, honest).parts) == (Right.B, ("ending",))
    assert judged.target == judged.a.first_wrong == mlp.number("choose rate")


def test_a_log_whose_leaves_are_others_is_refused(mlp, written, monkeypatch, forge):
    """The digests differ, but the leaves under one of them do not lead to it."""
    forge("flip", STEP)
    raw = mlp.write(values=False)
    monkeypatch.undo()
    honest, forged = (read_transcript(mlp.plan, each) for each in (written, raw))
    target = find_output(honest.log, forged.log).number
    form, digest = mlp.operations[target].form, forged.log.digest(target)
    lied = mlp.lie(raw, outputs={target: b"\0" + bytes(32 * form.leaves) + digest})
    with pytest.raises(MalformedTranscript, match=f"operation {target} lead to another"):
        find_output(honest.log, lied.log)
    data = honest.log.read_leaf(target, 0)
    body = make_output(mlp.plan, target, b"\1" + data[1:] + honest.log.read_leaf(target, 1))
    lied = mlp.lie(
        written,
        outputs={target: b"\1" + data + honest.log.read_leaf(target, 1) + body[1 + form.size :]},
    )
    assert find_output(honest.log, lied.log) == OutputDifference(target, 0)
    with pytest.raises(MalformedTranscript, match=f"operation {target} has another hash"):
        lied.log.read_leaf(target, 0)


def test_transcripts_of_other_work_are_refused(mlp, written):
    honest = read_transcript(mlp.plan, written)
    beginning = honest.beginning
    subject = replace(beginning.subject, task=b"t" * 32)
    for other in (
        replace(beginning, subject=subject),
        replace(beginning, segment=2),
        replace(beginning, start_root=b"r" * 32),
    ):
        with pytest.raises(ForeignTranscript, match="differ in"):
            check_comparable(honest, replace(honest, beginning=other))
    forged = _spoil(mlp, written, log=False)
    other_plan = replace(mlp.plan, init_seed=b"i" * 32)
    work = replace(mlp.work, assignment=replace(mlp.work.assignment, plan=other_plan))
    with pytest.raises(ForeignTranscript, match="another plan"):
        judge_step(work, mlp.start, honest, forged, STEP)
    with pytest.raises(ForeignTranscript, match="another plan"):
        read_transcript(other_plan, written)
    with pytest.raises(ForeignTranscript, match="another state"):
        judge_step(mlp.work, honest.log.read_state(), honest, forged, STEP)


def test_the_log_of_another_step_is_not_used(mlp):
    told = mlp.tell(step=2)
    assert told.find_log(2) is told.log
    assert told.find_log(STEP) is None
