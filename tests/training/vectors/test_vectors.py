"""The files of ``tests/vectors/training`` against the product."""

import json
import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from tests.training.vectors import measures
from tests.training.vectors.files import load, show_all
from tests.training.vectors.perceptron import Perceptron
from walrusd.core import protocol
from walrusd.crypto.number_tree import compute_update_root
from walrusd.errors import MalformedData, NonFiniteValue
from walrusd.training.native.library import definitions_only
from walrusd.training.numerics import arith, functions, random
from walrusd.training.operators.elementwise import dropout
from walrusd.training.plan.optimspec import AdamWSpec, SgdSpec
from walrusd.training.plan.plan import parse_plan, read_plan
from walrusd.training.plan.schedule import ScheduleSpec
from walrusd.training.run.clipping import clip_by_global_norm, compute_global_norm
from walrusd.training.run.data import DatasetRows
from walrusd.training.run.optim import build_optimizer
from walrusd.training.run.replay import evaluate
from walrusd.training.run.state import (
    compute_state_root,
    deserialize_state,
    initial_state,
    serialize_state,
)
from walrusd.training.run.trace import Assignment, Trace
from walrusd.training.run.trainer import SegmentAbort, SegmentResult, train
from walrusd.training.run.update import (
    compute_cost,
    compute_step_cost,
    compute_update,
    update_to_bytes,
)
from walrusd.training.run.weights import init_weights


@pytest.fixture(autouse=True, params=["kernels", "definitions"])
def _both_ways(request):
    """Run every test with the compiled kernels, where there are any, and in plain torch."""
    with definitions_only() if request.param == "definitions" else nullcontext():
        yield


def number(text):
    return float.fromhex(text)


def tensor(values, dtype=torch.float32):
    return torch.from_numpy(np.array(as_numbers(values), np.float64)).to(dtype)


def as_numbers(values):
    return [as_numbers(v) for v in values] if isinstance(values, (list, tuple)) else number(values)


def bits(value):
    """Return values in a form in which equal ones have equal bits; the sign of zero is open."""
    return (torch.as_tensor(value) + 0.0).tolist()


@pytest.mark.parametrize("name", ["exp2", "exp", "log", "sqrt", "rsqrt"])
def test_functions(name):
    function = {"rsqrt": "reciprocal_sqrt"}.get(name, name)
    arguments, expected = zip(*load("functions")[name], strict=True)
    assert bits(getattr(functions, function)(tensor(arguments))) == as_numbers(expected)


def test_folds():
    for case in load("functions")["fold"]:
        values = tensor(case["values"])
        assert arith.fold(values).item() == number(case["fold"])
        assert arith.mean(values).item() == number(case["mean"])


def test_grids():
    for case in load("grids")["grids"]:
        rounded, unit = as_numbers(case["rounded"]), math.ldexp(1.0, case["unit_exponent"])
        assert [n * unit for n in case["integers"]] == rounded
        wide = tensor(case["values"], torch.float64)
        if not case["name"].startswith("f64"):
            assert bits(wide.float().double()) == bits(wide)
            assert bits(arith.quantise(wide.float()).values.double()) == rounded
        assert bits(arith.quantise_wide(wide[None, :, None].clone()).values.view(-1)) == rounded


def test_products():
    told = load("grids")
    small = told["product"]
    left, right = (arith.quantise(tensor(small[side])) for side in ("left", "right"))
    product = arith.mm(left, right)
    assert bits(product) == as_numbers(small["product"])
    assert bits(arith.fold(product)) == as_numbers(told["folds_of_its_rows"])
    assert arith.fold(product.reshape(-1)).item() == number(told["fold_of_all"])
    sums = arith.sum_rows(arith.quantise(product))
    assert bits(sums) == as_numbers(told["exact_sums_of_its_columns"])

    long, seed = told["long_product"], bytes.fromhex(told["seed"])
    drawn = [
        torch.from_numpy(random.compute_uniform(seed, 0, name, tuple(shape), number(bound)))
        for name, shape, bound in (long["drawn"]["left"], long["drawn"]["right"])
    ]
    assert bits(arith.mm(*map(arith.quantise, drawn))) == as_numbers(long["product"])


