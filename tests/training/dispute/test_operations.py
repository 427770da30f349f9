"""The list of operations: a function of the plan, and what every run does."""

from collections import Counter

import pytest
import torch

from tests.golden.plans import MODELS, make_document
from tests.training.random_plans import make_case
from walrusd.core.protocol import TraceContext
from walrusd.crypto import merkle
from walrusd.crypto.tags import Tag, hash_tagged
from walrusd.crypto.tensors import compute_tensor_root
from walrusd.errors import MalformedData, OperationMismatch, PlanRefused
from walrusd.training.dispute import step_end
from walrusd.training.dispute.forms import Form
from walrusd.training.dispute.operation import InputSource, OperationList
from walrusd.training.dispute.operations import compute_operations
from walrusd.training.dispute.oplog import OperationLog
from walrusd.training.dispute.recording import SegmentWork, Watch, record_steps
from walrusd.training.dispute.transcript import Beginning
from walrusd.training.dispute.values import iterate_blocks, read_array, read_numbers
from walrusd.training.dispute.watched import WatchedLayer, WatchedMap, WatchedResidual
from walrusd.training.plan.plan import parse_plan, read_plan
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.state import (
    compute_state_root,
    initial_state,
    make_state_manifest,
    serialize_state,
)
from walrusd.training.run.trace import Assignment, WorkChain
from walrusd.training.run.weights import init_weights, select_frozen, weights_from_bytes

QUICK = range(28)
"""Two of each kind of model in each profile."""
MANY = range(28, 400)