def test_random_numbers():
    told = load("random")
    seed = bytes.fromhex(told["seed"])
    for case in told["streams"]:
        stream = random.compute_stream(seed, case["step"], case["name"], 40)
        assert stream.hex() == case["bytes"]
    taken = told["steps"]
    for step, rows in enumerate(taken["from_step_1"], 1):
        found = random.batch_rows(seed, step, taken["batch"], taken["rows"])
        assert found.tolist() == rows
        # Two steps an epoch.
        order = told["orders"][(step - 1) // 2]["order"]
        assert rows == order[(step - 1) % 2 * 4 :][:4]
    drawn = told["uniform"]
    values = random.compute_uniform(seed, 0, drawn["name"], (8,), number(drawn["bound"]))
    assert values.tolist() == as_numbers(drawn["values"])
    mask = told["dropout"]
    stream = f"dropout/{mask['micro_batch']}/{mask['name']}"
    kept = random.draw_kept(seed, mask["step"], stream, (24,), mask["threshold"])
    assert kept.astype(int).tolist() == mask["kept"]
    after = dropout(torch.ones(24), torch.from_numpy(kept), mask["threshold"])
    assert after.tolist() == [bit * number(mask["factor"]) for bit in mask["kept"]]


def test_rates():
    for case in load("rates")["rates"]:
        told = case["schedule"]
        schedule = ScheduleSpec(told["kind"], told["warmup_steps"], number(told["floor"]))
        for step, rate in case["rates"]:
            assert schedule.rate(number(case["lr"]), step, case["steps"]) == number(rate), case


def test_every_schedule_is_there_with_its_last_step():
    cases = load("rates")["rates"]
    assert {case["schedule"]["kind"] for case in cases} == {"constant", "cosine"}
    assert all(case["rates"][-1][0] == case["steps"] for case in cases)
    ends = [case for case in cases if case["schedule"]["floor"] == "0x0p+0"]
    ends = [case for case in ends if case["schedule"]["kind"] == "cosine"]
    ends = [case for case in ends if case["steps"] > case["schedule"]["warmup_steps"]]
    assert len(ends) == 3
    assert {case["rates"][-1][1] for case in ends} == {"0x0p+0"}


def run_optimizer(spec, told, weights, slots, powers):
    """Yield the optimizer and the weights after each step of the file."""
    optimizer = build_optimizer(spec, [{"it": slot} for slot in slots], powers)
    for gradient, rate in zip(told["gradients"], told["rates"], strict=True):
        optimizer.step({"it": weights}, {"it": tensor(gradient).view(weights.shape)}, number(rate))
        yield optimizer, bits(weights.view(-1))


def test_sgd():
    told = load("optimizers")
    spec = SgdSpec(lr=0.05, momentum=number(told["sgd"]["momentum"]))
    weights = tensor(told["weights"])
    found = run_optimizer(spec, told, weights, [torch.zeros(4)], [])
    for after, (optimizer, values) in zip(told["sgd"]["steps"], found, strict=True):
        assert values == as_numbers(after["weights"])
        assert bits(optimizer.slots[0]["it"]) == as_numbers(after["momentum"])


@pytest.mark.parametrize(("name", "shape"), [("matrix", (2, 2)), ("vector", (4,))])
def test_adamw(name, shape):
    told = load("optimizers")
    fields = ("beta1", "beta2", "epsilon", "weight_decay")
    spec = AdamWSpec(lr=0.05, **{key: number(told["adamw"][key]) for key in fields})
    slots = [torch.zeros(shape), torch.zeros(shape)]
    found = run_optimizer(spec, told, tensor(told["weights"]).view(shape), slots, [1.0, 1.0])
    for after, (optimizer, values) in zip(told["adamw"][name], found, strict=True):
        assert values == as_numbers(after["weights"])
        assert optimizer.powers == as_numbers(after["powers"])
        for slot, sums in zip(optimizer.slots, ("first", "second"), strict=True):
            assert bits(slot["it"].view(-1)) == as_numbers(after[sums])


def test_clipping():
    told = load("optimizers")["clipping"]
    for case in told["cases"]:
        gradient = tensor(told["gradient"])
        assert compute_global_norm([gradient]) == number(case["norm"])
        clip_by_global_norm([gradient], number(case["limit"]))
        assert bits(gradient) == as_numbers(case["clipped"])
    assert {case["factor"] == "0x1p+0" for case in told["cases"]} == {True, False}


def test_costs():
    for case in load("costs")["costs"]:
        losses = as_numbers(case["losses"])
        assert compute_step_cost(losses) == case["step_cost"]
        if case["cost"] is not None:
            assert compute_cost(losses) == case["cost"]


@pytest.fixture(scope="module")
def runs():
    return load("runs")


def carry_out(told, document, rows):
    """Return the events of a run that are not progress, its seed and its weights."""
    plan = parse_plan(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())
    weights = init_weights(plan)
    seed = bytes.fromhex(load("runs")["run"]["context"]["seed"])
    assignment = Assignment(plan, bytes.fromhex(told["ctx"]), seed, load("runs")["run"]["slots"])
    start = serialize_state(plan, initial_state(plan, weights))
    source = DatasetRows(plan.dataset, b"".join(map(bytes.fromhex, rows)))
    events = train(assignment, source, start, weights=weights)
    ends = [event for event in events if isinstance(event, (SegmentResult, SegmentAbort))]
    return plan, weights, source, start, ends


def check_segments(told, ends):
    for segment, event in zip(told["segments"], ends, strict=True):
        record = event.record
        assert record.chain.hex() == segment["chain"]
        assert record.state_root.hex() == segment["state_root"]
        assert record.slot_root.hex() == segment["slot_root"]
        assert record.leaf.hex() == segment["leaf"]
        if isinstance(event, SegmentResult):
            losses = [as_numbers(step["losses"]) for step in segment["steps"]]
            assert [list(step) for step in record.losses] == losses


def test_a_run_to_its_end(runs):
    told = runs["run"]
    plan, weights, rows, start, ends = carry_out(told, told["plan"], told["rows"])
    assert plan.to_bytes().decode() == told["canonical"]
    assert plan.digest().hex() == told["plan_digest"]
    for name, values in told["initial_weights"].items():
        assert bits(weights[name].reshape(-1)) == as_numbers(values)
    assert compute_state_root(plan, start).hex() == told["state_root_0"]
    check_segments(told, ends)
    assert ends[-1].state_bytes.hex() == told["final_state"]
    trace = Trace(bytes.fromhex(told["state_root_0"]), [event.record for event in ends])
    assert (trace.leaves[0].hex(), trace.root.hex()) == (told["leaf_0"], told["trace_root"])
    assert compute_cost(x for step in ends[-1].record.losses for x in step) == told["cost"]
    end = deserialize_state(plan, ends[-1].state_bytes).weights
    update = compute_update(plan, weights, end)
    assert update.tolist() == told["update"]
    assert update_to_bytes(update).hex() == told["update_bytes"]
    assert compute_update_root(update).hex() == told["update_root"]
    check_evaluation(evaluate(plan, end, rows), told["evaluation"])


def check_evaluation(found, told):
    assert [found.correct, found.places, found.rows] == [
        told[key] for key in ("correct", "places", "rows")
    ]
    assert (found.accuracy, found.loss) == (number(told["accuracy"]), number(told["loss"]))


@pytest.fixture(scope="module")
def long_evaluation(runs):
    """A plan, more rows than a piece has, and what an evaluation of its weights on them gives."""
    document = runs["run"]["plan"]
    document = document | {"model": document["model"] | {"hidden": [4]}}
    data = random.compute_stream(bytes(32), 0, "it", 4 * 1030)
    rows = [bytes([*data[i : i + 3], data[i + 3] % 3]) for i in range(0, len(data), 4)]
    rows[1024:] = [bytes([*(byte // 9 for byte in row[:3]), row[3]]) for row in rows[1024:]]
    expected = measures.evaluate(Perceptron(document, bytes(32), rows))
    return read_plan(document), b"".join(rows), show_all(expected)


def test_an_evaluation_of_more_than_one_piece(long_evaluation):
    """Its pieces have grids of their own: the activations of the last rows are the smallest."""
    plan, rows, expected = long_evaluation
    check_evaluation(evaluate(plan, init_weights(plan), DatasetRows(plan.dataset, rows)), expected)


def test_an_evaluation_ends_at_a_loss_that_is_not_finite(runs):
    plan = read_plan(runs["run"]["plan"])
    weights = {name: np.zeros_like(values) for name, values in init_weights(plan).items()}
    weights["linear01.bias"] = np.array([3e38, -3e38, 0.0], np.float32)
    rows = DatasetRows(plan.dataset, bytes([0, 0, 0, 0]))
    assert evaluate(plan, weights, rows).loss == 0.0
    with pytest.raises(NonFiniteValue, match="a loss"):
        evaluate(plan, weights, DatasetRows(plan.dataset, bytes([0, 0, 0, 1])))
    with pytest.raises(MalformedData, match="no rows"):
        evaluate(plan, weights, DatasetRows(plan.dataset, b""))


def test_the_context_of_a_run(runs):
    told = runs["run"]
    fields = {key: bytes.fromhex(value) for key, value in told["context"].items()}
    assert protocol.TraceContext(**fields).digest().hex() == told["ctx"]


def test_rates_and_rows_of_a_run(runs):
    told = runs["run"]
    plan, seed = read_plan(told["plan"]), bytes.fromhex(told["context"]["seed"])
    steps = [step for segment in told["segments"] for step in segment["steps"]]
    assert [step["step"] for step in steps] == [1, 2, 3, 4]
    for step in steps:
        assert plan.rate(step["step"]) == number(step["rate"])
        rows = random.batch_rows(seed, step["step"], plan.batch, len(told["rows"])).tolist()
        assert rows == step["rows"]
    assert steps[-1]["rate"] == "0x0p+0"


def test_an_abort_by_a_bad_row(runs):
    told, whole = runs["bad_row"], runs["run"]
    rows = [*whole["rows"]]
    rows[told["row"]] = told["bytes"]
    *_, ends = carry_out(told, whole["plan"], rows)
    check_segments(told, ends)
    check_abort(told, ends)


def test_an_abort_by_an_update_that_is_too_large(runs):
    told, whole = runs["overflow"], runs["run"]
    plan, *_, ends = carry_out(told, whole["plan"] | {"update": told["update"]}, whole["rows"])
    assert plan.digest().hex() == told["plan_digest"]
    check_segments(told, ends[1:])
    check_abort(told, ends)


def check_abort(told, ends):
    last = ends[-1]
    assert isinstance(last, SegmentAbort)
    assert told["abort"] == {
        "segment": last.record.segment,
        "step": last.step,
        "code": int(last.code),
    }
    assert last.record.losses == ()
    trace = Trace(bytes.fromhex(told["state_root_0"]), [event.record for event in ends])
    assert trace.root.hex() == told["trace_root"]