class Outputs:
    """Takes the outputs of a step and keeps them whole."""

    def __init__(self):
        self.operations, self.values, self.digests = [], [], []

    def start(self, operation):
        self.operations.append(operation)
        self.values.append(b"")

    def take(self, block, hashes):
        assert len(hashes) == 32 * -(-len(block) // 4096)
        self.values[-1] += block

    def finish(self, digest):
        self.digests.append(digest)


class Watched:
    """The first step of a random case, watched."""

    def __init__(self, seed, step=1):
        torch.set_num_threads(1)
        case = make_case(seed)
        self.plan = parse_plan(case.plan)
        self.weights = (
            init_weights(self.plan)
            if case.weights is None
            else weights_from_bytes(self.plan, case.weights)
        )
        rows = DatasetRows(self.plan.dataset, case.rows)
        subject = TraceContext(*(bytes([i]) * 32 for i in range(7)))
        assignment = Assignment(self.plan, subject.digest(), subject.seed, 3)
        frozen = select_frozen(self.plan, self.weights)
        self.state = initial_state(self.plan, self.weights)
        self.start = serialize_state(self.plan, self.state)
        beginning = Beginning(subject, 1, compute_state_root(self.plan, self.start))
        chain = WorkChain(subject.digest(), 1, beginning.start_root)
        self.outputs = Outputs()
        self.records = list(
            record_steps(
                SegmentWork(assignment, subject, rows, frozen),
                beginning,
                self.state,
                chain,
                self.plan.segment_range(1),
                watch=Watch(step, self.outputs),
            )
        )
        self.operations = compute_operations(self.plan)

    def find(self, name):
        """Return the number of the operation of a name."""
        return next(each.number for each in self.operations if each.name == name)


def watch(seed):
    """Return a case's first step, or None if the case has no step that anybody can do."""
    try:
        return Watched(seed)
    except (PlanRefused, MalformedData):
        return None


def check(seed):
    watched = watch(seed)
    if watched is None:
        return
    listed, told = list(watched.operations), watched.outputs.operations
    assert told == listed[: len(told)]
    assert (len(told) == len(listed)) == (watched.records[0].code is None)
    assert [len(value) for value in watched.outputs.values] == [each.form.size for each in told]
    check_list(watched.plan, listed)


def check_list(plan, listed):
    """Check what every list must have, whatever the plan: names, order, sources, uses."""
    assert [each.number for each in listed] == list(range(len(listed)))
    assert max(Counter(each.name for each in listed).values()) == 1
    assert [each.name for each in listed[-2:]] == ["chain", "state"]
    operations = compute_operations(plan)
    assert len(operations) == len(listed)
    state = {entry.name for entry in make_state_manifest(plan).entries}
    frozen = {tensor.name for tensor in plan.model.frozen_tensors()}
    known = {
        InputSource.STATE: state,
        InputSource.FROZEN: frozen,
        InputSource.DATASET: {"rows"},
        InputSource.RECORD: {"chain"},
        InputSource.CONSTANT: {"seed", "step", "micro-batch"},
    }
    used = set()
    for operation in listed:
        assert operations[operation.number] == operation
        for given in operation.inputs:
            if given.source == InputSource.OPERATION:
                assert 0 <= given.place < operation.number
                used.add(given.place)
            else:
                assert given.of in known[given.source], given
    # Only gradients may lead nowhere: adapters and the lowest layers need some of them alone.
    unused = [each.kind for each in listed[:-2] if each.number not in used]
    assert all(".backward" in kind or kind.endswith(".sum") for kind in unused)


@pytest.mark.parametrize("seed", QUICK)
def test_a_run_does_the_operations_of_its_plan(seed):
    check(seed)


@pytest.mark.slow
def test_every_run_does_the_operations_of_its_plan():
    for seed in MANY:
        check(seed)


def test_every_kind_of_layer_is_among_them():
    kinds = set()
    for seed in QUICK:
        kinds |= {
            each.kind.partition(".")[0]
            for each in compute_operations(parse_plan(make_case(seed).plan))
        }
    assert kinds >= {
        "linear", "conv2d", "embedding", "positions", "layer_norm", "rms_norm", "relu", "gelu",
        "silu", "dropout", "attention", "gated_mlp", "average_pool", "flatten", "residual", "mse",
        "softmax-cross-entropy", "clip", "norm", "add", "accumulate", "sgd", "adamw",
    }  # fmt: skip


def find_case(wanted):
    for seed in MANY:
        plan = parse_plan(make_case(seed).plan)
        if wanted(plan):
            watched = watch(seed)
            if watched is not None and watched.records[0].code is None:
                return watched
    raise AssertionError("no such case")


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_inputs_that_the_list_names_are_those_of_the_run(optimizer):
    """Sums of the outputs that the list names are, number by number, what the run put out."""
    watched = find_case(
        lambda plan: plan.optimizer.kind == optimizer and len(plan.micro_batches) > 2
    )
    plan, outputs = watched.plan, watched.outputs

    def read(number):
        return read_numbers(watched.operations[number].form, outputs.values[number])

    summed = 0
    for operation in watched.operations:
        if operation.kind in {"accumulate", "add", "residual.forward", "residual.backward"}:
            left, right = (read(each.place) for each in operation.inputs)
            assert ((left + right) + 0.0 == read(operation.number)).all(), operation
            summed += 1
    assert summed
    losses = watched.operations[watched.find("losses")]
    assert [read(each.place)[0] for each in losses.inputs] == read(losses.number).tolist()
    weights = {tensor.name for tensor in plan.model.tensors()}
    for name in weights:
        moved = watched.operations[watched.find(f"optimizer {name}: weight")]
        names = [each.name for each in moved.inputs]
        assert names[: 1 + len(plan.optimizer.slots)] == ["weight", *plan.optimizer.slots]


@pytest.mark.parametrize("seed", range(14))
def test_every_layer_is_given_what_the_list_says(seed, monkeypatch):
    """What goes into a layer, forward and backward, is the output that the list names."""
    given, logs = {}, []
    begin = OperationLog.__init__

    def start(self, *arguments):
        logs.append(self)
        begin(self, *arguments)

    def read(x):
        tensor = x if isinstance(x, torch.Tensor) else x.values.float()
        return b"".join(iterate_blocks(read_array(tensor)))

    def spy(kind, way, argument):
        real = getattr(kind, way)

        def call(self, x, *rest, **named):
            given[f"{logs[-1].prefix}{way} {self._name}", argument] = read(x)
            return real(self, x, *rest, **named)

        monkeypatch.setattr(kind, way, call)

    monkeypatch.setattr(OperationLog, "__init__", start)
    for kind in (WatchedLayer, WatchedResidual, WatchedMap):
        spy(kind, "forward", "x")
        spy(kind, "backward", "dy")
    watched = watch(seed)
    if watched is None or watched.records[0].code is not None:
        return
    compared = 0
    for operation in watched.operations:
        for each in operation.inputs:
            name = operation.name.rpartition(": ")[0] if each.name == "dy" else operation.name
            found = given.get((operation.name, each.name), given.get((name, each.name)))
            if found is not None and each.source == InputSource.OPERATION:
                assert found == watched.outputs.values[each.place], (operation, each)
                compared += 1
    assert compared >= len(given)


def test_the_state_root_follows_from_the_outputs():
    """The inputs of the last operation, and the number of the step, are the state's entries."""
    watched = find_case(lambda plan: plan.optimizer.kind == "adamw")
    plan, outputs = watched.plan, watched.outputs
    manifest = make_state_manifest(plan)
    state = watched.operations[len(watched.operations) - 1]
    roots = {}
    for given in state.inputs:
        form = watched.operations[given.place].form
        roots[given.name] = compute_tensor_root(read_numbers(form, outputs.values[given.place]))
    step = (1).to_bytes(8, "little")
    roots["step"] = compute_tensor_root(read_numbers(Form("i64"), step))
    root = merkle.compute_root([roots[entry.name] for entry in manifest.entries])
    assert set(roots) == {entry.name for entry in manifest.entries}
    assert hash_tagged(Tag.STATE, manifest.digest(), root) == outputs.digests[-1]
    record = watched.records[0]
    assert (record.chain, record.state_root) == tuple(outputs.digests[-2:])
    for name, part in (("losses", record.losses), ("folds", record.folds)):
        number = watched.find(name)
        values = read_numbers(watched.operations[number].form, outputs.values[number])
        assert compute_tensor_root(values) == part


@pytest.mark.parametrize("model", MODELS)
def test_the_list_is_the_same_when_it_is_read_in_any_order(model):
    plan = read_plan(make_document(model))
    listed = list(compute_operations(plan))
    check_list(plan, listed)
    operations = compute_operations(plan)
    assert [operations[number] for number in range(len(listed) - 1, -1, -1)] == listed[::-1]
    for number in (-1, len(listed)):
        with pytest.raises(IndexError):
            operations[number]


def test_a_plan_with_many_micro_batches_is_not_listed_whole():
    document = make_document("mlp") | {"batch": 65_536, "micro_batches": [1] * 65_536}
    operations = compute_operations(read_plan(document))
    tensors = 6
    assert len(operations) == operations_of_first(document) + 65_535 * (
        operations_of_first(document) + tensors
    ) + len(compute_operations(read_plan(make_document("mlp")))) - (
        2 * operations_of_first(document) + tensors
    )
    last = operations[len(operations) - 1]
    assert last.name == "state"
    middle = operations[len(operations) // 2]
    assert middle.name.startswith("micro-batch 32")


def operations_of_first(document):
    plan = read_plan(document)
    names = (each.name for each in compute_operations(plan))
    return next(number for number, name in enumerate(names) if name.startswith("micro-batch 1:"))


def test_a_run_that_differs_from_the_list_fails(monkeypatch):
    """Whatever is left out, added, renamed or of another shape."""
    seed = next(seed for seed in QUICK if parse_plan(make_case(seed).plan).clipping and watch(seed))
    real = OperationLog.put
    puts = {
        "left out": lambda self, name, value: None if name == "norm" else real(self, name, value),
        "twice": lambda self, name, value: [real(self, name, value), real(self, name, value)],
        "renamed": lambda self, name, value: real(self, name + "x", value),
        "of another shape": lambda self, name, value: real(
            self, name, value[None] if name == "folds" else value
        ),
        "of another type": lambda self, name, value: real(
            self, name, value.double() if name == "folds" else value
        ),
    }
    for put in puts.values():
        monkeypatch.setattr(OperationLog, "put", put)
        with pytest.raises(OperationMismatch):
            Watched(seed)
    monkeypatch.setattr(OperationLog, "put", real)
    put_hash = OperationLog.put_hash
    for change in (
        lambda self, name, value: None if name == "state" else put_hash(self, name, value),
        lambda self, name, value: [put_hash(self, each, value) for each in (name, name)],
    ):
        monkeypatch.setattr(OperationLog, "put_hash", change)
        with pytest.raises(OperationMismatch):
            Watched(seed)


def test_a_list_that_lacks_an_operation_is_noticed_too(monkeypatch):
    real = OperationList.add

    def add(self, kind, name, form, *inputs):
        return len(self.operations) if kind == "rate" else real(self, kind, name, form, *inputs)

    monkeypatch.setattr(step_end.OperationList, "add", add)
    with pytest.raises(OperationMismatch, match="choose rate"):
        Watched(0)


def test_gradients_go_no_lower_than_the_first_trained_tensor():
    plan = read_plan(make_document("llama-lora"))
    backward = {each.name for each in compute_operations(plan) if "backward" in each.name}
    assert not any("tokens" in name or " 00 " in name for name in backward)
    assert plan.model.lowest_trained == 1
